//! What a server says of itself, as a client reads it.

use std::time::Duration;

use super::{WireError, basics, encoding::EncodingSupport};
use crate::{
    CameraState, Capability, ServerInfo, ServerLimits, Tick,
    proto::{self, Capability as Wire},
};

impl From<Capability> for Wire {
    fn from(capability: Capability) -> Self {
        match capability {
            Capability::CaptureSet => Self::CaptureSet,
            Capability::Batch => Self::Batch,
            Capability::Step => Self::Step,
            Capability::Reset => Self::Reset,
            Capability::Intrinsics => Self::Intrinsics,
            Capability::Cameras => Self::Cameras,
            Capability::Spawn => Self::Spawn,
            Capability::Objects => Self::Objects,
            Capability::Scene => Self::Scene,
            Capability::Boxes2d => Self::Boxes2d,
            Capability::Materials => Self::Materials,
            Capability::Lighting => Self::Lighting,
            Capability::TimeOfDay => Self::TimeOfDay,
            Capability::Weather => Self::Weather,
            Capability::Subscribe => Self::Subscribe,
            Capability::Cancel => Self::Cancel,
            Capability::SeparateReplies => Self::SeparateReplies,
        }
    }
}

/// The capability of a wire number; `None` for those of newer servers.
fn capability(number: i32) -> Option<Capability> {
    Capability::ALL
        .into_iter()
        .find(|capability| Wire::from(*capability) as i32 == number)
}

pub(crate) fn decode(info: proto::ServerInfo) -> Result<ServerInfo, WireError> {
    let limits = info
        .limits
        .ok_or_else(|| WireError::new("the server states no limits"))?;
    let modalities = info.modalities.iter().copied();
    let cameras = info.cameras.into_iter().map(basics::camera_state);
    Ok(ServerInfo {
        capabilities: info
            .capabilities
            .into_iter()
            .filter_map(capability)
            .collect(),
        modalities: modalities.filter_map(basics::modality).collect(),
        encodings: EncodingSupport::from_numbers(info.encodings.iter().copied()),
        limits: ServerLimits {
            max_width: limits.max_width,
            max_height: limits.max_height,
            max_message_bytes: limits.max_message_bytes,
            max_in_flight: limits.max_in_flight,
            max_batch_items: limits.max_batch_items,
            max_set_images: limits.max_set_images,
            max_subscriptions: limits.max_subscriptions,
        },
        cameras: cameras.collect::<Result<Vec<CameraState>, _>>()?,
        engine_name: info.engine_name,
        engine_version: info.engine_version,
        protocol_version: info.protocol_version,
        tick_rate_hz: info.tick_rate_hz,
        paused: info.paused,
        tick: Tick::new(info.tick),
        sim_time: Duration::from_nanos(info.sim_time_ns),
        scene_name: info.scene_name,
        seed: info.seed,
        weathers: info.weathers,
        instance_id: info.instance_id,
        shared_memory_socket: Some(info.shared_memory_socket).filter(|name| !name.is_empty()),
    })
}
