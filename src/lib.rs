//! Synthetic-data capture from simulators over one gRPC stream.
//!
//! A simulator serves; a [`Client`] asks it for images and moves its cameras and
//! objects. Every request gives back its ID at once and its result later.
//!
//! # Asking
//!
//! Everything that can be asked is a [`Request`]: a value that does nothing until
//! it is used in one of three ways.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
//! use synthcap::Client;
//!
//! let client = Client::connect(server.url()).await?;
//! let camera = client.default_camera();
//!
//! let image = camera.rgb().await?; // direct: wait for the result
//! let ticket = camera.rgb().submit()?; // streaming: the ID now, or an error at the limit
//! let another = camera.rgb().queue().await?; // the same, but wait for a place
//! assert!(another.id() > ticket.id());
//! let (first, second) = (ticket.await?, another.await?);
//! assert!(first.moment() > image.moment() && second.moment() > first.moment());
//! # client.close().await?;
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! The [`blocking`] module asks the same without an async runtime.
//!
//! # Images
//!
//! A [`Frame`] holds typed pixels with their units, and what was true when they
//! were taken: camera, pose, intrinsics, tick, and its [`Moment`] in the server's
//! order of execution, which tells whether it shows the effect of a command. The
//! modules' types say shapes and units: [`frame::Rgb`], [`frame::Depth`] (metres),
//! [`frame::Segmentation`] (instance IDs), [`frame::Normals`], [`frame::Flow`].
//!
//! Besides its ticket, a frame reaches the latest-frame buffer
//! ([`Camera::latest`]), the lossless streams ([`Camera::frames`]) and, for a
//! while, whoever knows its request's ID ([`Client::frames_of`]). The server can
//! also push ([`Client::subscribe`]).
//!
//! # Several things at once
//!
//! [`Client::capture_set`] takes images of several cameras and modalities from one
//! tick; [`Client::batch`] runs several requests as one, all or nothing;
//! [`CaptureLoop`] keeps captures in flight; [`Pool`] spreads work over several
//! servers.
//!
//! # Serving
//!
//! With the feature `server`, implement `server::Engine` and any UESynth or
//! synthcap client can use your simulator. `synthcap_sim` is one such engine.
//!
//! # Features
//!
//! * `server`: the server kit.
//! * `tls`: encrypted connections, `https://`, by rustls.
//! * `jpeg`: colour as JPEG, where pictures may lose a little to become small.
//! * `config-file`: settings from a TOML file.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod blocking;
mod capability;
mod client;
mod command;
mod encoding;
mod error;
pub mod frame;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod geometry;
mod ids;
mod io;
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
#[cfg(feature = "tls")]
mod tls;
mod token;
mod wire;

pub use capability::{Capability, ServerInfo, ServerLimits};
pub use client::{
    Batch, BatchItem, BatchReplies, Camera, CaptureLoop, Client, ClientBuilder, ClientConfig,
    Compression, Delivery, Done, FrameSet, FrameSubscription, Keepalive, KeepalivePolicy, Latest,
    Lease, LogLevel, Object, OnError, Planned, Pool, PoolBuilder, PoolResults, PoolStart,
    PoolStats, Preset, Request, Rerun, ServerState, ServerStats, SharedMemory, Stamped, Subscribe,
    Ticket, TlsFiles,
};
pub use command::{
    Answer, CaptureSet, CapturedImage, Command, Environment, Lens, Light, SceneQuery, Subscription,
    View,
};
pub use encoding::{Encoding, EncodingChoice, Encodings, Transfer};
pub use error::{Error, ErrorCode, ErrorKind};
pub use frame::{Frame, Moment, Pixels, Stamp};
pub use geometry::{Convention, Intrinsics, PartialTransform, Rotator, Transform, Vec3};
pub use ids::{CameraName, FrameSeq, ObjectName, RequestId, Tick};
pub use modality::{Modality, ModalitySet, UnknownModality};
pub use pace::{Beat, MissedBeats, PaceStats, Pacer};
pub use scene::{Box2, Box3, CameraState, Label, ObjectState, ObjectView, SceneState};
pub use session::{Backoff, DialTarget, Dialer, InputBuffering, ReconnectPolicy, ResendPolicy};
pub use stats::Stats;
pub use streams::FrameStream;
pub use token::Token;
pub use wire::encoding::EncodingSupport;

/// Compiles and runs what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles what the tutorial shows.
#[cfg(doctest)]
#[doc = include_str!("../docs/tutorial.md")]
struct Tutorial;
