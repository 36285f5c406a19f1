//! The embedded simulator.
