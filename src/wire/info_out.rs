//! What a server says of itself, as it sends it.

use std::time::Duration;

use crate::{
    ServerInfo,
    proto::{self, Capability as Wire},
};

pub(crate) fn encode(info: ServerInfo, server_time_ns: u64) -> proto::ServerInfo {
    let limits = info.limits;
    proto::ServerInfo {
        engine_name: info.engine_name,
        engine_version: info.engine_version,
        protocol_version: info.protocol_version,
        capabilities: info
            .capabilities
            .into_iter()
            .map(|capability| Wire::from(capability) as i32)
            .collect(),
        modalities: info
            .modalities
            .iter()
            .map(|modality| proto::Modality::from(modality) as i32)
            .collect(),
        limits: Some(proto::ServerLimits {
            max_width: limits.max_width,
            max_height: limits.max_height,
            max_message_bytes: limits.max_message_bytes,
            max_in_flight: limits.max_in_flight,
            max_batch_items: limits.max_batch_items,
            max_set_images: limits.max_set_images,
            max_subscriptions: limits.max_subscriptions,
        }),
        tick_rate_hz: info.tick_rate_hz,
        paused: info.paused,
        tick: info.tick.get(),
        sim_time_ns: nanos(info.sim_time),
        scene_name: info.scene_name,
        seed: info.seed,
        cameras: info.cameras.into_iter().map(Into::into).collect(),
        weathers: info.weathers,
        server_time_ns,
        instance_id: info.instance_id,
        shared_memory_socket: info.shared_memory_socket.unwrap_or_default(),
        encodings: info.encodings.to_numbers(),
    }
}

/// Nanoseconds as the wire has them; saturates after 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
