//! How many bits instance IDs take, and whether a format has them.

use crate::{Error, ErrorKind, Plan, Result, encode::array::IdBits};

/// 16 bits where the plan says that they suffice.
pub(crate) fn bits(plan: &Plan) -> IdBits {
    match plan.max_instance_id {
        Some(id) if u16::try_from(id).is_ok() => IdBits::Sixteen,
        _ => IdBits::ThirtyTwo,
    }
}

/// Refuses a plan with higher instance IDs than a format can hold.
pub(crate) fn at_most(plan: &Plan, format: &str, most: u32) -> Result<()> {
    match plan.max_instance_id {
        Some(highest) if highest > most => Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the scene has instance ID {highest}, but the format {format} can hold IDs up to {most}"
            ),
            "choose another format, or leave segmentation out",
        )),
        _ => Ok(()),
    }
}

/// Refuses a sample with a higher instance ID than a format can hold.
pub(crate) fn check(index: u64, ids: &[u32], format: &str, most: u32) -> Result<()> {
    let highest = ids.iter().copied().max().unwrap_or_default();
    if highest <= most {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidSample,
        format!(
            "sample {index} has instance ID {highest}, but the format {format} can hold IDs up to {most}"
        ),
        "choose another format",
    ))
}
