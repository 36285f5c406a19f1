//! What a job file can say wrong although every value is of the right kind.

use super::{CameraJob, Job, Range, Sensor};

/// What is wrong, and the key that says so.
pub(super) struct Bad {
    pub(super) key: String,
    pub(super) what: String,
}

type Checked = Result<(), Bad>;

fn require(good: bool, key: impl Into<String>, what: impl Into<String>) -> Checked {
    if good {
        return Ok(());
    }
    Err(Bad {
        key: key.into(),
        what: what.into(),
    })
}

fn inside(range: Range, low: f64, high: f64, key: String, unit: &str) -> Checked {
    let [a, b] = [range.low(), range.high()];
    let what = format!("[{a}, {b}] is not within {low} to {high} {unit}");
    require(range.within(low, high), key, what.trim_end().to_owned())
}

fn fraction(x: f64, key: String) -> Checked {
    let what = format!("{x} is not a share from 0 to 1");
    require((0.0..=1.0).contains(&x), key, what)
}

fn at_least_0(x: f64, key: String) -> Checked {
    require(
        x.is_finite() && x >= 0.0,
        key,
        format!("{x} is not a number from 0 up"),
    )
}

pub(super) fn check(job: &Job) -> Checked {
    require(job.samples() > 0, "samples", "ask for at least one")?;
    let per_scene = job.samples_per_scene;
    require(
        per_scene != Some(0),
        "samples_per_scene",
        "at least one sample has a scene",
    )?;
    require(
        !job.formats.is_empty(),
        "formats",
        "name at least one format",
    )?;
    require(
        !job.cameras.is_empty(),
        "cameras",
        "a job has at least one camera",
    )?;
    split(job)?;
    for (i, name) in job.classes.iter().enumerate() {
        let key = format!("classes.{i}");
        require(!name.is_empty(), &key, "a class has a name")?;
        let twice = job.classes[..i].contains(name);
        require(!twice, &key, format!("the class {name:?} is listed twice"))?;
    }
    for (i, camera) in job.cameras.iter().enumerate() {
        let taken = job.cameras[..i].iter().any(|c| c.name == camera.name);
        let key = format!("cameras.{i}");
        require(!taken, &key, "give each camera a name of its own")?;
        self::camera(job, camera, &key)?;
    }
    randomize(job)
}

fn split(job: &Job) -> Checked {
    let Some(shares) = job.split else {
        return Ok(());
    };
    let all = [shares.train, shares.val, shares.test];
    for (share, name) in all.iter().zip(["train", "val", "test"]) {
        at_least_0(*share, format!("split.{name}"))?;
    }
    require(
        all.iter().sum::<f64>() > 0.0,
        "split",
        "one share must be above 0",
    )?;
    let parts = all.iter().filter(|share| **share > 0.0).count() as u64;
    require(
        job.scenes() >= parts,
        "split",
        format!(
            "{} scenes cannot be divided into {parts} parts without sharing one; lower samples_per_scene",
            job.scenes()
        ),
    )
}

fn camera(job: &Job, camera: &CameraJob, key: &str) -> Checked {
    let at = |part: &str| format!("{key}.{part}");
    let ways = [
        camera.path.is_some(),
        camera.spherical.is_some(),
        camera.volume.is_some(),
    ];
    let count = ways.iter().filter(|given| **given).count();
    require(
        count <= 1,
        key,
        "path, spherical and volume exclude each other; keep one",
    )?;
    if let Some(s) = &camera.spherical {
        inside(
            s.azimuth_deg,
            -720.0,
            720.0,
            at("spherical.azimuth_deg"),
            "degrees",
        )?;
        inside(
            s.elevation_deg,
            -89.0,
            89.0,
            at("spherical.elevation_deg"),
            "degrees",
        )?;
        inside(s.distance, 0.01, 1e4, at("spherical.distance"), "")?;
        at_least_0(s.aside, at("spherical.aside"))?;
    }
    if let Some(volume) = &camera.volume {
        let numbers = volume.min_cm.iter().zip(volume.max_cm);
        let sound = numbers.clone().all(|(a, b)| a.is_finite() && b.is_finite());
        require(sound, at("volume"), "corners are finite")?;
        for (axis, (a, b)) in ["X", "Y", "Z"].into_iter().zip(numbers) {
            let what = format!("min_cm is above max_cm on {axis}; swap {a} and {b}");
            require(*a <= b, at("volume.min_cm"), what)?;
        }
    }
    if let Some(jitter) = &camera.jitter {
        at_least_0(jitter.location_cm, at("jitter.location_cm"))?;
        at_least_0(jitter.rotation_deg, at("jitter.rotation_deg"))?;
    }
    if let Some(look_at) = &camera.look_at {
        fraction(look_at.min_visibility, at("look_at.min_visibility"))?;
        let tries = (1..=1000).contains(&look_at.max_tries);
        require(tries, at("look_at.max_tries"), "take 1 to 1000 tries")?;
        let draws = camera.spherical.is_some()
            || camera.volume.is_some()
            || camera.path.as_deref() == Some("random");
        let what = "only places that are drawn can be drawn again; add spherical or volume";
        require(draws, at("look_at"), what)?;
    }
    if let Some(fov) = camera.fov_deg {
        inside(fov, 1.0, 170.0, at("fov_deg"), "degrees")?;
    }
    if !camera.poses.is_empty() {
        let (poses, samples) = (camera.poses.len() as u64, job.samples());
        let what = format!(
            "the pose file has {poses} poses, but samples is {samples}; add poses or take samples = {poses}"
        );
        require(poses >= samples, at("path"), what)?;
    }
    camera
        .sensor
        .as_ref()
        .map_or(Ok(()), |s| sensor(s, &at("sensor")))
}

fn sensor(sensor: &Sensor, key: &str) -> Checked {
    let at = |part: &str| format!("{key}.{part}");
    inside(sensor.exposure_ev, -16.0, 16.0, at("exposure_ev"), "stops")?;
    at_least_0(sensor.full_well_e, at("full_well_e"))?;
    at_least_0(sensor.read_noise_e, at("read_noise_e"))?;
    let Some(depth) = &sensor.depth else {
        return Ok(());
    };
    for (x, name) in [
        (depth.sigma_m, "sigma_m"),
        (depth.sigma_per_m, "sigma_per_m"),
        (depth.offset_m, "offset_m"),
        (depth.step_per_m, "step_per_m"),
        (depth.edge_m, "edge_m"),
    ] {
        at_least_0(x, at(&format!("depth.{name}")))?;
    }
    fraction(depth.dropout, at("depth.dropout"))?;
    inside(depth.range_m, 0.0, 1e6, at("depth.range_m"), "metres")
}

fn randomize(job: &Job) -> Checked {
    let at = |part: &str| format!("randomize.{part}");
    let randomize = &job.randomize;
    if let Some(light) = &randomize.light {
        inside(
            light.time_of_day_h,
            0.0,
            23.999,
            at("light.time_of_day_h"),
            "hours",
        )?;
        inside(
            light.sun_intensity,
            0.0,
            1000.0,
            at("light.sun_intensity"),
            "",
        )?;
        inside(light.sun_coolness, 0.0, 1.0, at("light.sun_coolness"), "")?;
    }
    for (i, lamp) in randomize.lamps.iter().enumerate() {
        inside(
            lamp.intensity,
            0.0,
            1000.0,
            at(&format!("lamps.{i}.intensity")),
            "",
        )?;
        let color = lamp.color.unwrap_or(Range::new(0.0, 1.0));
        inside(color, 0.0, 1.0, at(&format!("lamps.{i}.color")), "")?;
    }
    if let Some(materials) = &randomize.materials {
        let whole = Range::new(0.0, 1.0);
        inside(
            materials.base_color,
            0.0,
            1.0,
            at("materials.base_color"),
            "",
        )?;
        let roughness = materials.roughness.unwrap_or(whole);
        inside(roughness, 0.0, 1.0, at("materials.roughness"), "")?;
        let metallic = materials.metallic.unwrap_or(whole);
        inside(metallic, 0.0, 1.0, at("materials.metallic"), "")?;
    }
    if let Some(poses) = &randomize.poses {
        at_least_0(poses.shift_cm, at("poses.shift_cm"))?;
        at_least_0(poses.turn_deg, at("poses.turn_deg"))?;
    }
    if let Some(drop) = &randomize.drop {
        require(
            !drop.assets.is_empty(),
            at("drop.assets"),
            "name at least one asset",
        )?;
        inside(drop.scale, 1e-3, 1e3, at("drop.scale"), "")?;
        inside(
            drop.height_cm,
            0.0,
            1e5,
            at("drop.height_cm"),
            "centimetres",
        )?;
        at_least_0(drop.spread, at("drop.spread"))?;
        let ticks = drop.settle_ticks <= 100_000;
        require(ticks, at("drop.settle_ticks"), "take at most 100000 ticks")?;
    }
    if let Some(others) = &randomize.distractors {
        let named = !others.assets.is_empty();
        require(named, at("distractors.assets"), "name at least one asset")?;
        inside(others.scale, 1e-3, 1e3, at("distractors.scale"), "")?;
        inside(others.distance, 0.0, 1e3, at("distractors.distance"), "")?;
        inside(
            others.height_cm,
            0.0,
            1e5,
            at("distractors.height_cm"),
            "centimetres",
        )?;
    }
    Ok(())
}
