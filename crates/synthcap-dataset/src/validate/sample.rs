//! One sample: its images against its records.

use std::collections::BTreeMap;

use super::{
    FaultKind, Findings,
    image::{Array, Numbers},
};
use crate::{ObjectRecord, SampleRecord, ViewRecord};

/// Pixels that a box edge may be off: one, for rounding.
const EDGE_PX: f64 = 1.0;

/// Checks the images of a sample: shapes, ranges, labels and geometry.
pub(super) fn check(
    record: &SampleRecord,
    files: &BTreeMap<(usize, &str), Vec<u8>>,
    prefix: &str,
    place: &str,
    findings: &mut Findings,
) {
    for (i, view) in record.views.iter().enumerate() {
        let mut images = BTreeMap::new();
        for (modality, file) in &view.files {
            let Some(content) = files.get(&(i, modality.as_str())) else {
                continue;
            };
            let shown = format!("{prefix}{}", file.path);
            match Array::read(content) {
                Ok(Some(array)) => {
                    findings.images += 1;
                    shape(view, &array, &shown, findings);
                    range(modality, &array, &shown, findings);
                    images.insert(modality.as_str(), array);
                }
                Ok(None) => {}
                Err(what) => findings.add(FaultKind::Image, &shown, &what),
            }
        }
        let ids = images.get("segmentation").and_then(Array::ids);
        let Some((ids, width)) = ids.zip(images.get("segmentation").map(|a| a.width)) else {
            continue;
        };
        let seen = extents(&ids, width);
        instances(record, i, &seen, place, findings);
        let depth = images.get("depth").and_then(|depth| depth.floats(1));
        // A noisy depth image is noisy on purpose.
        let clean = !view.camera.ends_with("_sensor");
        if let Some(depth) = depth.filter(|depth| depth.len() == ids.len() && clean) {
            geometry(record, view, &ids, depth, width, place, findings);
        }
    }
}

fn shape(view: &ViewRecord, array: &Array, shown: &str, findings: &mut Findings) {
    let Some(lens) = &view.intrinsics else {
        return;
    };
    if (array.width, array.height) != (lens.width, lens.height) {
        let what = format!(
            "is {}x{} pixels, but its camera has {}x{}",
            array.width, array.height, lens.width, lens.height
        );
        findings.add(FaultKind::Shape, shown, &what);
    }
}

fn range(modality: &str, array: &Array, shown: &str, findings: &mut Findings) {
    let wrong = match modality {
        "depth" => array.floats(1).and_then(|metres| {
            let bad = |z: &&f32| z.is_nan() || **z <= 0.0;
            metres
                .iter()
                .find(bad)
                .map(|z| format!("has a depth of {z} m"))
        }),
        "normals" => array.floats(3).and_then(|xyz| {
            let length = |n: &[f32; 3]| n.iter().map(|c| c * c).sum::<f32>().sqrt();
            let bad = |l: &f32| !(l.abs() < 1e-6 || (l - 1.0).abs() < 1e-2);
            let mut lengths = xyz.as_chunks::<3>().0.iter().map(length);
            lengths
                .find(bad)
                .map(|l| format!("has a normal of length {l}"))
        }),
        "flow" => array.floats(3).and_then(|uvw| {
            let bad = |p: &&[f32; 3]| {
                !(p[2] == 0.0 || p[2] == 1.0) || !p[0].is_finite() || !p[1].is_finite()
            };
            let found = uvw.as_chunks::<3>().0.iter().find(bad);
            found.map(|p| {
                format!("has the flow {p:?}, whose last is neither 0 nor 1, or which is not finite")
            })
        }),
        "rgb" => match array.numbers {
            Numbers::U8(_) if array.channels == 3 => None,
            _ => Some("is not 8-bit RGB".to_owned()),
        },
        _ => None,
    };
    if let Some(what) = wrong {
        findings.add(FaultKind::Range, shown, &what);
    }
}

/// The pixels of an instance: their number and the box around them.
#[derive(Clone, Copy, Debug)]
struct Extent {
    pixels: u32,
    edges: [f64; 4],
}

fn extents(ids: &[u32], width: u32) -> BTreeMap<u32, Extent> {
    let mut found: BTreeMap<u32, Extent> = BTreeMap::new();
    for (row, line) in ids.chunks(width.max(1) as usize).enumerate() {
        for (column, id) in line.iter().enumerate().filter(|(_, id)| **id != 0) {
            let (x, y) = (column as f64, row as f64);
            let extent = found.entry(*id).or_insert(Extent {
                pixels: 0,
                edges: [x, y, x + 1.0, y + 1.0],
            });
            extent.pixels += 1;
            let [x0, y0, x1, y1] = extent.edges;
            extent.edges = [x0.min(x), y0.min(y), x1.max(x + 1.0), y1.max(y + 1.0)];
        }
    }
    found
}

/// Masks against objects and their boxes.
fn instances(
    record: &SampleRecord,
    view: usize,
    seen: &BTreeMap<u32, Extent>,
    place: &str,
    findings: &mut Findings,
) {
    if record.objects.is_empty() {
        return;
    }
    for id in seen.keys() {
        if !record
            .objects
            .iter()
            .any(|object| object.instance_id == *id)
        {
            let what = format!("the mask has instance {id}, which is no object of the sample");
            findings.add(FaultKind::Instance, place, &what);
        }
    }
    for object in &record.objects {
        let Some(said) = object.views.get(view) else {
            continue;
        };
        let extent = seen.get(&object.instance_id);
        let pixels = extent.map_or(0, |extent| extent.pixels);
        if pixels != said.visible_pixels {
            let what = format!(
                "{} has {pixels} pixels in the mask, but visible_pixels is {}",
                object.name, said.visible_pixels
            );
            findings.add(FaultKind::Box, place, &what);
        }
        if said.visibility.is_some_and(|v| !(0.0..=1.0).contains(&v)) {
            let what = format!("{} has a visibility outside 0 to 1", object.name);
            findings.add(FaultKind::Range, place, &what);
        }
        let off = |(a, b): (&f64, &f64)| (a - b).abs() > EDGE_PX;
        let differs = match (extent, &said.visible_box) {
            (Some(extent), Some(edges)) => extent.edges.iter().zip(edges).any(off),
            (None, None) => false,
            _ => true,
        };
        if differs {
            let what = format!(
                "the visible_box of {} is {:?}, but its mask spans {:?}",
                object.name,
                said.visible_box,
                extent.map(|e| e.edges)
            );
            findings.add(FaultKind::Box, place, &what);
        }
    }
}

/// Puts every pixel of an object back into the world by its depth: there the object's
/// 3D box must be.
fn geometry(
    record: &SampleRecord,
    view: &ViewRecord,
    ids: &[u32],
    depth: &[f32],
    width: u32,
    place: &str,
    findings: &mut Findings,
) {
    let (Some(pose), Some(lens)) = (&view.camera_to_world_opencv, &view.intrinsics) else {
        return;
    };
    let objects: BTreeMap<u32, &ObjectRecord> =
        record.objects.iter().map(|o| (o.instance_id, o)).collect();
    let mut outside: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    for (at, (id, z)) in ids.iter().zip(depth).enumerate() {
        let Some(object) = objects.get(id).filter(|_| z.is_finite()) else {
            continue;
        };
        let (x, y) = (at as u32 % width, at as u32 / width);
        let z = f64::from(*z);
        let camera = [
            (f64::from(x) + 0.5 - lens.cx) / lens.fx * z,
            (f64::from(y) + 0.5 - lens.cy) / lens.fy * z,
            z,
        ];
        let world: [f64; 3] = std::array::from_fn(|i| {
            let row = pose[i];
            row[0].0 * camera[0] + row[1].0 * camera[1] + row[2].0 * camera[2] + row[3].0
        });
        let counts = outside.entry(*id).or_default();
        counts.0 += 1;
        counts.1 += u32::from(!inside(object, world, z));
    }
    for (id, (pixels, out)) in outside {
        // A share of them may lie on edges, where rounding decides.
        if f64::from(out) > 0.02 * f64::from(pixels) + 1.0 {
            let name = objects.get(&id).map_or("", |object| object.name.as_str());
            let what = format!(
                "depth and pose put {out} of the {pixels} pixels of {name} outside its 3D box"
            );
            findings.add(FaultKind::Geometry, place, &what);
        }
    }
}

/// Whether a point lies in the 3D box of an object, give or take a little that grows
/// with the distance.
fn inside(object: &ObjectRecord, world: [f64; 3], distance_m: f64) -> bool {
    let tolerance = 0.002 + 0.002 * distance_m;
    let b = &object.box_3d;
    let rows = &b.box_to_world;
    let from: [f64; 3] = std::array::from_fn(|i| world[i] - rows[i][3].0);
    (0..3).all(|axis| {
        let along: f64 = (0..3).map(|i| rows[i][axis].0 * from[i]).sum();
        along.abs() <= b.size_m[axis].0 / 2.0 + tolerance
    })
}
