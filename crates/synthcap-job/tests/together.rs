//! Job files, and jobs without a program.

mod direct;
mod job_file;
