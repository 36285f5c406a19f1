//! Units and conventions, for cards and manifests.

use serde_json::{Map, Value, json};
use synthcap::Modality;

use crate::{Plan, encode::array::IdBits};

/// What the files of a modality are.
pub(crate) struct Image {
    pub(crate) paths: Vec<String>,
    pub(crate) array: &'static str,
    pub(crate) unit: &'static str,
}

/// The images of a plan.
pub(crate) fn images(plan: &Plan, of: impl Fn(Modality) -> Image) -> Value {
    let images = plan.modalities.iter().map(|modality| {
        let Image { paths, array, unit } = of(modality);
        let entry = json!({ "paths": paths, "array": array, "unit": unit });
        (modality.name().to_owned(), entry)
    });
    Value::Object(images.collect())
}

pub(crate) const SRGB: (&str, &str) = ("(height, width, 3) uint8", "sRGB");

pub(crate) const IDS_16: (&str, &str) = (
    "(height, width) uint16",
    "instance ID; 0 where no object is",
);

/// Depth as 16-bit PNG in millimetres.
pub(crate) const DEPTH_MM: (&str, &str) = (
    "(height, width) uint16",
    "millimetres along the optical axis; 0 where nothing is, and beyond 65.535 m",
);

/// Shape, type and unit of an image that is stored as the array it is.
pub(crate) fn array(modality: Modality, ids: IdBits) -> (&'static str, &'static str) {
    match modality {
        Modality::Rgb => SRGB,
        Modality::Depth => (
            "(height, width) float32",
            "metres along the optical axis; inf where nothing is",
        ),
        Modality::Segmentation if ids == IdBits::Sixteen => IDS_16,
        Modality::Segmentation => (
            "(height, width) uint32",
            "instance ID; 0 where no object is",
        ),
        Modality::Normals => (
            "(height, width, 3) float32",
            "unit vectors in the wire's world axes (X forward, Y right, Z up); 0 where nothing is",
        ),
        Modality::Flow => (
            "(height, width, 3) float32",
            "u right and v down in pixels, then 1 where they are valid, else 0; the direction is with each view",
        ),
        _ => ("", ""),
    }
}

/// What holds in every format's records, and what a format adds.
pub(crate) fn conventions(more: &[(&str, &str)]) -> Value {
    let common = [
        (
            "pose",
            "wire units: centimetres and degrees, left-handed, X forward, Y right, Z up; roll is applied first, then pitch, then yaw",
        ),
        (
            "camera_to_world_opencv",
            "4x4, row by row, metres; camera axes X right, Y down, Z forward; world right-handed, X as on the wire, Y negated, Z up",
        ),
        (
            "intrinsics",
            "pixels; the centre of the top left pixel is (0.5, 0.5)",
        ),
        (
            "box_2d",
            "[x_min, y_min, x_max, y_max] in pixels, right and bottom exclusive; full: as if nothing stood before it, clipped to the image",
        ),
        (
            "box_3d",
            "oriented box in wire units, and the same as size_m with box_to_world (4x4, metres, the right-handed world above; box axes X forward, Y left, Z up)",
        ),
        (
            "visibility",
            "visible pixels over the pixels it would cover unoccluded, 0 to 1",
        ),
        ("sha256", "of each file's whole content"),
    ];
    let all = common.iter().chain(more);
    let map: Map<_, _> = all
        .map(|(name, text)| ((*name).to_owned(), Value::from(*text)))
        .collect();
    Value::Object(map)
}
