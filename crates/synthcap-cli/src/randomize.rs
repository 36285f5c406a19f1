//! Domain randomisation: what varies from frame to frame, as a pure function of
//! the seed, the frame's number and the scene as it was at the start.

use serde::Serialize;
use serde_json::{Map, Value};
use synthcap::{
    Batch, Capability, Client, Environment, ObjectName, ObjectState, PartialTransform, Rotator,
    Transform, Vec3,
};

use crate::draw::Draw;

/// Objects that get a colour of their own in every frame.
const RECOLORED: usize = 8;
/// Objects that are put somewhere near their place in every frame.
const MOVED: usize = 4;

/// What can vary on a server, and which objects do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Randomizer {
    seed: u64,
    light: bool,
    recolored: Vec<ObjectName>,
    moved: Vec<(ObjectName, Transform)>,
}

/// What was drawn for a frame. All of it is set anew in every frame, so that none
/// depends on the frames before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Drawn {
    #[serde(skip_serializing_if = "Option::is_none")]
    light: Option<Light>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    materials: Vec<Material>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    poses: Vec<Pose>,
    camera_jitter: Jitter,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Light {
    time_of_day_h: f32,
    sun_intensity: f32,
    sun_color: [f32; 3],
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Material {
    object: String,
    /// Linear red, green, blue.
    base_color: [f32; 3],
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Pose {
    object: String,
    location_cm: [f32; 3],
    rotation_deg: Turn,
}

/// Added to the camera's pose on its path.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Jitter {
    location_cm: [f32; 3],
    rotation_deg: Turn,
}

/// Named as in the rest of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Turn {
    pitch: f32,
    yaw: f32,
    roll: f32,
}

impl Randomizer {
    /// What can vary on a server with these abilities and objects.
    pub(crate) fn new(
        seed: u64,
        can: impl Fn(Capability) -> bool,
        objects: &[ObjectState],
    ) -> Self {
        let things: Vec<_> = objects.iter().filter(|object| object.dynamic).collect();
        let pick = |capability, purpose, count| {
            let count = if can(capability) { count } else { 0 };
            // The same objects in all frames, whose other properties stay theirs.
            Draw::new(seed, 0, purpose).choose(count, things.len())
        };
        let recolored = pick(Capability::Materials, "recolored", RECOLORED).into_iter();
        let moved = pick(Capability::Objects, "moved", MOVED).into_iter();
        Self {
            seed,
            light: can(Capability::TimeOfDay),
            recolored: recolored.map(|i| things[i].label.object.clone()).collect(),
            moved: moved
                .map(|i| (things[i].label.object.clone(), things[i].transform))
                .collect(),
        }
    }

    /// What cannot vary here, for a word of warning.
    pub(crate) fn lacking(&self) -> Vec<&'static str> {
        let parts = [
            (!self.light, "light"),
            (self.recolored.is_empty(), "materials"),
            (self.moved.is_empty(), "object poses"),
        ];
        parts
            .into_iter()
            .filter(|(lacks, _)| *lacks)
            .map(|(_, part)| part)
            .collect()
    }

    /// What a frame looks like.
    pub(crate) fn draw(&self, frame: u64) -> Drawn {
        let draw = |purpose| Draw::new(self.seed, frame, purpose);
        let mut colors = draw("materials");
        let mut poses = draw("poses");
        Drawn {
            light: self.light.then(|| light(&mut draw("light"))),
            materials: self
                .recolored
                .iter()
                .map(|object| material(&mut colors, object))
                .collect(),
            poses: self
                .moved
                .iter()
                .map(|(object, home)| near(&mut poses, object, home))
                .collect(),
            camera_jitter: jitter(&mut draw("camera")),
        }
    }
}

fn light(draw: &mut Draw) -> Light {
    // From a warm to a cool sun.
    let cool = draw.range(0.0, 1.0) as f32;
    Light {
        time_of_day_h: draw.range(7.5, 16.5) as f32,
        sun_intensity: draw.range(0.6, 1.4) as f32,
        sun_color: [1.0 - 0.2 * cool, 0.92, 0.75 + 0.25 * cool],
    }
}

fn material(draw: &mut Draw, object: &ObjectName) -> Material {
    // Bright enough to be seen in the shade, of any hue.
    let color = std::array::from_fn(|_| draw.range(0.03, 0.85) as f32);
    Material {
        object: object.as_str().to_owned(),
        base_color: color,
    }
}

/// A place near home, turned about the vertical; the height stays, so that things
/// rest on what they rest on.
fn near(draw: &mut Draw, object: &ObjectName, home: &Transform) -> Pose {
    let (l, r) = (home.location, home.rotation);
    Pose {
        object: object.as_str().to_owned(),
        location_cm: [
            l.x + draw.around_zero(1.5) as f32,
            l.y + draw.around_zero(1.5) as f32,
            l.z,
        ],
        rotation_deg: Turn {
            pitch: r.pitch,
            yaw: r.yaw + draw.around_zero(20.0) as f32,
            roll: r.roll,
        },
    }
}

fn jitter(draw: &mut Draw) -> Jitter {
    Jitter {
        location_cm: std::array::from_fn(|_| draw.around_zero(2.0) as f32),
        rotation_deg: Turn {
            pitch: draw.around_zero(1.0) as f32,
            yaw: draw.around_zero(1.0) as f32,
            roll: draw.around_zero(1.0) as f32,
        },
    }
}

impl Drawn {
    /// The camera's pose with its jitter.
    pub(crate) fn jittered(&self, pose: Transform) -> Transform {
        let Jitter {
            location_cm: [x, y, z],
            rotation_deg: Turn { pitch, yaw, roll },
        } = self.camera_jitter;
        let (l, r) = (pose.location, pose.rotation);
        Transform::new(
            Vec3::new(l.x + x, l.y + y, l.z + z),
            Rotator::new(r.pitch + pitch, r.yaw + yaw, r.roll + roll),
        )
    }

    /// Tells the server before the frame.
    pub(crate) fn add_to(&self, batch: &mut Batch, client: &Client) {
        let vec3 = |[x, y, z]: [f32; 3]| Vec3::new(x, y, z);
        if let Some(light) = &self.light {
            batch.add(client.set_environment(Environment {
                time_of_day_h: Some(light.time_of_day_h),
                sun_intensity: Some(light.sun_intensity),
                sun_color: Some(vec3(light.sun_color)),
                weather: None,
            }));
        }
        for material in &self.materials {
            let [r, g, b] = material.base_color;
            let object = client.object(material.object.as_str());
            batch.add(object.set_material("base_color", format!("{r},{g},{b}")));
        }
        for pose in &self.poses {
            let Turn { pitch, yaw, roll } = pose.rotation_deg;
            let object = client.object(pose.object.as_str());
            batch.add(object.set_transform(PartialTransform {
                location: Some(vec3(pose.location_cm)),
                rotation: Some(Rotator::new(pitch, yaw, roll)),
                scale: None,
            }));
        }
    }

    /// For the record of the sample.
    pub(crate) fn record(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use synthcap::Box3;
    use synthcap::Label;

    use super::*;

    fn thing(i: u32, dynamic: bool) -> ObjectState {
        let name = format!("thing_{i}");
        ObjectState {
            label: Label {
                instance_id: i + 1,
                object: name.as_str().into(),
                class_id: 1,
                class_name: "thing".into(),
            },
            transform: Transform::new(Vec3::new(i as f32 * 10.0, 0.0, 75.0), Rotator::ZERO),
            box_3d: Box3::default(),
            views: Vec::new(),
            dynamic,
        }
    }

    fn all(seed: u64) -> Randomizer {
        let objects: Vec<_> = (0..30).map(|i| thing(i, i % 3 != 0)).collect();
        Randomizer::new(seed, |_| true, &objects)
    }

    #[test]
    fn a_frame_is_drawn_from_seed_and_number_alone() {
        let later: Vec<_> = (0..5).rev().map(|k| all(7).draw(k)).collect();
        let randomizer = all(7);
        for (k, drawn) in (0..5).zip(later.iter().rev()) {
            assert_eq!(randomizer.draw(k), *drawn);
            assert_eq!(randomizer.draw(k).record(), drawn.record());
        }
        assert_ne!(all(7).draw(1), all(7).draw(2));
        assert_ne!(all(7).draw(1), all(8).draw(1));
    }

    #[test]
    fn every_frame_sets_the_same_things() {
        let objects = |k| {
            let drawn = all(3).draw(k);
            let materials: Vec<_> = drawn.materials.into_iter().map(|m| m.object).collect();
            let poses: Vec<_> = drawn.poses.into_iter().map(|p| p.object).collect();
            (materials, poses)
        };
        let first = objects(0);
        assert_eq!((first.0.len(), first.1.len()), (RECOLORED, MOVED));
        assert!((1..20).all(|k| objects(k) == first));
        // What does not move by physics stays as it is.
        assert!(
            first
                .1
                .iter()
                .all(|name| all(3).moved.iter().any(|(m, _)| m.as_str() == name))
        );
    }

    #[test]
    fn values_stay_in_their_ranges() {
        let randomizer = all(1);
        for k in 0..300 {
            let drawn = randomizer.draw(k);
            let light = drawn.light.as_ref().expect("can");
            assert!((0.0..24.0).contains(&light.time_of_day_h));
            assert!((0.5..1.5).contains(&light.sun_intensity));
            let colors = drawn
                .materials
                .iter()
                .map(|m| m.base_color)
                .chain([light.sun_color]);
            assert!(colors.flatten().all(|c| (0.0..=1.0).contains(&c)));
            for pose in &drawn.poses {
                assert_eq!(pose.location_cm[2], 75.0, "on the table still");
                assert!(pose.location_cm[1].abs() <= 1.5);
            }
            let pose = Transform::new(Vec3::ZERO, Rotator::ZERO);
            let jittered = drawn.jittered(pose);
            assert_ne!(jittered, pose);
            assert!(jittered.location.x.abs() <= 2.0 && jittered.rotation.yaw.abs() <= 1.0);
        }
    }

    #[test]
    fn what_the_server_lacks_stays_and_is_named() {
        let objects = [thing(0, true)];
        let randomizer = Randomizer::new(1, |can| can == Capability::Materials, &objects);
        assert_eq!(randomizer.lacking(), ["light", "object poses"]);
        let record = randomizer.draw(0).record();
        let keys: Vec<_> = record.keys().map(String::as_str).collect();
        assert_eq!(keys, ["camera_jitter", "materials"]);
        assert!(all(1).lacking().is_empty());
    }
}
