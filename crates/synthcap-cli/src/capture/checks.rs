//! Whether a server can do what a job asks.

use synthcap::{Capability, ServerInfo};

use crate::{
    exit::{Failure, Result, Stop},
    settings::JobSettings,
};

pub(super) fn refused(line: impl Into<String>) -> Stop {
    Stop::new(Failure::Refused, line)
}

/// Whether the server can do what is asked.
pub(super) fn check(info: &ServerInfo, settings: &JobSettings) -> Result<()> {
    for needed in [Capability::CaptureSet, Capability::Batch] {
        if !info.can(needed) {
            return Err(refused(format!(
                "the server lacks {needed}, without which the images of a frame are not of one \
                 instant; use another server"
            )));
        }
    }
    if settings.resets && !settings.servers.is_empty() && !info.can(Capability::Reset) {
        return Err(refused(
            "the server cannot start over from a seed; leave --seed out",
        ));
    }
    let missing = settings.modalities.difference(info.modalities);
    if let Some(modality) = missing.iter().next() {
        let offered: Vec<_> = info.modalities.iter().map(|m| m.name()).collect();
        return Err(refused(format!(
            "the server has no {modality} images; choose --modalities from {}",
            offered.join(",")
        )));
    }
    let (size, limits) = (settings.job.size, info.limits);
    if size.width > limits.max_width || size.height > limits.max_height {
        return Err(refused(format!(
            "images of {size} are larger than the server makes; take --size {}x{} or smaller",
            limits.max_width, limits.max_height
        )));
    }
    if let Some(scene) = settings
        .job
        .scene
        .as_deref()
        .filter(|s| *s != info.scene_name)
    {
        return Err(refused(format!(
            "the server has the scene {:?}, not {scene:?}; start one with that scene, or leave \
             scene out of the job",
            info.scene_name
        )));
    }
    Ok(())
}

/// Whether two servers make the same images, as far as they say.
pub(super) fn same(a: &ServerInfo, b: &ServerInfo) -> Result<()> {
    let of = |info: &ServerInfo| {
        (
            info.engine_name.clone(),
            info.engine_version.clone(),
            info.scene_name.clone(),
        )
    };
    if of(a) == of(b) && a.capabilities == b.capabilities {
        return Ok(());
    }
    Err(refused(format!(
        "the servers differ: {} {} with scene {}, and {} {} with scene {}; use servers of one kind",
        a.engine_name,
        a.engine_version,
        a.scene_name,
        b.engine_name,
        b.engine_version,
        b.scene_name
    )))
}

/// What will be missing from the samples of this server, for a word of warning.
pub(super) fn lacking(info: &ServerInfo, fixed: &[&str]) -> Vec<String> {
    let mut lacking = Vec::new();
    if !describes_objects(info) {
        lacking.push("the server does not describe objects: no boxes, no classes".to_owned());
    }
    if !info.can(Capability::Step) {
        lacking.push("the server cannot step: time between frames is its own".to_owned());
    }
    if !fixed.is_empty() {
        lacking.push(format!("the server cannot vary {}", fixed.join(", ")));
    }
    lacking
}

/// Whether samples come with the scene's objects, as the cameras see them.
pub(super) fn describes_objects(info: &ServerInfo) -> bool {
    info.can(Capability::Scene) && info.can(Capability::Boxes2d)
}
