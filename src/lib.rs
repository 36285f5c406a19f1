//! Synthetic-data capture from simulators over one gRPC stream.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod capability;
mod command;
mod error;
pub mod frame;
mod geometry;
mod ids;
mod modality;
pub mod proto;
mod scene;
#[cfg(feature = "server")]
pub mod server;

pub use capability::{Capability, ServerInfo, ServerLimits};
pub use command::{
    Answer, CaptureSet, CapturedImage, Command, Environment, Lens, Light, SceneQuery, View,
};
pub use error::{Error, ErrorCode, ErrorKind};
pub use frame::{Frame, Pixels};
pub use geometry::{Convention, Intrinsics, PartialTransform, Rotator, Transform, Vec3};
pub use ids::{CameraName, FrameSeq, ObjectName, RequestId, Tick};
pub use modality::{Modality, ModalitySet, UnknownModality};
pub use scene::{Box2, Box3, CameraState, Label, ObjectState, ObjectView, SceneState};
