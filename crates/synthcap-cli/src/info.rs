//! `synthcap info`.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use serde_json::{Value, json};
use synthcap::ServerInfo;

use crate::{access, args::InfoArgs, exit::Result, output};

/// Pings whose best is shown: the first may pay for cold caches.
const PINGS: usize = 5;

/// Asks a server what it is and prints the answer.
///
/// # Errors
///
/// When the server cannot be reached.
pub(crate) async fn run(args: InfoArgs) -> Result<()> {
    let client = access::connect(&args.server, args.access).await?;
    let (mut best, mut info) = client.ping().await?;
    for _ in 1..PINGS {
        let (took, newer) = client.ping().await?;
        best = best.min(took);
        info = newer;
    }
    client.close().await?;
    if args.json {
        output::answer(as_json(&args.server, best, info.as_deref()))
    } else {
        output::answer(as_text(&args.server, best, info).trim_end())
    }
}

fn as_text(url: &str, round_trip: Duration, info: Option<Arc<ServerInfo>>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<14}{value}");
    };
    line("server", url.to_owned());
    line(
        "round trip",
        format!("{:.2} ms", round_trip.as_secs_f64() * 1e3),
    );
    let Some(info) = info else {
        line(
            "engine",
            "a plain UESynth server, which says nothing of itself".to_owned(),
        );
        return text;
    };
    line(
        "engine",
        format!("{} {}", info.engine_name, info.engine_version),
    );
    line("scene", format!("{} (seed {})", info.scene_name, info.seed));
    let state = if info.paused { "paused" } else { "running" };
    line(
        "time",
        format!(
            "tick {}, {:.2} s, {state}, {} Hz",
            info.tick,
            info.sim_time.as_secs_f64(),
            info.tick_rate_hz
        ),
    );
    line("modalities", list(info.modalities.iter().map(|m| m.name())));
    line(
        "capabilities",
        list(info.capabilities.iter().map(|c| c.name())),
    );
    if !info.weathers.is_empty() {
        line("weathers", list(info.weathers.iter().map(String::as_str)));
    }
    for camera in &info.cameras {
        let (l, r, lens) = (
            camera.pose.location,
            camera.pose.rotation,
            camera.intrinsics,
        );
        line(
            "camera",
            format!(
                "{}: {}x{}, {:.1} degrees wide, at ({:.0}, {:.0}, {:.0}) cm, pitch {:.1} yaw {:.1} roll {:.1}",
                camera.name,
                lens.width,
                lens.height,
                lens.horizontal_fov_deg(),
                l.x,
                l.y,
                l.z,
                r.pitch,
                r.yaw,
                r.roll
            ),
        );
    }
    let limits = info.limits;
    line(
        "limits",
        format!(
            "images of {}x{}, {} in a set, {} items in a batch, {} requests in flight, {} bytes a request",
            limits.max_width,
            limits.max_height,
            limits.max_set_images,
            limits.max_batch_items,
            limits.max_in_flight,
            limits.max_message_bytes
        ),
    );
    let shared = match info.shared_memory_socket {
        Some(_) => "offered to clients of its user on its machine",
        None => "none",
    };
    line("shared memory", shared.to_owned());
    line("protocol", format!("version {}", info.protocol_version));
    text
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn as_json(url: &str, round_trip: Duration, info: Option<&ServerInfo>) -> Value {
    let server = info.map(|info| {
        let cameras = info.cameras.iter().map(|camera| {
            let (l, r, lens) = (
                camera.pose.location,
                camera.pose.rotation,
                camera.intrinsics,
            );
            json!({
                "name": camera.name.as_str(),
                "width": lens.width,
                "height": lens.height,
                "horizontal_fov_deg": lens.horizontal_fov_deg(),
                "location_cm": [l.x, l.y, l.z],
                "rotation_deg": { "pitch": r.pitch, "yaw": r.yaw, "roll": r.roll },
            })
        });
        json!({
            "engine": info.engine_name,
            "engine_version": info.engine_version,
            "protocol_version": info.protocol_version,
            "scene": info.scene_name,
            "seed": info.seed,
            "tick": info.tick.get(),
            "sim_time_s": info.sim_time.as_secs_f64(),
            "tick_rate_hz": info.tick_rate_hz,
            "paused": info.paused,
            "modalities": info.modalities.iter().map(|m| m.name()).collect::<Vec<_>>(),
            "capabilities": info.capabilities.iter().map(|c| c.name()).collect::<Vec<_>>(),
            "weathers": info.weathers,
            "shared_memory": info.shared_memory_socket.is_some(),
            "cameras": cameras.collect::<Value>(),
            "limits": {
                "max_width": info.limits.max_width,
                "max_height": info.limits.max_height,
                "max_message_bytes": info.limits.max_message_bytes,
                "max_in_flight": info.limits.max_in_flight,
                "max_batch_items": info.limits.max_batch_items,
                "max_set_images": info.limits.max_set_images,
            },
        })
    });
    json!({
        "url": url,
        "round_trip_ms": round_trip.as_secs_f64() * 1e3,
        "plain_uesynth": info.is_none(),
        "server": server,
    })
}
