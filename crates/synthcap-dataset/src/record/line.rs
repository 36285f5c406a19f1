//! One line of the index.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use synthcap::{
    Box2, Box3, Convention, Intrinsics, Modality, ObjectState, ObjectView, Pixels, Rotator,
    Transform, Vec3, frame::FlowDirection,
};

use super::{DepthRange, FileRecord};
use crate::{Encoded, EncodedFile, Error, Result, Sample, SampleView};

/// Fields in the order in which people read them. Numbers that are unknown or not
/// finite become `null`.
#[derive(Serialize)]
struct SampleRecord<'a> {
    index: u64,
    tick: Option<u64>,
    sim_time_s: Option<f64>,
    seed: u64,
    views: Vec<ViewRecord<'a>>,
    objects: &'a RawValue,
    randomization: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileRecord>,
    #[serde(skip_serializing_if = "Value::is_null")]
    detail: &'a Value,
}

#[derive(Serialize)]
struct ViewRecord<'a> {
    camera: &'a str,
    pose: Option<PoseRecord>,
    camera_to_world_opencv: Option<[[f64; 4]; 4]>,
    intrinsics: Option<IntrinsicsRecord>,
    flow_direction: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    depth: Option<DepthRange>,
    files: Files,
}

#[derive(Serialize)]
struct PoseRecord {
    location_cm: [f32; 3],
    rotation_deg: RotationRecord,
}

#[derive(Serialize)]
struct RotationRecord {
    pitch: f32,
    yaw: f32,
    roll: f32,
}

#[derive(Serialize)]
struct IntrinsicsRecord {
    width: u32,
    height: u32,
    fx: f64,
    fy: f64,
    cx: f64,
    cy: f64,
    k: [[f64; 3]; 3],
}

/// By modality, in the order of [`Modality::ALL`].
struct Files(Vec<(Modality, FileRecord)>);

#[derive(Serialize)]
struct ObjectRecord<'a> {
    instance_id: u32,
    name: &'a str,
    class_id: u32,
    class: &'a str,
    dynamic: bool,
    pose: PoseRecord,
    scale: [f32; 3],
    box_3d: Box3Record,
    views: Vec<ObjectViewRecord>,
}

#[derive(Serialize)]
struct Box3Record {
    center_cm: [f32; 3],
    half_extent_cm: [f32; 3],
    rotation_deg: RotationRecord,
    size_m: [f64; 3],
    box_to_world: [[f64; 4]; 4],
}

#[derive(Serialize)]
struct ObjectViewRecord {
    visible_box: Option<[f32; 4]>,
    full_box: Option<[f32; 4]>,
    visible_pixels: u32,
    visibility: f32,
}

/// What every record of a sample says, in a format and in the index: worked out once,
/// since it takes a look at every pixel and most of the text.
#[derive(Clone, Debug)]
pub(crate) struct Gist {
    /// Of each view.
    depths: Vec<Option<DepthRange>>,
    objects: Box<RawValue>,
}

impl Gist {
    pub(crate) fn of(sample: &Sample) -> Result<Self> {
        let depth = |view: &SampleView| match view.image(Modality::Depth) {
            Some(Pixels::Depth(depth)) => DepthRange::of(depth.metres()),
            _ => None,
        };
        let objects: Vec<_> = sample.objects.iter().map(ObjectRecord::from).collect();
        Ok(Self {
            depths: sample.views.iter().map(depth).collect(),
            objects: to_raw_value(&objects).map_err(|e| Error::internal("record", &e))?,
        })
    }
}

impl PartialEq for Gist {
    fn eq(&self, other: &Self) -> bool {
        self.depths == other.depths && self.objects.get() == other.objects.get()
    }
}

/// The line of a sample, with its newline.
pub(crate) fn line(sample: &Sample, gist: &Gist, encoded: &Encoded) -> Result<Vec<u8>> {
    let views = sample.views.iter().enumerate();
    let others = encoded.files.iter().filter(|file| file.image().is_none());
    let record = SampleRecord {
        index: sample.index,
        tick: sample.tick.map(|tick| tick.get()),
        sim_time_s: sample.sim_time.map(|time| time.as_secs_f64()),
        seed: sample.seed,
        views: views
            .map(|(i, view)| ViewRecord::new(i, view, gist, encoded))
            .collect(),
        objects: &gist.objects,
        randomization: &sample.randomization,
        shard: encoded.shard.as_deref(),
        files: others.map(FileRecord::from).collect(),
        detail: &encoded.detail,
    };
    let mut line = Vec::with_capacity(gist.objects.get().len() + 4096);
    serde_json::to_writer(&mut line, &record).map_err(|e| Error::internal("record", &e))?;
    line.push(b'\n');
    Ok(line)
}

impl<'a> ViewRecord<'a> {
    fn new(place: usize, view: &'a SampleView, gist: &Gist, encoded: &Encoded) -> Self {
        let images = encoded.files.iter().filter_map(|file| {
            let (of, modality) = file.image()?;
            (of == place).then(|| (modality, FileRecord::from(file)))
        });
        let mut files: Vec<_> = images.collect();
        files.sort_by_key(|(modality, _)| *modality);
        Self {
            camera: view.camera.as_str(),
            pose: view.pose.map(PoseRecord::from),
            camera_to_world_opencv: view
                .pose
                .map(|pose| tidy(pose.camera_to_world(Convention::OpenCv))),
            intrinsics: view.intrinsics.map(IntrinsicsRecord::from),
            flow_direction: match view.image(Modality::Flow) {
                Some(Pixels::Flow(flow)) => Some(direction(flow.direction())),
                _ => None,
            },
            depth: gist.depths.get(place).copied().flatten(),
            files: Files(files),
        }
    }
}

fn direction(direction: FlowDirection) -> &'static str {
    match direction {
        FlowDirection::Backward => "backward",
        FlowDirection::Forward => "forward",
        _ => "unknown",
    }
}

/// The matrix without negative zeros, which would only puzzle readers.
fn tidy(rows: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
    rows.map(|row| row.map(|value| value + 0.0))
}

fn xyz(v: Vec3) -> [f32; 3] {
    [v.x, v.y, v.z]
}

impl From<&EncodedFile> for FileRecord {
    fn from(file: &EncodedFile) -> Self {
        Self {
            path: file.path().to_owned(),
            bytes: file.len_bytes(),
            sha256: file.sha256().to_owned(),
        }
    }
}

impl Serialize for Files {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (modality, file) in &self.0 {
            map.serialize_entry(modality.name(), file)?;
        }
        map.end()
    }
}

impl From<Rotator> for RotationRecord {
    fn from(rotation: Rotator) -> Self {
        Self {
            pitch: rotation.pitch,
            yaw: rotation.yaw,
            roll: rotation.roll,
        }
    }
}

impl From<Transform> for PoseRecord {
    fn from(pose: Transform) -> Self {
        Self {
            location_cm: xyz(pose.location),
            rotation_deg: pose.rotation.into(),
        }
    }
}

impl From<Intrinsics> for IntrinsicsRecord {
    fn from(lens: Intrinsics) -> Self {
        Self {
            width: lens.width,
            height: lens.height,
            fx: lens.fx,
            fy: lens.fy,
            cx: lens.cx,
            cy: lens.cy,
            k: lens.matrix(),
        }
    }
}

impl From<Box3> for Box3Record {
    fn from(b: Box3) -> Self {
        let metres = |half_cm: f32| f64::from(half_cm) / 50.0;
        Self {
            center_cm: xyz(b.center),
            half_extent_cm: xyz(b.half_extent),
            rotation_deg: b.rotation.into(),
            size_m: xyz(b.half_extent).map(metres),
            // The axes of ROS are the box's own ones with Y turned to the left,
            // which leaves the box as it is.
            box_to_world: tidy(
                Transform::new(b.center, b.rotation).camera_to_world(Convention::Ros),
            ),
        }
    }
}

impl From<&ObjectView> for ObjectViewRecord {
    fn from(view: &ObjectView) -> Self {
        let edges = |b: Box2| [b.x_min, b.y_min, b.x_max, b.y_max];
        Self {
            visible_box: view.visible_box.map(edges),
            full_box: view.full_box.map(edges),
            visible_pixels: view.visible_pixels,
            visibility: view.visibility,
        }
    }
}

impl<'a> From<&'a ObjectState> for ObjectRecord<'a> {
    fn from(object: &'a ObjectState) -> Self {
        Self {
            instance_id: object.label.instance_id,
            name: object.label.object.as_str(),
            class_id: object.label.class_id,
            class: &object.label.class_name,
            dynamic: object.dynamic,
            pose: object.transform.into(),
            scale: xyz(object.transform.scale),
            box_3d: object.box_3d.into(),
            views: object.views.iter().map(ObjectViewRecord::from).collect(),
        }
    }
}
