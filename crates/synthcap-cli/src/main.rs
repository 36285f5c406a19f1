//! The synthcap command.

fn main() {}
