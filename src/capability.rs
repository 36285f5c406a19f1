//! What a server can do, as it says itself.

use std::{fmt, time::Duration};

use crate::{CameraState, EncodingSupport, ModalitySet, Tick};

/// Something that a server may or may not be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Several images from one tick.
    CaptureSet,
    /// Several commands as one.
    Batch,
    /// Step, pause and resume simulation time.
    Step,
    /// Start over, by seed.
    Reset,
    /// Field of view and full intrinsics.
    Intrinsics,
    /// Create, destroy and list cameras; set their resolution.
    Cameras,
    /// Spawn and destroy objects.
    Spawn,
    /// List objects; get and set their transforms.
    Objects,
    /// Objects with IDs, classes and 3D boxes.
    Scene,
    /// 2D boxes and visibility.
    Boxes2d,
    /// Change materials.
    Materials,
    /// Change lights.
    Lighting,
    /// Set the time of day and the sun.
    TimeOfDay,
    /// Set the weather.
    Weather,
    /// Push frames by itself.
    Subscribe,
    /// Give up requests that have not begun.
    Cancel,
    /// Send replies to commands apart from frames, so that they need not wait.
    SeparateReplies,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 17] = [
        Self::CaptureSet,
        Self::Batch,
        Self::Step,
        Self::Reset,
        Self::Intrinsics,
        Self::Cameras,
        Self::Spawn,
        Self::Objects,
        Self::Scene,
        Self::Boxes2d,
        Self::Materials,
        Self::Lighting,
        Self::TimeOfDay,
        Self::Weather,
        Self::Subscribe,
        Self::Cancel,
        Self::SeparateReplies,
    ];

    /// The name used in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CaptureSet => "capture_set",
            Self::Batch => "batch",
            Self::Step => "step",
            Self::Reset => "reset",
            Self::Intrinsics => "intrinsics",
            Self::Cameras => "cameras",
            Self::Spawn => "spawn",
            Self::Objects => "objects",
            Self::Scene => "scene",
            Self::Boxes2d => "boxes_2d",
            Self::Materials => "materials",
            Self::Lighting => "lighting",
            Self::TimeOfDay => "time_of_day",
            Self::Weather => "weather",
            Self::Subscribe => "subscribe",
            Self::Cancel => "cancel",
            Self::SeparateReplies => "separate_replies",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerInfo {
    /// The simulator.
    pub engine_name: String,
    /// Its version.
    pub engine_version: String,
    /// Version of the protocol's extensions.
    pub protocol_version: u32,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Which images it can make.
    pub modalities: ModalitySet,
    /// How it can send them besides raw.
    pub encodings: EncodingSupport,
    /// What it accepts at the most.
    pub limits: ServerLimits,
    /// Ticks per second while running; 0: time passes only by steps.
    pub tick_rate_hz: f64,
    /// Whether simulation time stands still.
    pub paused: bool,
    /// The present tick.
    pub tick: Tick,
    /// Simulation time at that tick.
    pub sim_time: Duration,
    /// The scene.
    pub scene_name: String,
    /// The seed of the scene.
    pub seed: u64,
    /// All cameras, the default one first.
    pub cameras: Vec<CameraState>,
    /// Names that the weather can be set to.
    pub weathers: Vec<String>,
    /// Tells one run of a server from the next at the same address. Where it is empty
    /// every connection counts as another run.
    pub instance_id: String,
    /// The side socket at which a client on the same machine gets shared memory;
    /// `None` when the server offers none.
    pub shared_memory_socket: Option<String>,
}

impl ServerInfo {
    /// Whether the server has a capability.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

/// What a server accepts at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Image width, pixels.
    pub max_width: u32,
    /// Image height, pixels.
    pub max_height: u32,
    /// Size of one request.
    pub max_message_bytes: u64,
    /// Requests per stream that wait for their reply, and pushes that wait to be sent.
    pub max_in_flight: u32,
    /// Items of one batch.
    pub max_batch_items: u32,
    /// Images of one capture set.
    pub max_set_images: u32,
    /// Subscriptions open at once, of all clients.
    pub max_subscriptions: u32,
}
