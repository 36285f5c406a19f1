//! Data sets as their readers find them.

mod common;
mod disk_full;
mod formats;
mod frames;
mod pipeline;
mod preview;
mod several;
mod staging;
