//! What a sample takes is a function of the job, its number and the scene.

use std::collections::BTreeSet;

use synthcap::{
    Box3, CameraState, Capability, Command, Intrinsics, Label, ObjectState, Rotator, Transform,
    Vec3,
};
use synthcap_job::{Director, Job, JobSource, SceneChange, Shot, missing_class};

fn thing(i: u32, dynamic: bool) -> ObjectState {
    let at = Vec3::new(i as f32 * 10.0, 0.0, 75.0);
    ObjectState {
        label: Label {
            instance_id: i + 1,
            object: format!("thing_{i}").as_str().into(),
            class_id: 1 + i % 2,
            class_name: ["mug", "book"][i as usize % 2].to_owned(),
        },
        transform: Transform::new(at, Rotator::ZERO),
        box_3d: Box3 {
            center: at,
            half_extent: Vec3::new(4.0, 4.0, 4.0),
            rotation: Rotator::ZERO,
        },
        views: Vec::new(),
        dynamic,
    }
}

fn objects() -> Vec<ObjectState> {
    (0..30).map(|i| thing(i, i % 3 != 0)).collect()
}

fn camera() -> CameraState {
    CameraState {
        name: "main".into(),
        pose: Transform::look_at(Vec3::new(-300.0, 0.0, 200.0), Vec3::ZERO),
        intrinsics: Intrinsics::from_horizontal_fov(60.0, 64, 48),
    }
}

fn job(text: &str) -> Job {
    JobSource::from_text("job.toml", text)
        .and_then(|source| source.job())
        .expect("a good job")
}

fn change(job: &Job, scene: u64) -> SceneChange {
    SceneChange::draw(job, scene, &Capability::ALL, &objects(), &camera()).expect("can")
}

fn shot(job: &Job, k: u64) -> Shot {
    let job = &std::sync::Arc::new(job.clone());
    let scene = job.expand(k).scene;
    let cameras = vec![camera(); job.cameras.len()];
    let change = change(job, scene);
    Director::new(job, scene, &Capability::ALL, &objects(), &cameras, &change).shot(k)
}

const EVERYTHING: &str = "
    seed = 7
    samples = 60
    samples_per_scene = 6
    split = { train = 8, val = 1, test = 1 }
    [[cameras]]
    spherical = {}
    jitter = {}
    fov_deg = [40, 70]
    look_at = { class = 'mug' }
    [randomize]
    light = { weather = ['clear', 'fog'] }
    materials = { roughness = [0, 1], metallic = [0, 1], textures = ['tiles', 'wood'] }
    poses = {}
    objects = { count = [10, 15] }
    drop = { assets = ['shape:mug', 'shape:can'], count = [2, 5] }
    distractors = { assets = ['shape:cube'], count = [1, 4] }
    lamps = [{ name = 'lamp', intensity = [0.5, 2], color = [0.5, 1] }]
";

#[test]
fn a_sample_is_drawn_from_the_job_and_its_number_alone() {
    let job = job(EVERYTHING);
    let backwards: Vec<_> = (0..20).rev().map(|k| shot(&job, k)).collect();
    for (k, earlier) in (0..20).zip(backwards.iter().rev()) {
        assert_eq!(shot(&job, k), *earlier);
    }
    assert_ne!(shot(&job, 1).record, shot(&job, 2).record);
    let mut other = job.clone();
    other.seed = 8;
    assert_ne!(shot(&job, 1).record, shot(&other, 1).record);
}

#[test]
fn every_value_drawn_is_recorded() {
    let shot = shot(&job(EVERYTHING), 9);
    for key in [
        "light",
        "materials",
        "poses",
        "camera_jitter",
        "camera_fov_deg",
        "lamps",
        "scene",
        "split",
    ] {
        assert!(!shot.record[key].is_null(), "{key}");
    }
    let scene = &shot.record["scene"];
    for key in ["removed", "drop_objects", "distractor_objects"] {
        assert!(!scene[key].is_null(), "{key}");
    }
    assert!(
        shot.cameras[0]
            .look
            .as_ref()
            .is_some_and(|look| look.max_tries == 12)
    );
}

#[test]
fn every_sample_of_a_scene_sets_the_same_things() {
    let job = job(EVERYTHING);
    let set = |k| {
        let commands = shot(&job, k).commands.into_iter();
        let names = commands.filter_map(|command| match command {
            Command::SetMaterial {
                object, property, ..
            } => Some(format!("{object:?} {property}")),
            Command::SetObjectTransform { object, .. } => Some(format!("{object:?}")),
            _ => None,
        });
        names.collect::<BTreeSet<_>>()
    };
    let first = set(6);
    assert_eq!(first.len(), 8 * 4 + 4);
    assert!((7..12).all(|k| set(k) == first));
    assert_ne!(set(12), first, "another scene");
}

#[test]
fn a_scene_is_changed_once_and_things_that_stay_are_of_the_drawn_number() {
    let job = job(EVERYTHING);
    let mut kept = BTreeSet::new();
    for scene in 0..10 {
        let change = change(&job, scene);
        let gone = change.commands().iter();
        let gone = gone
            .filter(|c| matches!(c, Command::DestroyObject { .. }))
            .count();
        kept.insert(20 - gone);
        let last = change.commands().last();
        assert!(
            matches!(last, Some(Command::Step { ticks: 90 })),
            "{last:?}"
        );
    }
    assert!(kept.iter().all(|kept| (10..=15).contains(kept)), "{kept:?}");
    assert!(kept.len() > 2, "{kept:?}");
}

#[test]
fn nothing_is_changed_unless_asked() {
    let shot = shot(&job(""), 3);
    assert!(shot.commands.is_empty() && shot.record.is_empty());
    assert!(change(&job(""), 0).commands().is_empty());
}

#[test]
fn a_class_that_the_scene_lacks_is_named() {
    let wrong = job("[randomize]\nposes = { classes = ['mug', 'teapot'] }");
    let (key, what) = missing_class(&wrong, &objects()).expect("no teapots");
    assert_eq!(key, "randomize.poses.classes.1");
    assert!(
        what.contains("teapot") && what.contains("book, mug"),
        "{what}"
    );
    assert_eq!(missing_class(&job(EVERYTHING), &objects()), None);
}

#[test]
fn what_the_server_lacks_is_named() {
    let job = job("[randomize]\nlight = {}\nmaterials = {}\nposes = {}");
    let change = SceneChange::default();
    let can = [Capability::Materials];
    let shared = std::sync::Arc::new(job);
    let director = Director::new(&shared, 0, &can, &objects(), &[camera()], &change);
    assert_eq!(director.lacking(), ["light", "object poses"]);
    let keys: Vec<_> = director.shot(0).record.keys().cloned().collect();
    assert_eq!(keys, ["materials"]);
    let refused = SceneChange::draw(&self::job(EVERYTHING), 0, &can, &objects(), &camera());
    assert!(refused.expect_err("no spawn").to_string().contains("spawn"));
}
