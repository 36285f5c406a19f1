//! A small world of spheres on a floor, ray-cast: images, boxes and flow that fit
//! together, without a simulator.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::Duration;

use serde_json::json;
use synthcap::{
    Box2, Box3, Intrinsics, Label, ModalitySet, ObjectState, ObjectView, Pixels, Rotator, Tick,
    Transform, Vec3,
    frame::{Depth, Flow, FlowDirection, Normals, Rgb, Segmentation},
};
use synthcap_dataset::{Plan, PlannedCamera, Sample, SampleView, Source};

/// Class IDs and names; the floor is the first.
pub(crate) const CLASSES: [&str; 5] = ["floor", "ball", "melon", "marble", "globe"];

type V = [f64; 3];

fn add(a: V, b: V) -> V {
    std::array::from_fn(|i| a[i] + b[i])
}
fn scaled(a: V, s: f64) -> V {
    a.map(|c| c * s)
}
fn sub(a: V, b: V) -> V {
    add(a, scaled(b, -1.0))
}
fn dot(a: V, b: V) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The world at one tick; all spheres roll along X.
pub(crate) struct World {
    pub(crate) tick: u64,
    pub(crate) seed: u64,
    pub(crate) spheres: usize,
}

struct Hit {
    id: u32,
    point: V,
    normal: V,
    /// Along the ray, in units of its direction.
    t: f64,
}

struct Eye {
    center: V,
    axes: [V; 3],
    lens: Intrinsics,
}

impl Eye {
    fn new(pose: Transform, lens: Intrinsics) -> Self {
        let l = pose.location;
        Self {
            center: [l.x.into(), l.y.into(), l.z.into()],
            axes: pose.rotation.axes(),
            lens,
        }
    }

    /// Direction with a length of 1 along the optical axis.
    fn ray(&self, u: f64, v: f64) -> V {
        let [x, y, _] = self.lens.unproject([u, v], 1.0);
        let [forward, right, up] = self.axes;
        add(forward, add(scaled(right, x), scaled(up, -y)))
    }

    fn project(&self, point: V) -> Option<[f64; 2]> {
        let d = sub(point, self.center);
        let [forward, right, up] = self.axes;
        self.lens
            .project([dot(d, right), -dot(d, up), dot(d, forward)])
    }
}

impl World {
    pub(crate) fn new(tick: u64, seed: u64) -> Self {
        Self {
            tick,
            seed,
            spheres: 14,
        }
    }

    /// The camera of a tick: it circles the world.
    pub(crate) fn pose(&self, offset_deg: f64) -> Transform {
        let angle = (self.tick as f64 * 1.5 + offset_deg).to_radians();
        let from = Vec3::new(
            (260.0 * angle.cos()) as f32,
            (260.0 * angle.sin()) as f32,
            130.0,
        );
        Transform::look_at(from, Vec3::new(0.0, 0.0, 15.0))
    }

    fn sphere(&self, i: usize) -> (V, f64) {
        let k = (i as u64 + 1) * (self.seed * 2 + 1);
        let angle = k as f64 * 2.399_963;
        let radius = 10.0 + (k * 7 % 5) as f64 * 4.5;
        let away = 26.0 * (i as f64).sqrt();
        let roll = self.tick as f64 * (0.4 + (k % 3) as f64 * 0.5);
        let center = [away * angle.cos() + roll, away * angle.sin(), radius];
        (center, radius)
    }

    fn cast(&self, from: V, ray: V) -> Option<Hit> {
        let mut best: Option<Hit> = None;
        if ray[2] < 0.0 {
            let t = -from[2] / ray[2];
            let point = add(from, scaled(ray, t));
            if point[0].hypot(point[1]) < 600.0 {
                best = Some(Hit {
                    id: 1,
                    point,
                    normal: [0.0, 0.0, 1.0],
                    t,
                });
            }
        }
        for i in 0..self.spheres {
            let (center, radius) = self.sphere(i);
            let oc = sub(from, center);
            let (a, b, c) = (dot(ray, ray), dot(oc, ray), dot(oc, oc) - radius * radius);
            let root = b * b - a * c;
            if root < 0.0 {
                continue;
            }
            let t = (-b - root.sqrt()) / a;
            if t > 0.0 && best.as_ref().is_none_or(|hit| t < hit.t) {
                let point = add(from, scaled(ray, t));
                let normal = scaled(sub(point, center), 1.0 / radius);
                best = Some(Hit {
                    id: i as u32 + 2,
                    point,
                    normal,
                    t,
                });
            }
        }
        best
    }

    fn shade(&self, hit: &Hit) -> [f64; 3] {
        let sun = [0.48, -0.36, 0.8];
        let lit = add(hit.point, scaled(hit.normal, 0.01));
        let shadow = self.cast(lit, sun).is_some_and(|h| h.id != 1);
        let light = 0.25
            + if shadow {
                0.0
            } else {
                0.75 * dot(hit.normal, sun).max(0.0)
            };
        let albedo = match hit.id {
            1 => {
                let tile = ((hit.point[0] / 50.0).floor() + (hit.point[1] / 50.0).floor()) as i64;
                if tile.rem_euclid(2) == 0 {
                    [0.72, 0.7, 0.66]
                } else {
                    [0.55, 0.53, 0.5]
                }
            }
            id => {
                let h = f64::from(id) * 1.7;
                [
                    0.5 + 0.4 * h.sin(),
                    0.5 + 0.4 * (h + 2.0).sin(),
                    0.5 + 0.4 * (h + 4.0).sin(),
                ]
            }
        };
        albedo.map(|c| c * light)
    }

    /// All modalities of one view, and what it sees of each object.
    pub(crate) fn view(
        &self,
        pose: Transform,
        before: Transform,
        width: u32,
        height: u32,
    ) -> (Vec<Pixels>, Vec<ObjectView>) {
        let lens = Intrinsics::from_horizontal_fov(60.0, width, height);
        let eye = Eye::new(pose, lens);
        let past = Self {
            tick: self.tick.saturating_sub(1),
            ..*self
        };
        let past_eye = Eye::new(before, lens);
        let (mut rgb, mut depth, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        let (mut normals, mut uv, mut valid) = (Vec::new(), Vec::new(), Vec::new());
        for y in 0..height {
            for x in 0..width {
                let (u, v) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
                let hit = self.cast(eye.center, eye.ray(u, v));
                let color = match &hit {
                    Some(hit) => self.shade(hit),
                    None => [0.55, 0.7, 0.9],
                };
                rgb.extend(color.map(|c| (c.clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0) as u8));
                rgb.push(255);
                depth.push(
                    hit.as_ref()
                        .map_or(Depth::BACKGROUND, |h| (h.t / 100.0) as f32),
                );
                ids.push(hit.as_ref().map_or(0, |h| h.id));
                normals.push(
                    hit.as_ref()
                        .map_or([0.0; 3], |h| h.normal.map(|c| c as f32)),
                );
                let flow = hit
                    .as_ref()
                    .and_then(|h| self.flow(h, &past, &past_eye, [u, v]));
                uv.push(flow.unwrap_or_default());
                valid.push(u8::from(flow.is_some()));
            }
        }
        let views = (1..=self.spheres as u32 + 1)
            .map(|id| seen(&ids, id, width))
            .collect();
        let labels: Vec<Label> = (0..=self.spheres).map(label).collect();
        let direction = FlowDirection::Backward;
        let images = vec![
            Rgb::new(width, height, rgb).expect("size").into(),
            Depth::new(width, height, depth).expect("size").into(),
            Segmentation::new(width, height, ids, labels)
                .expect("size")
                .into(),
            Normals::new(width, height, normals).expect("size").into(),
            Flow::new(width, height, &uv, &valid, direction)
                .expect("size")
                .into(),
        ];
        (images, views)
    }

    fn flow(&self, hit: &Hit, past: &World, past_eye: &Eye, [u, v]: [f64; 2]) -> Option<[f32; 2]> {
        let moved = match hit.id {
            1 => [0.0; 3],
            id => sub(
                self.sphere(id as usize - 2).0,
                past.sphere(id as usize - 2).0,
            ),
        };
        let then = sub(hit.point, moved);
        let [pu, pv] = past_eye.project(then)?;
        let lens = past_eye.lens;
        let inside = (0.0..f64::from(lens.width)).contains(&pu)
            && (0.0..f64::from(lens.height)).contains(&pv);
        let visible = past
            .cast(past_eye.center, sub(then, past_eye.center))
            .is_some_and(|h| h.id == hit.id && (h.t - 1.0).abs() < 1e-3);
        (inside && visible).then_some([(pu - u) as f32, (pv - v) as f32])
    }

    pub(crate) fn objects(&self, per_view: &[Vec<ObjectView>]) -> Vec<ObjectState> {
        let objects = (0..=self.spheres).map(|i| {
            let (center, half) = match i {
                0 => ([0.0; 3], Vec3::new(600.0, 600.0, 0.0)),
                _ => {
                    let (center, r) = self.sphere(i - 1);
                    let r = r as f32;
                    (center, Vec3::new(r, r, r))
                }
            };
            let center = Vec3::new(center[0] as f32, center[1] as f32, center[2] as f32);
            ObjectState {
                label: label(i),
                transform: Transform::new(center, Rotator::ZERO),
                box_3d: Box3 {
                    center,
                    half_extent: half,
                    rotation: Rotator::ZERO,
                },
                views: per_view.iter().map(|views| views[i]).collect(),
                dynamic: i > 0,
            }
        });
        objects.collect()
    }
}

fn label(i: usize) -> Label {
    let class = if i == 0 { 0 } else { 1 + i % 4 };
    Label {
        instance_id: i as u32 + 1,
        object: format!("{}_{i}", CLASSES[class]).into(),
        class_id: class as u32 + 1,
        class_name: CLASSES[class].to_owned(),
    }
}

fn seen(ids: &[u32], id: u32, width: u32) -> ObjectView {
    let at = ids.iter().enumerate().filter(|(_, i)| **i == id);
    let mut edges: Option<Box2> = None;
    let mut count = 0;
    for (i, _) in at {
        count += 1;
        let (x, y) = ((i as u32 % width) as f32, (i as u32 / width) as f32);
        let e = edges.get_or_insert(Box2 {
            x_min: x,
            y_min: y,
            x_max: x + 1.0,
            y_max: y + 1.0,
        });
        e.x_min = e.x_min.min(x);
        e.x_max = e.x_max.max(x + 1.0);
        e.y_max = e.y_max.max(y + 1.0);
    }
    ObjectView {
        visible_box: edges,
        full_box: edges,
        visible_pixels: count,
        visibility: if count > 0 { 1.0 } else { 0.0 },
    }
}

/// Writes samples 0, 1, ... of a plan.
pub(crate) fn write(
    out: &std::path::Path,
    plan: &Plan,
    samples: u64,
    options: synthcap_dataset::Options,
) -> synthcap_dataset::Result<synthcap_dataset::Summary> {
    let format = Box::new(synthcap_dataset::Frames::new());
    let mut writer = synthcap_dataset::DatasetWriter::create(out, plan.clone(), format, options)?;
    for index in 0..samples {
        writer.push(sample(plan, index))?;
    }
    writer.finish()
}

/// The relative paths of all files under a folder, sorted.
pub(crate) fn files(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(folder).expect("inside");
                found.push(relative.to_str().expect("plain").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The lines of `frames.jsonl`.
pub(crate) fn records(set: &std::path::Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(set.join("frames.jsonl")).expect("index");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("JSON")
}

/// The manifest.
pub(crate) fn manifest(set: &std::path::Path) -> serde_json::Value {
    let text = std::fs::read(set.join("manifest.json")).expect("manifest");
    serde_json::from_slice(&text).expect("JSON")
}

/// A plan for samples of [`sample`].
pub(crate) fn plan(cameras: &[&str], width: u32, height: u32, samples: u64) -> Plan {
    let cameras = cameras
        .iter()
        .map(|name| PlannedCamera::new(*name, width, height));
    let mut plan = Plan::new(cameras.collect(), ModalitySet::ALL, samples, 7);
    plan.max_instance_id = Some(40);
    plan.source = Source {
        engine_name: "spheres".into(),
        engine_version: "1.2".into(),
        scene_name: "floor".into(),
    };
    plan.settings = json!({ "path": "orbit" });
    plan
}

/// What the cameras of a plan see at the sample's tick.
pub(crate) fn sample(plan: &Plan, index: u64) -> Sample {
    let world = World::new(index + 1, plan.seed);
    let before = World::new(index, plan.seed);
    let mut views = Vec::new();
    let mut seen = Vec::new();
    for (i, camera) in plan.cameras.iter().enumerate() {
        let offset = i as f64 * 20.0;
        let pose = world.pose(offset);
        let (images, objects) = world.view(pose, before.pose(offset), camera.width, camera.height);
        let mut view = SampleView::new(&camera.name, images);
        view.images.retain(|p| {
            plan.modalities
                .contains(synthcap::frame::PixelData::modality(p))
        });
        view.pose = Some(pose);
        view.intrinsics = Some(Intrinsics::from_horizontal_fov(
            60.0,
            camera.width,
            camera.height,
        ));
        views.push(view);
        seen.push(objects);
    }
    let mut sample = Sample::new(index, plan.seed, views);
    sample.tick = Some(Tick::new(index + 1));
    sample.sim_time = Some(Duration::from_millis((index + 1) * 50));
    sample.objects = world.objects(&seen);
    sample
        .randomization
        .insert("sun".into(), json!(0.5 + index as f64));
    sample
}
