//! The synthcap command: arguments, then validated settings, then a run.

mod args;
mod draw;
mod exit;
mod path;
mod progress;
mod randomize;
mod settings;

fn main() {}
