//! One sample: what is set before it, and where its cameras stand.

use serde_json::{Map, Value, json};
use synthcap::{
    CameraName, Capability, Command, Environment, Lens, Light, ObjectName, PartialTransform,
    Rotator, Transform, Vec3,
};

use super::{Director, Placed};
use crate::{SampleSpec, camera};

/// What a sample takes. Every part of it is set anew, so that none depends on the
/// samples before.
#[derive(Clone, Debug, PartialEq)]
pub struct Shot {
    /// Which sample it is.
    pub spec: SampleSpec,
    /// What is set before time goes on.
    pub commands: Vec<Command>,
    /// The job's cameras, in its order.
    pub cameras: Vec<CameraShot>,
    /// Every value that was drawn so far, by name.
    pub record: Map<String, Value>,
}

/// A camera in a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraShot {
    /// Its name.
    pub name: CameraName,
    /// Where it is when the images are taken; of its first try when it
    /// [looks](Self::look) for something.
    pub pose: Transform,
    /// Where it is at the tick before, when the sample before has not left it
    /// there.
    pub before: Option<Transform>,
    /// What it looks at, to be seen from where it stands.
    pub look: Option<Look>,
}

/// What a camera looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Which object.
    pub target: ObjectName,
    /// The share of it that must be visible.
    pub min_visibility: f64,
    /// Draws at the most.
    pub max_tries: u32,
}

impl Director {
    /// What a sample of this scene takes.
    pub fn shot(&self, index: u64) -> Shot {
        let spec = self.job.expand(index);
        let mut shot = Shot {
            spec,
            commands: Vec::new(),
            cameras: Vec::with_capacity(self.cameras.len()),
            record: Map::new(),
        };
        self.light(&mut shot);
        self.materials(&mut shot);
        self.poses(&mut shot);
        for place in 0..self.cameras.len() {
            let camera = self.camera(place, &mut shot);
            shot.cameras.push(camera);
        }
        if !self.drawn.is_empty() {
            shot.record
                .insert("scene".to_owned(), self.drawn.clone().into());
        }
        if let Some(split) = spec.split {
            shot.record.insert("split".to_owned(), split.name().into());
        }
        shot
    }

    /// The pose of a camera at a further try, and where it is at the tick before.
    pub fn retry(&self, camera: usize, index: u64, attempt: u32) -> (Transform, Option<Transform>) {
        let (pose, before, _) = self.place(camera, &self.job.expand(index), attempt);
        (pose, before)
    }

    /// Adds to a sample's record what was drawn for a camera.
    pub fn record(&self, record: &mut Map<String, Value>, camera: usize, key: &str, value: Value) {
        if self.cameras.len() == 1 {
            record.insert(format!("camera_{key}"), value);
            return;
        }
        let name = self.cameras[camera].name.as_str();
        let cameras = record.entry("cameras").or_insert_with(|| json!({}));
        cameras[name][key] = value;
    }

    fn light(&self, shot: &mut Shot) {
        if let Some(wish) = &self.job.randomize.light
            && self.can(Capability::TimeOfDay)
        {
            let draw = &mut self.draw(wish.per, shot.spec.index, "light");
            let cool = wish.sun_coolness.draw(draw) as f32;
            let (r, g, b) = (1.0 - 0.2 * cool, 0.92, 0.75 + 0.25 * cool);
            let hours = wish.time_of_day_h.draw(draw) as f32;
            let intensity = wish.sun_intensity.draw(draw) as f32;
            let weather = (!wish.weather.is_empty() && self.can(Capability::Weather))
                .then(|| wish.weather[draw.pick(wish.weather.len())].clone());
            let mut light = json!({
                "time_of_day_h": hours, "sun_intensity": intensity, "sun_color": [r, g, b],
            });
            if let Some(weather) = &weather {
                light["weather"] = weather.as_str().into();
            }
            shot.record.insert("light".to_owned(), light);
            shot.commands.push(Command::SetEnvironment(Environment {
                time_of_day_h: Some(hours),
                sun_intensity: Some(intensity),
                sun_color: Some(Vec3::new(r, g, b)),
                weather,
            }));
        }
        let lamps = self.job.randomize.lamps.iter();
        let lamps = lamps
            .filter(|_| self.can(Capability::Lighting))
            .map(|wish| {
                let draw =
                    &mut self.draw(wish.per, shot.spec.index, &format!("lamp {}", wish.name));
                let intensity = wish.intensity.draw(draw) as f32;
                let color = wish.color.map(|range| {
                    let [r, g, b] = std::array::from_fn(|_| range.draw(draw) as f32);
                    Vec3::new(r, g, b)
                });
                Light {
                    name: wish.name.clone(),
                    intensity,
                    color,
                    transform: PartialTransform::default(),
                }
            });
        let lamps: Vec<_> = lamps.collect();
        let record = lamps.iter().map(|lamp| {
            let color = lamp.color.map(|c| [c.x, c.y, c.z]);
            json!({ "name": lamp.name, "intensity": lamp.intensity, "color": color })
        });
        if !lamps.is_empty() {
            shot.record.insert("lamps".to_owned(), record.collect());
            shot.commands
                .extend(lamps.into_iter().map(Command::SetLighting));
        }
    }

    fn materials(&self, shot: &mut Shot) {
        let Some(wish) = &self.job.randomize.materials else {
            return;
        };
        let index = shot.spec.index;
        let mut colors = self.draw(wish.per, index, "materials");
        let mut others = self.draw(wish.per, index, "surfaces");
        let mut record = Vec::with_capacity(self.recolored.len());
        for object in &self.recolored {
            // Bright enough to be seen in the shade, of any hue.
            let [r, g, b] = std::array::from_fn(|_| wish.base_color.draw(&mut colors) as f32);
            let mut entry = json!({ "object": object.as_str(), "base_color": [r, g, b] });
            let mut set = |property: &str, value: String| {
                shot.commands.push(Command::SetMaterial {
                    object: object.clone(),
                    property: property.to_owned(),
                    value,
                });
            };
            set("base_color", format!("{r},{g},{b}"));
            let numbers = [("roughness", wish.roughness), ("metallic", wish.metallic)];
            for (property, range) in numbers {
                if let Some(range) = range {
                    let x = range.draw(&mut others) as f32;
                    entry[property] = x.into();
                    set(property, x.to_string());
                }
            }
            if !wish.textures.is_empty() {
                let texture = &wish.textures[others.pick(wish.textures.len())];
                entry["texture"] = texture.as_str().into();
                set("texture", texture.clone());
            }
            record.push(entry);
        }
        if !record.is_empty() {
            shot.record.insert("materials".to_owned(), record.into());
        }
    }

    /// Places near home, turned about the vertical; the height stays, so that things
    /// rest on what they rest on.
    fn poses(&self, shot: &mut Shot) {
        let Some(wish) = &self.job.randomize.poses else {
            return;
        };
        let mut draw = self.draw(crate::Per::Sample, shot.spec.index, "poses");
        let mut record = Vec::with_capacity(self.moved.len());
        for (object, home) in &self.moved {
            let (l, r) = (home.location, home.rotation);
            let location = Vec3::new(
                l.x + draw.around_zero(wish.shift_cm) as f32,
                l.y + draw.around_zero(wish.shift_cm) as f32,
                l.z,
            );
            let turn = draw.around_zero(wish.turn_deg) as f32;
            let rotation = Rotator::new(r.pitch, r.yaw + turn, r.roll);
            record.push(json!({
                "object": object.as_str(),
                "location_cm": [location.x, location.y, location.z],
                "rotation_deg": angles(rotation),
            }));
            shot.commands.push(Command::SetObjectTransform {
                object: object.clone(),
                transform: PartialTransform {
                    location: Some(location),
                    rotation: Some(rotation),
                    scale: None,
                },
            });
        }
        if !record.is_empty() {
            shot.record.insert("poses".to_owned(), record.into());
        }
    }

    fn camera(&self, place: usize, shot: &mut Shot) -> CameraShot {
        let wish = &self.job.cameras[place];
        let name = self.cameras[place].name.clone();
        if let Some(range) = wish.fov_deg
            && self.can(Capability::Intrinsics)
        {
            let fov = range.draw(&mut self.draws(place, shot.spec.index, 0).draw("fov")) as f32;
            self.record(&mut shot.record, place, "fov_deg", fov.into());
            shot.commands.push(Command::SetIntrinsics {
                camera: name.clone(),
                lens: Lens::HorizontalFov(fov),
            });
        }
        let (pose, before, jitter) = self.place(place, &shot.spec, 0);
        if let Some(([x, y, z], turn)) = jitter {
            let jitter = json!({ "location_cm": [x, y, z], "rotation_deg": angles(turn) });
            self.record(&mut shot.record, place, "jitter", jitter);
        }
        let target = self
            .target(place, shot.spec.index)
            .map(|(name, _)| name.clone());
        let look = wish
            .look_at
            .as_ref()
            .zip(target)
            .map(|(look, target)| Look {
                target,
                min_visibility: look.min_visibility,
                max_tries: look.max_tries,
            });
        CameraShot {
            name,
            pose,
            before,
            look,
        }
    }

    /// What a camera looks at in a sample.
    fn target(&self, place: usize, index: u64) -> Option<&(ObjectName, Vec3)> {
        let targets = &self.cameras[place].targets;
        let mut draw = self.draws(place, index, 0).draw("target");
        (!targets.is_empty()).then(|| &targets[draw.pick(targets.len())])
    }

    #[expect(
        clippy::type_complexity,
        reason = "what was drawn, for one caller each"
    )]
    fn place(
        &self,
        place: usize,
        spec: &SampleSpec,
        attempt: u32,
    ) -> (Transform, Option<Transform>, Option<([f32; 3], Rotator)>) {
        let Placed { stage, path, .. } = &self.cameras[place];
        let draws = self.draws(place, spec.index, attempt);
        let mut pose = path.pose(stage, spec, &draws);
        if path.is_drawn()
            && let Some((_, center)) = self.target(place, spec.index)
        {
            pose = Transform::look_at(pose.location, *center);
        }
        let jitter = self.job.cameras[place].jitter.as_ref();
        let jittered = jitter.map(|jitter| camera::jittered(jitter, draws.draw("camera"), pose));
        let (pose, jitter) = match jittered {
            Some((pose, jitter)) => (pose, Some(jitter)),
            None => (pose, None),
        };
        (pose, path.before(stage, spec, &draws, pose), jitter)
    }
}

/// Named as in the rest of a data set.
fn angles(r: Rotator) -> Value {
    json!({ "pitch": r.pitch, "yaw": r.yaw, "roll": r.roll })
}
