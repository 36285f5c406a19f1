//! Commands change what they say, and nothing else.

use crate::common::{Image, simulator, take};
use synthcap::{
    CameraName, Command, Environment, ErrorCode, Lens, Light, Modality, ObjectName,
    PartialTransform, Rotator, SceneQuery, Transform, Vec3, View,
    server::{Engine, EngineError},
};
use synthcap_sim::{SimConfig, SimError, Simulator};

#[test]
fn the_table_is_full_and_at_rest() {
    for seed in 0..4 {
        let mut simulator = simulator("tabletop", seed);
        let start = take(&mut simulator, "main").objects;
        assert!(start.len() >= 30, "{} objects", start.len());
        let mut classes: Vec<_> = start.iter().map(|o| o.label.class_name.clone()).collect();
        classes.sort();
        classes.dedup();
        assert!(classes.len() >= 8, "{classes:?}");
        let on_table = start
            .iter()
            .filter(|o| o.dynamic && o.transform.location.z > 70.0);
        assert!(
            on_table.clone().count() >= 30,
            "seed {seed}: {}",
            on_table.count()
        );
        assert_eq!(
            on_table.count(),
            start.iter().filter(|o| o.dynamic).count(),
            "nothing fell off"
        );
        for _ in 0..30 {
            simulator.tick();
        }
        let later = take(&mut simulator, "main").objects;
        let mut moving = 0;
        for (a, b) in start.iter().zip(&later) {
            let (p, q) = (a.transform.location, b.transform.location);
            let way = (p.x - q.x).hypot(p.y - q.y).hypot(p.z - q.z);
            let (r, s) = (a.transform.rotation, b.transform.rotation);
            let turned = r != s;
            if a.dynamic {
                assert!(way < 0.1, "seed {seed}: {} rolled {way} cm", a.label.object);
            } else {
                moving += u32::from(way > 1.0 || turned);
            }
        }
        assert!(moving >= 4, "the train and the pinwheel move: {moving}");
    }
}

#[test]
fn an_unknown_scene_is_named_with_the_choices() {
    let config = SimConfig {
        scene: "moon".into(),
        ..SimConfig::default()
    };
    let error = Simulator::new(config).expect_err("no such scene");
    assert_eq!(error, SimError::UnknownScene("moon".into()));
    let text = error.to_string();
    assert!(text.contains("moon") && text.contains("tabletop") && text.contains("shapes"));
    for config in [
        SimConfig {
            width: 0,
            ..SimConfig::default()
        },
        SimConfig {
            height: 8193,
            ..SimConfig::default()
        },
        SimConfig {
            rgb_samples: 0,
            ..SimConfig::default()
        },
        SimConfig {
            tick_rate_hz: f64::NAN,
            ..SimConfig::default()
        },
        SimConfig {
            assets_dir: Some("/no/such/dir".into()),
            ..SimConfig::default()
        },
    ] {
        Simulator::new(config).expect_err("out of range");
    }
}

#[test]
fn parts_of_a_transform_that_are_left_out_stay() {
    let mut simulator = simulator("tabletop", 0);
    let name = ObjectName::from("mug_1");
    let before = simulator.object_transform(&name).expect("there");
    let set = |simulator: &mut Simulator, part: PartialTransform| {
        simulator.set_object_transform(&name, &part).expect("valid");
        simulator.object_transform(&name).expect("there")
    };
    let at = Vec3::new(1.0, 2.0, 130.0);
    let after = set(&mut simulator, PartialTransform::location(at));
    assert_eq!(
        after,
        Transform {
            location: at,
            ..before
        }
    );
    let turn = Rotator::new(10.0, 20.0, 30.0);
    let after = set(&mut simulator, PartialTransform::rotation(turn));
    assert_eq!(
        after,
        Transform {
            location: at,
            rotation: turn,
            ..before
        }
    );
    let size = Vec3::new(2.0, 1.0, 0.5);
    let after = set(&mut simulator, PartialTransform::scale(size));
    assert_eq!(
        after,
        Transform {
            location: at,
            rotation: turn,
            scale: size
        }
    );
    // Its body went along: it falls from where it was put.
    simulator.tick();
    let fallen = simulator.object_transform(&name).expect("there");
    assert!(
        fallen.location.z < 130.0 && fallen.location.z > 129.0,
        "{fallen:?}"
    );
    assert_eq!(fallen.scale, size);

    let camera = CameraName::from("main");
    let pose = simulator.cameras()[0].pose;
    simulator
        .set_camera_transform(&camera, &PartialTransform::rotation(turn))
        .expect("there");
    assert_eq!(
        simulator.cameras()[0].pose,
        Transform {
            rotation: turn,
            ..pose
        }
    );
}

#[test]
fn a_flattened_object_is_refused() {
    let mut simulator = simulator("shapes", 0);
    let flat = PartialTransform::scale(Vec3::new(1.0, 0.0, 1.0));
    let error = simulator
        .set_object_transform(&"cube".into(), &flat)
        .expect_err("flat");
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    let command = Command::SetObjectTransform {
        object: "cube".into(),
        transform: flat,
    };
    assert_eq!(simulator.check(&command), Err(error));
    // A mirror image is fine.
    let mirrored = PartialTransform::scale(Vec3::new(-1.0, 1.0, 1.0));
    simulator
        .set_object_transform(&"cube".into(), &mirrored)
        .expect("mirrored");
    simulator.tick();
    let image = take(&mut simulator, "main");
    let cube = image.object("cube");
    assert_eq!(cube.transform.scale, Vec3::new(-1.0, 1.0, 1.0));
    assert!(cube.views[0].visible_pixels > 100, "{:?}", cube.views);
}

#[test]
fn spawned_objects_appear_fall_and_go() {
    let mut simulator = simulator("tabletop", 0);
    let mut ids: Vec<u32> = take(&mut simulator, "main")
        .objects
        .iter()
        .map(|o| o.label.instance_id)
        .collect();
    let transform = Transform {
        location: Vec3::new(-30.0, 0.0, 100.0),
        rotation: Rotator::new(0.0, 30.0, 0.0),
        scale: Vec3::new(0.2, 0.2, 0.2),
    };
    for (i, shape) in Simulator::shapes().iter().enumerate() {
        let name = ObjectName::from(format!("new_{i}"));
        let asset = format!("shape:{shape}");
        simulator
            .spawn_object(&name, &asset, &transform)
            .expect("a shape");
        let image = take(&mut simulator, "main");
        let object = image.object(name.as_str());
        assert_eq!(object.label.class_name, *shape);
        assert_eq!(object.transform, transform);
        assert!(
            !ids.contains(&object.label.instance_id),
            "an ID was used twice"
        );
        ids.push(object.label.instance_id);
        assert!(object.views[0].visible_pixels > 0, "{shape} is not seen");
        simulator.tick();
        let now = simulator.object_transform(&name).expect("there");
        assert!(now.location.z < 100.0, "{shape} does not fall");
        simulator.destroy_object(&name).expect("there");
        assert!(!simulator.object_names().contains(&name));
    }
    let error = simulator
        .spawn_object(&"x".into(), "shape:cuboid", &transform)
        .expect_err("none");
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.message.contains("cuboid") && error.message.contains("cube,"));
    let error = simulator
        .spawn_object(&"x".into(), "duck.glb", &transform)
        .expect_err("no dir");
    assert_eq!(error.code, ErrorCode::NotFound);
}

#[test]
fn a_scene_without_objects_is_all_sky() {
    let mut simulator = simulator("shapes", 0);
    for name in simulator.object_names() {
        simulator.destroy_object(&name).expect("there");
    }
    simulator.tick();
    let image = take(&mut simulator, "main");
    assert!(image.segmentation().ids().iter().all(|&id| id == 0));
    assert!(image.segmentation().labels().is_empty());
}

fn changes_colour_only(what: &str, before: &Image, after: &Image) {
    assert_eq!(
        before.label_bytes(),
        after.label_bytes(),
        "{what} changed labels"
    );
    let (a, b) = (before.bytes(Modality::Rgb), after.bytes(Modality::Rgb));
    let changed = a.iter().zip(&b).filter(|(a, b)| a != b).count();
    assert!(changed > 50, "{what} changed {changed} bytes of colour");
}

#[test]
fn materials_change_colour_and_only_colour() {
    let mut simulator = simulator("shapes", 0);
    simulator.tick();
    let mut before = take(&mut simulator, "main");
    for (property, value) in [
        ("base_color", "#d02040"),
        ("base_color", "0.1,0.5,0.9"),
        ("texture", "checker"),
        ("roughness", "0.05"),
        ("metallic", "1"),
        ("emissive", "0.5"),
    ] {
        let sphere = ObjectName::from("sphere");
        let command = Command::SetMaterial {
            object: sphere.clone(),
            property: property.into(),
            value: value.into(),
        };
        simulator.check(&command).expect("valid");
        simulator
            .set_material(&sphere, property, value)
            .expect("valid");
        let after = take(&mut simulator, "main");
        changes_colour_only(property, &before, &after);
        before = after;
    }
    let command = Command::SetMaterial {
        object: "sphere".into(),
        property: "texture".into(),
        value: "plaid".into(),
    };
    let error = simulator.check(&command).expect_err("no such texture");
    assert!(error.message.contains("plaid") && error.message.contains("marble"));
}

fn light(name: &str, intensity: f32) -> Light {
    Light {
        name: name.into(),
        intensity,
        color: None,
        transform: PartialTransform::default(),
    }
}

#[test]
fn light_and_weather_change_colour_and_only_colour() {
    type Change = fn(&mut Simulator) -> Result<(), EngineError>;
    let changes: [(&str, Change); 8] = [
        ("sun", |s| s.set_light(&light("", 0.4))),
        ("sun colour", |s| {
            s.set_light(&Light {
                color: Some(Vec3::new(1.0, 0.3, 0.2)),
                ..light("sun", 1.0)
            })
        }),
        ("sun direction", |s| {
            let down = PartialTransform::rotation(Rotator::new(-80.0, 10.0, 0.0));
            s.set_light(&Light {
                transform: down,
                ..light("sun", 1.0)
            })
        }),
        ("lamp", |s| s.set_light(&light("lamp", 20.0))),
        ("time of day", |s| {
            s.set_environment(&Environment {
                time_of_day_h: Some(19.0),
                ..Environment::default()
            })
        }),
        ("sun intensity", |s| {
            s.set_environment(&Environment {
                sun_intensity: Some(2.0),
                ..Environment::default()
            })
        }),
        ("overcast", |s| {
            let weather = Some("overcast".into());
            s.set_environment(&Environment {
                weather,
                ..Environment::default()
            })
        }),
        ("fog", |s| {
            let weather = Some("fog".into());
            s.set_environment(&Environment {
                weather,
                ..Environment::default()
            })
        }),
    ];
    let mut simulator = simulator("tabletop", 1);
    simulator.tick();
    let mut before = take(&mut simulator, "main");
    for (what, change) in changes {
        change(&mut simulator).expect("valid");
        let after = take(&mut simulator, "main");
        changes_colour_only(what, &before, &after);
        before = after;
    }
}

#[test]
fn a_brighter_sun_makes_a_brighter_picture_and_night_a_dark_one() {
    let mut simulator = simulator("tabletop", 1);
    let mut mean = |wish: Environment| {
        simulator.set_environment(&wish).expect("valid");
        let rgb = take(&mut simulator, "main").bytes(Modality::Rgb);
        rgb.iter().map(|&b| f64::from(b)).sum::<f64>() / rgb.len() as f64
    };
    let normal = mean(Environment::default());
    let bright = mean(Environment {
        sun_intensity: Some(2.0),
        ..Environment::default()
    });
    assert!(bright > normal + 5.0, "{normal} {bright}");
    let night = mean(Environment {
        time_of_day_h: Some(1.0),
        sun_intensity: Some(1.0),
        ..Environment::default()
    });
    assert!(night < normal - 10.0, "{normal} {night}");
}

#[test]
fn a_wrong_light_or_hour_is_refused_and_changes_nothing() {
    let mut simulator = simulator("shapes", 0);
    let before = take(&mut simulator, "main").bytes(Modality::Rgb);
    let unknown = simulator.set_light(&light("disco", 1.0)).expect_err("none");
    assert_eq!(unknown.code, ErrorCode::NotFound);
    assert!(unknown.message.contains("lamp"));
    simulator
        .set_light(&light("sun", -1.0))
        .expect_err("negative");
    let colour = Light {
        color: Some(Vec3::new(2.0, 0.0, 0.0)),
        ..light("sun", 3.0)
    };
    simulator.set_light(&colour).expect_err("too bright");
    let wish = Environment {
        time_of_day_h: Some(3.0),
        weather: Some("hail".into()),
        ..Environment::default()
    };
    let error = simulator
        .check(&Command::SetEnvironment(wish.clone()))
        .expect_err("no hail");
    assert!(error.message.contains("hail") && error.message.contains("overcast"));
    simulator.set_environment(&wish).expect_err("no hail");
    let hours = Environment {
        time_of_day_h: Some(24.0),
        ..Environment::default()
    };
    simulator.set_environment(&hours).expect_err("24 is 0");
    assert_eq!(take(&mut simulator, "main").bytes(Modality::Rgb), before);
}

#[test]
fn queries_filter_by_class_and_name() {
    let mut simulator = simulator("tabletop", 0);
    let apples = simulator
        .scene(&SceneQuery {
            class_name: Some("apple".into()),
            ..SceneQuery::default()
        })
        .expect("a query")
        .objects;
    assert!(apples.len() >= 2);
    assert!(
        apples
            .iter()
            .all(|o| o.label.class_name == "apple" && o.views.is_empty())
    );
    assert!(apples.is_sorted_by_key(|o| o.label.instance_id));
    let query = SceneQuery {
        objects: vec!["table".into(), "floor".into()],
        views: vec![
            View::of("main").with_size(64, 48),
            View::of("main").with_size(32, 24),
        ],
        ..SceneQuery::default()
    };
    let objects = simulator.scene(&query).expect("a query").objects;
    let names: Vec<_> = objects.iter().map(|o| o.label.object.as_str()).collect();
    assert_eq!(names, ["floor", "table"], "in the order of their IDs");
    let table = &objects[1];
    assert_eq!(table.views.len(), 2);
    assert!(table.views[0].visible_pixels > 3 * table.views[1].visible_pixels);
    let query = SceneQuery {
        objects: vec!["nobody".into()],
        ..SceneQuery::default()
    };
    assert_eq!(
        simulator.scene(&query).expect_err("unknown").code,
        ErrorCode::NotFound
    );
}

#[test]
fn cameras_come_and_go() {
    let mut simulator = simulator("shapes", 0);
    let pose = Transform::look_at(Vec3::new(300.0, 300.0, 300.0), Vec3::ZERO);
    simulator
        .create_camera(&"side".into(), &pose)
        .expect("free");
    let error = simulator
        .create_camera(&"side".into(), &pose)
        .expect_err("taken");
    assert_eq!(error.code, ErrorCode::AlreadyExists);
    let cameras = simulator.cameras();
    let names: Vec<_> = cameras.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["main", "side"]);
    assert_eq!(cameras[1].pose, pose);
    simulator
        .set_lens(&"side".into(), &Lens::HorizontalFov(90.0))
        .expect("a lens");
    let image = take(&mut simulator, "side");
    assert!((image.lens().horizontal_fov_deg() - 90.0).abs() < 1e-6);
    assert_eq!(image.view.pose, pose);
    for bad in [0.0, 180.0, f32::NAN, -3.0] {
        let lens = Lens::HorizontalFov(bad);
        simulator
            .set_lens(&"side".into(), &lens)
            .expect_err("no such lens");
    }
    simulator
        .destroy_camera(&"main".into())
        .expect("there is another");
    let error = simulator
        .destroy_camera(&"side".into())
        .expect_err("the last");
    assert_eq!(error.code, ErrorCode::FailedPrecondition);
    assert_eq!(simulator.cameras().len(), 1);
}
