//! The kit that turns a simulator into a server.

mod engine;

pub use engine::{Captured, CapturedView, Engine, EngineError, EngineInfo, ResolvedView};
