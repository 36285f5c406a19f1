//! The suite against servers of every kind, and against faulty ones.

mod common;
mod engines;
mod faulty;
mod servers;
