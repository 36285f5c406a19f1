//! What a set turned out to hold, from its records alone: however it came about,
//! the same samples give the same numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{DepthRange, ObjectRecord, SampleRecord};

/// Sums over a set.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    classes: BTreeMap<u32, Class>,
    depth: Option<DepthRange>,
    boxes: Boxes,
    visibility: Spread,
}

#[derive(Debug, Default)]
struct Class {
    name: String,
    /// The instance IDs of its objects.
    instances: BTreeSet<u32>,
    labels: u64,
    pixels: u64,
    boxes: Boxes,
}

/// The boxes around what is visible.
#[derive(Debug, Default)]
struct Boxes {
    width: Spread,
    height: Spread,
}

#[derive(Debug, Default)]
struct Spread {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Statistics {
    pub(crate) fn add(&mut self, record: &SampleRecord) {
        for depth in record.views.iter().filter_map(|view| view.depth) {
            self.depth = Some(self.depth.map_or(depth, |so_far| joined(so_far, depth)));
        }
        for object in &record.objects {
            self.add_object(object);
        }
    }

    fn add_object(&mut self, object: &ObjectRecord) {
        let class = self.classes.entry(object.class_id).or_default();
        class.name.clone_from(&object.class_name);
        class.instances.insert(object.instance_id);
        for view in object.views.iter().filter(|view| view.visible_pixels > 0) {
            class.labels += 1;
            class.pixels += u64::from(view.visible_pixels);
            if let Some([x_min, y_min, x_max, y_max]) = view.visible_box {
                for boxes in [&mut class.boxes, &mut self.boxes] {
                    boxes.width.add(x_max - x_min);
                    boxes.height.add(y_max - y_min);
                }
            }
            if let Some(visibility) = view.visibility {
                self.visibility.add(visibility);
            }
        }
    }

    pub(crate) fn classes(&self) -> Vec<ClassSummary<'_>> {
        let classes = self.classes.iter().map(|(&id, class)| ClassSummary {
            id,
            name: &class.name,
            instances: class.instances.len(),
            labels: class.labels,
            pixels: class.pixels,
            box_width_px: class.boxes.width.summary(),
            box_height_px: class.boxes.height.summary(),
        });
        classes.collect()
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            labels: self.classes.values().map(|class| class.labels).sum(),
            depth_m: self.depth.map(|depth| SpreadSummary {
                min: depth.min_m,
                mean: depth.mean_m,
                max: depth.max_m,
            }),
            box_width_px: self.boxes.width.summary(),
            box_height_px: self.boxes.height.summary(),
            visibility: self.visibility.summary(),
        }
    }
}

fn joined(a: DepthRange, b: DepthRange) -> DepthRange {
    let pixels = a.pixels + b.pixels;
    let sum = a.mean_m * a.pixels as f64 + b.mean_m * b.pixels as f64;
    DepthRange {
        min_m: a.min_m.min(b.min_m),
        max_m: a.max_m.max(b.max_m),
        mean_m: sum / pixels as f64,
        pixels,
    }
}

impl Spread {
    fn add(&mut self, value: f64) {
        let first = self.count == 0;
        self.min = if first { value } else { self.min.min(value) };
        self.max = if first { value } else { self.max.max(value) };
        self.sum += value;
        self.count += 1;
    }

    fn summary(&self) -> Option<SpreadSummary> {
        (self.count > 0).then(|| SpreadSummary {
            min: self.min,
            mean: self.sum / self.count as f64,
            max: self.max,
        })
    }
}

/// A class in the manifest.
#[derive(Debug, Serialize)]
pub(crate) struct ClassSummary<'a> {
    pub(crate) id: u32,
    pub(crate) name: &'a str,
    /// Different objects.
    pub(crate) instances: usize,
    /// Times that one of them is visible in a view.
    pub(crate) labels: u64,
    pub(crate) pixels: u64,
    pub(crate) box_width_px: Option<SpreadSummary>,
    pub(crate) box_height_px: Option<SpreadSummary>,
}

/// The whole set in the manifest.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) labels: u64,
    pub(crate) depth_m: Option<SpreadSummary>,
    pub(crate) box_width_px: Option<SpreadSummary>,
    pub(crate) box_height_px: Option<SpreadSummary>,
    pub(crate) visibility: Option<SpreadSummary>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SpreadSummary {
    pub(crate) min: f64,
    pub(crate) mean: f64,
    pub(crate) max: f64,
}
