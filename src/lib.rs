//! Synthetic-data capture from simulators over one gRPC stream.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod blocking;
mod capability;
mod client;
mod command;
mod error;
pub mod frame;
mod geometry;
mod ids;
mod latest;
mod modality;
mod pace;
mod pending;
pub mod proto;
mod recent;
mod scene;
#[cfg(feature = "server")]
pub mod server;
mod session;
mod stats;
mod streams;
mod wire;

pub use capability::{Capability, ServerInfo, ServerLimits};
pub use client::{
    Batch, BatchItem, BatchReplies, Camera, CaptureLoop, Client, ClientBuilder, ClientConfig,
    Compression, Delivery, Done, FrameSet, FrameSubscription, Keepalive, KeepalivePolicy, Latest,
    Lease, LogLevel, Object, OnError, Planned, Pool, PoolBuilder, PoolResults, PoolStart,
    PoolStats, Preset, Request, Rerun, ServerState, ServerStats, Stamped, Subscribe, Ticket,
};
pub use command::{
    Answer, CaptureSet, CapturedImage, Command, Environment, Lens, Light, SceneQuery, Subscription,
    View,
};
pub use error::{Error, ErrorCode, ErrorKind};
pub use frame::{Frame, Moment, Pixels, Stamp};
pub use geometry::{Convention, Intrinsics, PartialTransform, Rotator, Transform, Vec3};
pub use ids::{CameraName, FrameSeq, ObjectName, RequestId, Tick};
pub use modality::{Modality, ModalitySet, UnknownModality};
pub use pace::{Beat, MissedBeats, PaceStats, Pacer};
pub use scene::{Box2, Box3, CameraState, Label, ObjectState, ObjectView, SceneState};
pub use session::{Backoff, InputBuffering, ReconnectPolicy, ResendPolicy};
pub use stats::Stats;
pub use streams::FrameStream;
