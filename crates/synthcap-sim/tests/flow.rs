//! Optical flow against projected motion.

use crate::common::{self, Image, Pinhole, look, matrix, pixels, place, simulator, take};
use glam::DVec3;
use synthcap::{
    Intrinsics, Lens, ObjectName, PartialTransform, Rotator, Transform, Vec3,
    frame::{Depth, FlowDirection},
    server::Engine,
};

/// What is known of a scene before and after.
struct Pair {
    before: Image,
    now: Image,
}

/// Where a point of an object was in the image before, and how deep.
fn expected(pair: &Pair, id: u32, now: DVec3) -> Option<([f64; 2], f64)> {
    let find = |image: &Image| {
        let found = image.objects.iter().find(|o| o.label.instance_id == id);
        found.map(|o| matrix(&o.transform))
    };
    let moved = find(&pair.before)? * find(&pair.now)?.inverse();
    let camera = Pinhole::new(&pair.before.view.pose, pair.before.lens());
    camera.project(moved.transform_point3(now))
}

/// Whether everything in and around a pixel is nearer than a depth, by so much
/// that it must hide what is there.
fn is_hidden(depth: &Depth, [x, y]: [f64; 2], metres: f64) -> bool {
    let around = |offset: u32, at: f64| (at as u32 + offset).wrapping_sub(1);
    (0..9).all(|i| {
        let there = depth.at(around(i % 3, x), around(i / 3, y));
        there.is_some_and(|there| f64::from(there) < 0.97 * metres)
    })
}

/// Checks every pixel with valid flow, and returns how many there are.
fn check(pair: &Pair) -> usize {
    let (flow, ids) = (pair.now.flow(), pair.now.segmentation());
    let (before, depth) = (pair.before.segmentation(), pair.before.depth());
    assert_eq!(flow.direction(), FlowDirection::Backward);
    let (mut valid, mut same) = (0, 0);
    for (x, y) in pixels() {
        let Some([u, v]) = flow.at(x, y) else {
            continue;
        };
        let id = ids.at(x, y).expect("inside");
        let point = pair.now.point(x, y).expect("flow only on surfaces");
        let at = [f64::from(x) + 0.5, f64::from(y) + 0.5];
        let was = [at[0] + f64::from(u), at[1] + f64::from(v)];
        let (expected, metres) = expected(pair, id, point).expect("it was there");
        let off = (was[0] - expected[0]).hypot(was[1] - expected[1]);
        assert!(off < 0.02, "flow {u},{v} at {x},{y} ends {off} pixels off");
        assert!(!is_hidden(&depth, was, metres), "{x},{y} was hidden");
        valid += 1;
        same += usize::from(before.at(was[0] as u32, was[1] as u32) == Some(id));
    }
    // The pixel that a point was in may show a neighbour in its centre, but only
    // along outlines.
    assert!(
        same as f64 > 0.96 * valid as f64,
        "{same} of {valid} show the same object"
    );
    valid
}

#[test]
fn nothing_is_valid_before_the_first_tick() {
    let mut simulator = simulator("shapes", 0);
    let flow = take(&mut simulator, "main").flow();
    assert!(flow.validity().iter().all(|&v| v == 0));
    assert!(flow.vectors().iter().all(|&v| v == [0.0; 2]));
}

#[test]
fn flow_follows_a_moving_camera() {
    for scene in ["shapes", "tabletop"] {
        let mut simulator = simulator(scene, 7);
        let before = take(&mut simulator, "main");
        simulator.tick();
        let pose = before.view.pose;
        let moved = PartialTransform {
            location: Some(Vec3::new(
                pose.location.x + 6.0,
                pose.location.y - 9.0,
                pose.location.z + 3.0,
            )),
            rotation: Some(Rotator {
                yaw: pose.rotation.yaw + 2.0,
                ..pose.rotation
            }),
            scale: None,
        };
        simulator
            .set_camera_transform(&"main".into(), &moved)
            .expect("there");
        let now = take(&mut simulator, "main");
        let pair = Pair { before, now };
        let valid = check(&pair);
        assert!(valid > 12_000, "{scene}: {valid} valid pixels");
        let flow = pair.now.flow();
        let far = flow
            .vectors()
            .iter()
            .filter(|v| v[0].hypot(v[1]) > 1.0)
            .count();
        assert!(far > 10_000, "{scene}: {far} pixels moved");
    }
}

#[test]
fn flow_follows_a_changing_lens() {
    let off_centre = Intrinsics {
        fx: 190.0,
        fy: 150.0,
        cx: 70.0,
        cy: 66.0,
        width: common::WIDTH,
        height: common::HEIGHT,
    };
    for (lens, least) in [
        (Lens::HorizontalFov(45.0), 12_000),
        // What the wider lens shows first cannot have been seen.
        (Lens::HorizontalFov(80.0), 4_000),
        (Lens::Intrinsics(off_centre), 10_000),
    ] {
        let mut simulator = simulator("shapes", 7);
        let camera = "main".into();
        simulator.tick();
        let before = take(&mut simulator, "main");
        simulator.tick();
        simulator.set_lens(&camera, &lens).expect("a lens");
        let now = take(&mut simulator, "main");
        assert_ne!(before.lens(), now.lens());
        let pair = Pair { before, now };
        let valid = check(&pair);
        assert!(valid > least, "{lens:?}: {valid} valid pixels");
        let flow = pair.now.flow();
        let zoomed = flow.vectors().iter().filter(|v| v[0].hypot(v[1]) > 1.0);
        assert!(zoomed.count() > 3000, "{lens:?} moves pixels");
        // The lens stays, and so does the image, but for what moves by itself.
        simulator.tick();
        let later = take(&mut simulator, "main");
        let floor = later.object("floor").label.instance_id;
        let (flow, ids) = (later.flow(), later.segmentation());
        let still = pixels().filter(|&(x, y)| ids.at(x, y) == Some(floor));
        let moved = still
            .filter_map(|(x, y)| flow.at(x, y))
            .filter(|v| *v != [0.0; 2]);
        assert_eq!(moved.count(), 0);
    }
}

#[test]
fn flow_follows_moving_objects() {
    let mut simulator = simulator("shapes", 7);
    let before = take(&mut simulator, "main");
    simulator.tick();
    let turned = Rotator::new(3.0, 8.0, -4.0);
    place(&mut simulator, "cube", Vec3::new(8.0, -140.0, 58.0), turned);
    let now = take(&mut simulator, "main");
    let pair = Pair { before, now };
    assert!(check(&pair) > 12_000);
    let moving = |name: &str| {
        let id = pair.now.object(name).label.instance_id;
        let (flow, ids) = (pair.now.flow(), pair.now.segmentation());
        let of_it = pixels().filter(|&(x, y)| ids.at(x, y) == Some(id));
        let vectors: Vec<_> = of_it.filter_map(|(x, y)| flow.at(x, y)).collect();
        vectors.iter().filter(|v| v[0].hypot(v[1]) > 0.3).count()
    };
    assert!(moving("cube") > 200);
    // It goes around by itself, about 4 cm a tick.
    assert!(moving("mover") > 10, "{}", moving("mover"));
    // The camera stood still, and so did these, to the bit.
    assert_eq!(moving("floor") + moving("sphere"), 0);
    let flow = pair.now.flow();
    let ids = pair.now.segmentation();
    let floor = pair.now.object("floor").label.instance_id;
    let still = pixels().filter(|&(x, y)| ids.at(x, y) == Some(floor) && flow.at(x, y).is_some());
    assert!(still.clone().count() > 5000);
    for (x, y) in still {
        assert_eq!(flow.at(x, y), Some([0.0; 2]));
    }
}

#[test]
fn what_was_hidden_is_not_valid() {
    let mut simulator = simulator("shapes", 0);
    let wall = ObjectName::from("wall");
    look(
        &mut simulator,
        Vec3::new(-600.0, 0.0, 100.0),
        Vec3::new(0.0, 0.0, 50.0),
    );
    let place = Transform {
        location: Vec3::new(-300.0, 0.0, 60.0),
        rotation: Rotator::ZERO,
        scale: Vec3::new(0.1, 2.0, 1.2),
    };
    simulator
        .spawn_object(&wall, "shape:cube", &place)
        .expect("a shape");
    let before = take(&mut simulator, "main");
    simulator.tick();
    simulator.destroy_object(&wall).expect("there");
    let now = take(&mut simulator, "main");
    let wall_id = before.object("wall").label.instance_id;
    let (was, flow) = (before.segmentation(), now.flow());
    let mut uncovered = 0;
    for (x, y) in pixels() {
        // The mover alone moves; it is elsewhere.
        let hidden = was.at(x, y) == Some(wall_id);
        let valid = flow.at(x, y).is_some();
        if hidden {
            uncovered += 1;
            assert!(!valid, "{x},{y} was behind the wall");
        }
    }
    assert!(uncovered > 1500, "{uncovered}");
    let valid = flow.validity().iter().filter(|&&v| v == 1).count();
    assert!(valid > 5000, "the rest was seen: {valid}");
}

#[test]
fn what_was_not_there_or_out_of_sight_is_not_valid() {
    let mut simulator = simulator("shapes", 0);
    simulator.tick();
    let place = Transform {
        location: Vec3::new(-300.0, 0.0, 60.0),
        rotation: Rotator::ZERO,
        scale: Vec3::new(0.2, 0.2, 0.2),
    };
    simulator
        .spawn_object(&"new".into(), "shape:sphere", &place)
        .expect("a shape");
    let now = take(&mut simulator, "main");
    let id = now.object("new").label.instance_id;
    let (ids, flow) = (now.segmentation(), now.flow());
    let of_it: Vec<_> = pixels()
        .filter(|&(x, y)| ids.at(x, y) == Some(id))
        .collect();
    assert!(of_it.len() > 30);
    assert!(of_it.iter().all(|&(x, y)| flow.at(x, y).is_none()));

    // A camera that turns by a third of its view has not seen the new third.
    simulator.tick();
    let turn = simulator.cameras()[0].pose.rotation;
    let turned = PartialTransform::rotation(Rotator {
        yaw: turn.yaw + 20.0,
        ..turn
    });
    simulator
        .set_camera_transform(&"main".into(), &turned)
        .expect("there");
    let flow = take(&mut simulator, "main").flow();
    let valid_in = |from: u32, to: u32| {
        pixels()
            .filter(|&(x, y)| x >= from && x < to && flow.at(x, y).is_some())
            .count()
    };
    assert_eq!(valid_in(130, common::WIDTH), 0);
    assert!(valid_in(0, 80) > 2000);

    // A camera that was not there at the previous tick has no flow at all.
    let pose = simulator.cameras()[0].pose;
    simulator
        .create_camera(&"late".into(), &pose)
        .expect("a free name");
    let flow = take(&mut simulator, "late").flow();
    assert!(flow.validity().iter().all(|&v| v == 0));
}
