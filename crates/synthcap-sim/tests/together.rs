//! The simulator through its public interface.

mod commands;
mod common;
mod determinism;
mod flow;
mod geometry;
mod gltf;
mod gltf_damage;
mod gltf_limits;
