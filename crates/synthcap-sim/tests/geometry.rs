//! Depth, normals and boxes against the scene's own geometry.

use std::collections::BTreeSet;

use crate::common::{
    HEIGHT, Image, Pinhole, WIDTH, look, matrix, pixels, place, simulator, take, take_sized,
};
use glam::{DMat3, DVec3, DVec4};
use synthcap::{
    Box2, CameraName, Lens, ObjectName, Rotator, Transform, Vec3, frame::Depth, server::Engine,
};

/// The distance of a point from the surface of a known shape of the scene
/// "shapes", metres; `None` for shapes that are not checked.
fn distance_to_surface(image: &Image, name: &str, point: DVec3) -> Option<f64> {
    let object = image.object(name);
    let local = matrix(&object.transform).inverse() * point.extend(1.0);
    let p = DVec3::new(local.x, local.y, local.z);
    let scale = f64::from(object.transform.scale.x);
    Some(match object.label.class_name.as_str() {
        "floor" => (point.z).abs(),
        "cube" => (p.abs().max_element() - 0.5).abs() * scale,
        "sphere" => (p.length() - 0.5).abs(),
        "cylinder" => {
            let side = p.truncate().length() - 0.5;
            side.max(p.z.abs() - 0.5).abs()
        }
        _ => return None,
    })
}

#[test]
fn depth_lies_on_the_surface_of_known_shapes() {
    let mut simulator = simulator("shapes", 1);
    let usual = points_on_surfaces(&take(&mut simulator, "main"));
    assert_eq!(
        usual.into_iter().collect::<Vec<_>>(),
        ["cube", "cylinder", "floor", "sphere"]
    );
    // So they do in images that do not fall into whole blocks of pixels.
    for size in [(1, 1), (7, 5), (61, 37), (163, 9)] {
        points_on_surfaces(&take_sized(&mut simulator, "main", size));
    }
}

/// Checks that what an image shows lies on the surface of known shapes; gives the
/// classes of those that it shows.
fn points_on_surfaces(image: &Image) -> BTreeSet<String> {
    let segmentation = image.segmentation();
    let mut checked = BTreeSet::new();
    for (x, y) in image.pixels() {
        assert_eq!(
            image.normals().at(x, y).is_some(),
            image.depth().at(x, y).is_some()
        );
        let Some(point) = image.point(x, y) else {
            continue;
        };
        let id = segmentation.at(x, y).expect("inside");
        let label = segmentation.label(id).expect("a label for every ID");
        let name = label.object.as_str();
        if let Some(distance) = distance_to_surface(image, name, point) {
            // Round shapes are many-sided; the flats lie inside by this much.
            let limit = if matches!(name, "sphere" | "cylinder") {
                1.2e-3
            } else {
                2e-5
            };
            assert!(distance < limit, "{name} at {x},{y}: {distance} m off");
            checked.insert(label.class_name.clone());
        }
    }
    checked
}

#[test]
fn depth_is_planar() {
    let mut simulator = simulator("shapes", 1);
    // Straight down on the floor, past everything.
    look(
        &mut simulator,
        Vec3::new(-500.0, 500.0, 200.0),
        Vec3::new(-499.99, 500.0, 0.0),
    );
    let image = take(&mut simulator, "main");
    let depth = image.depth();
    for (x, y) in [
        (0, 0),
        (WIDTH - 1, 0),
        (WIDTH / 2, HEIGHT / 2),
        (0, HEIGHT - 1),
    ] {
        let metres = depth.at(x, y).expect("the floor");
        assert!((metres - 2.0).abs() < 1e-3, "{metres} at {x},{y}");
    }
}

#[test]
fn depth_of_one_view_lands_on_the_surface_seen_from_another() {
    for (scene, other) in [
        (
            "shapes",
            (Vec3::new(-420.0, 300.0, 300.0), Vec3::new(50.0, 0.0, 30.0)),
        ),
        (
            "tabletop",
            (Vec3::new(-120.0, 90.0, 170.0), Vec3::new(0.0, 0.0, 80.0)),
        ),
    ] {
        let mut simulator = simulator(scene, 3);
        let first = take(&mut simulator, "main");
        look(&mut simulator, other.0, other.1);
        let second = take(&mut simulator, "main");
        let (depth, ids) = (second.depth(), second.segmentation());
        let camera = second.camera();
        let (mut projected, mut lost, mut seen, mut same) = (0, 0, 0, 0);
        for (x, y) in pixels() {
            let Some(point) = first.point(x, y) else {
                continue;
            };
            let Some((at, expected)) = camera.project(point) else {
                continue;
            };
            if !inside(at) {
                continue;
            }
            let (u, v) = (at[0] as u32, at[1] as u32);
            // From the other view the point shows, or something before it: in
            // the pixel itself or, along outlines and on slopes, beside it.
            let nearest = nearest_around(&depth, u, v);
            projected += 1;
            // A leaf or a rail may be thinner than a pixel and fall between the
            // centres; nothing else can be lost.
            lost += u32::from(nearest > 1.02 * expected);
            let actual = f64::from(depth.at(u, v).unwrap_or(f32::INFINITY));
            if (actual - expected).abs() < 0.01 * expected {
                seen += 1;
                same += u32::from(ids.at(u, v) == first.segmentation().at(x, y));
            }
        }
        assert!(
            lost * 200 < projected,
            "{scene}: {lost} of {projected} lost"
        );
        assert!(seen > 6000, "{scene}: only {seen} points seen twice");
        assert!(
            f64::from(same) > 0.93 * f64::from(seen),
            "{scene}: {same} of {seen}"
        );
    }
}

fn inside([u, v]: [f64; 2]) -> bool {
    u >= 0.0 && v >= 0.0 && u < f64::from(WIDTH) && v < f64::from(HEIGHT)
}

/// The least depth in a pixel and those around it, metres.
fn nearest_around(depth: &Depth, x: u32, y: u32) -> f64 {
    let around = (0..9).map(|i| {
        let (x, y) = ((x + i % 3).saturating_sub(1), (y + i / 3).saturating_sub(1));
        f64::from(
            depth
                .at(x.min(WIDTH - 1), y.min(HEIGHT - 1))
                .unwrap_or(f32::INFINITY),
        )
    });
    around.fold(f64::INFINITY, f64::min)
}

#[test]
fn normals_agree_with_depth() {
    for scene in ["shapes", "tabletop"] {
        let mut simulator = simulator(scene, 2);
        let image = take(&mut simulator, "main");
        let (normals, ids) = (image.normals(), image.segmentation());
        let center = image.camera().unproject(0, 0, 0.0);
        let (mut good, mut all) = (0, 0);
        for (x, y) in pixels() {
            let Some(n) = normals.at(x, y) else {
                assert_eq!(image.depth().at(x, y), None, "a surface without a normal");
                continue;
            };
            // Wire axes are left-handed.
            let n = DVec3::new(n[0].into(), (-n[1]).into(), n[2].into());
            assert!((n.length() - 1.0).abs() < 1e-4, "{n} is not of unit length");
            let here = image.point(x, y).expect("a surface");
            assert!(
                n.dot(center - here) > -1e-5,
                "{n} faces away from the viewer"
            );
            let neighbours = (image.point(x + 1, y), image.point(x, y + 1));
            let one_object = ids.at(x, y) == ids.at(x + 1, y) && ids.at(x, y) == ids.at(x, y + 1);
            let (Some(right), Some(below), true) = (neighbours.0, neighbours.1, one_object) else {
                continue;
            };
            // Only where neighbours have nearly the same normal, the surface is
            // smooth enough for differences to mean something.
            let smooth = |a: u32, b: u32| {
                normals.at(a, b).is_some_and(|m| {
                    let m = DVec3::new(m[0].into(), (-m[1]).into(), m[2].into());
                    m.dot(n) > 0.99
                })
            };
            if !smooth(x + 1, y) || !smooth(x, y + 1) {
                continue;
            }
            let derived = (right - here).cross(below - here).normalize();
            all += 1;
            good += u32::from(derived.dot(n).abs() > 0.95);
        }
        assert!(all > 5000, "{scene}: {all} smooth pixels");
        assert!(
            f64::from(good) > 0.97 * f64::from(all),
            "{scene}: {good} of {all}"
        );
    }
}

/// What normals and depth say of a cube or a ball, turned and scaled differently on each
/// axis, against its geometry; the least cosine between normals, and how many pixels.
fn check_scaled(
    shape: &str,
    scale: Vec3,
    local_normal: impl Fn(DVec3) -> Option<DVec3>,
) -> (f64, usize) {
    let mut simulator = simulator("shapes", 0);
    let place = Transform {
        location: Vec3::new(0.0, 0.0, 300.0),
        rotation: Rotator::new(20.0, 35.0, -15.0),
        scale,
    };
    simulator
        .spawn_object(&"it".into(), &format!("shape:{shape}"), &place)
        .expect("a shape");
    look(
        &mut simulator,
        Vec3::new(-250.0, 120.0, 400.0),
        Vec3::new(0.0, 0.0, 300.0),
    );
    let image = take(&mut simulator, "main");
    let to_world = matrix(&place);
    let to_local = to_world.inverse();
    let across = DMat3::from_mat4(to_local).transpose();
    let id = image.object("it").label.instance_id;
    let (normals, ids) = (image.normals(), image.segmentation());
    let (mut least, mut checked) = (1.0_f64, 0);
    for (x, y) in pixels().filter(|&(x, y)| ids.at(x, y) == Some(id)) {
        let point = image.point(x, y).expect("a surface");
        let Some(local) = local_normal(to_local.transform_point3(point)) else {
            continue;
        };
        let n = normals.at(x, y).expect("a surface");
        // Wire axes are left-handed.
        let n = DVec3::new(n[0].into(), (-n[1]).into(), n[2].into());
        least = least.min(n.dot((across * local).normalize()));
        checked += 1;
    }
    (least, checked)
}

#[test]
fn normals_and_depth_of_turned_uneven_and_mirrored_objects_are_exact() {
    for scale in [Vec3::new(2.0, 0.5, 1.0), Vec3::new(-2.0, 0.5, 1.0)] {
        let (least, checked) = check_scaled("cube", scale, |p| {
            let off = (p.abs().max_element() - 0.5).abs();
            assert!(off < 1e-4, "{p} lies {off} off the cube of scale {scale:?}");
            let face = DVec3::select(p.abs().cmpgt(DVec3::splat(0.498)), p.signum(), DVec3::ZERO);
            // On an edge it may be either face's.
            (face.abs().element_sum() == 1.0).then_some(face)
        });
        assert!(checked > 2000, "{checked} pixels of the cube");
        assert!(least > 0.9999, "{least} for the cube of scale {scale:?}");
        let (least, checked) = check_scaled("sphere", scale, |p| {
            let off = (p.length() - 0.5).abs();
            assert!(off < 2e-3, "{p} lies {off} off the ball of scale {scale:?}");
            Some(p)
        });
        assert!(checked > 1500, "{checked} pixels of the ball");
        assert!(least > 0.99, "{least} for the ball of scale {scale:?}");
    }
}

#[test]
fn the_background_is_the_same_in_every_label() {
    let mut simulator = simulator("tabletop", 4);
    look(
        &mut simulator,
        Vec3::new(-200.0, 0.0, 120.0),
        Vec3::new(0.0, 0.0, 130.0),
    );
    let image = take(&mut simulator, "main");
    let mut background = 0;
    for (x, y) in pixels() {
        let sky = image.segmentation().at(x, y) == Some(0);
        assert_eq!(sky, image.depth().at(x, y).is_none());
        assert_eq!(sky, image.normals().at(x, y).is_none());
        background += u32::from(sky);
    }
    assert!(background > 1000, "{background} pixels of sky");
}

#[test]
fn visible_boxes_hold_exactly_the_visible_pixels() {
    for scene in ["shapes", "tabletop"] {
        let mut simulator = simulator(scene, 5);
        let image = take(&mut simulator, "main");
        let ids = image.segmentation();
        for object in &image.objects {
            let of_it: Vec<_> = pixels()
                .filter(|&(x, y)| ids.at(x, y) == Some(object.label.instance_id))
                .collect();
            let bounds = of_it.iter().fold(None, |b: Option<Box2>, &(x, y)| {
                let (x, y) = (x as f32, y as f32);
                let b = b.unwrap_or(Box2 {
                    x_min: x,
                    y_min: y,
                    x_max: x,
                    y_max: y,
                });
                Some(Box2 {
                    x_min: b.x_min.min(x),
                    y_min: b.y_min.min(y),
                    x_max: b.x_max.max(x + 1.0),
                    y_max: b.y_max.max(y + 1.0),
                })
            });
            let view = object.views[0];
            assert_eq!(view.visible_box, bounds, "{:?}", object.label);
            assert_eq!(view.visible_pixels as usize, of_it.len());
            assert!((0.0..=1.0).contains(&view.visibility));
            if let (Some(part), Some(whole)) = (view.visible_box, view.full_box) {
                let holds = whole.x_min <= part.x_min
                    && whole.y_min <= part.y_min
                    && whole.x_max >= part.x_max
                    && whole.y_max >= part.y_max;
                assert!(holds, "{:?}: {part:?} not in {whole:?}", object.label);
            }
        }
    }
}

/// A camera that looks along X at a cube of 1 m, 4 m away, and another cube.
fn two_cubes(hidden_by: f32) -> Image {
    let mut simulator = simulator("shapes", 0);
    for name in simulator.object_names() {
        simulator.destroy_object(&name).expect("there");
    }
    let spawn = |simulator: &mut synthcap_sim::Simulator, name: &str, at: Vec3| {
        let place = Transform::new(at, Rotator::ZERO);
        simulator
            .spawn_object(&name.into(), "shape:cube", &place)
            .expect("a shape");
    };
    spawn(&mut simulator, "far", Vec3::new(400.0, 0.0, 0.0));
    // Half as far away and half as wide, it hides as much in the image.
    spawn(&mut simulator, "near", Vec3::new(175.0, hidden_by, 0.0));
    let half = synthcap::PartialTransform::scale(Vec3::new(0.01, 0.5, 0.5));
    simulator
        .set_object_transform(&"near".into(), &half)
        .expect("there");
    let pose = Transform::new(Vec3::ZERO, Rotator::ZERO);
    simulator
        .set_camera_transform(&"main".into(), &pose.into())
        .expect("there");
    take(&mut simulator, "main")
}

#[test]
fn visibility_is_the_share_that_is_not_hidden() {
    let free = two_cubes(400.0);
    assert_eq!(free.object("far").views[0].visibility, 1.0);
    let half = two_cubes(25.0);
    let view = half.object("far").views[0];
    assert!((view.visibility - 0.5).abs() < 0.06, "{}", view.visibility);
    assert_eq!(half.object("near").views[0].visibility, 1.0);
    // The whole box is that of the free one.
    assert_eq!(view.full_box, free.object("far").views[0].visible_box);
    let hidden = two_cubes(0.0);
    assert_eq!(hidden.object("far").views[0].visibility, 0.0);
    assert_eq!(hidden.object("far").views[0].visible_box, None);
    assert!(hidden.object("far").views[0].full_box.is_some());
}

#[test]
fn visibility_counts_what_lies_outside_the_image() {
    let mut simulator = simulator("shapes", 0);
    look(
        &mut simulator,
        Vec3::new(-400.0, 0.0, 50.0),
        Vec3::new(0.0, 0.0, 50.0),
    );
    place(
        &mut simulator,
        "sphere",
        Vec3::new(-100.0, 0.0, 2000.0),
        Rotator::ZERO,
    );
    let view = take(&mut simulator, "main").object("sphere").views[0];
    assert_eq!(
        (view.visible_pixels, view.visibility, view.full_box),
        (0, 0.0, None)
    );
    // The right edge of the image cuts it in half: 3 m away, the field of view
    // of 60 degrees reaches 1.732 m to the right.
    let edge = 300.0 * 30.0_f32.to_radians().tan();
    place(
        &mut simulator,
        "sphere",
        Vec3::new(-100.0, edge, 50.0),
        Rotator::ZERO,
    );
    let view = take(&mut simulator, "main").object("sphere").views[0];
    assert!((view.visibility - 0.5).abs() < 0.06, "{}", view.visibility);
    assert_eq!(view.full_box.expect("in part").x_max, WIDTH as f32);
}

/// What a camera sees of a wall of 7 m by 2.5 m from 30 cm, its middle so many
/// centimetres to the right, and the pixels that the wall covers.
fn wall(right: f32) -> (Image, f64) {
    let mut simulator = simulator("shapes", 0);
    for name in simulator.object_names() {
        simulator.destroy_object(&name).expect("there");
    }
    let place = Transform {
        location: Vec3::new(40.0, right, 0.0),
        rotation: Rotator::ZERO,
        scale: Vec3::new(0.2, 7.0, 2.5),
    };
    simulator
        .spawn_object(&"wall".into(), "shape:cube", &place)
        .expect("a shape");
    let pose = Transform::new(Vec3::ZERO, Rotator::ZERO);
    simulator
        .set_camera_transform(&"main".into(), &pose.into())
        .expect("there");
    let image = take(&mut simulator, "main");
    let lens = image.lens();
    let pixels = 7.0 / 0.3 * lens.fx * (2.5 / 0.3 * lens.fy);
    (image, pixels)
}

#[test]
fn visibility_counts_all_of_an_object_many_images_wide() {
    // Twenty images wide, at most 14 of them on one side.
    for right in [0.0, 90.0, -140.0] {
        let (image, pixels) = wall(right);
        let view = image.object("wall").views[0];
        assert_eq!(view.visible_pixels, WIDTH * HEIGHT);
        let expected = f64::from(view.visible_pixels) / pixels;
        let off = f64::from(view.visibility) / expected - 1.0;
        assert!(off.abs() < 0.02, "{} for {expected}", view.visibility);
    }
    // So far out, most of it is further away than it is followed: 15 images.
    let (image, pixels) = wall(345.0);
    let view = image.object("wall").views[0];
    let seen = f64::from(view.visible_pixels);
    let followed = 15.0 * f64::from(WIDTH) + seen / f64::from(HEIGHT);
    let expected = seen / (pixels / (7.0 / 0.3 * image.lens().fx) * followed);
    let off = f64::from(view.visibility) / expected - 1.0;
    assert!(off.abs() < 0.02, "{} for {expected}", view.visibility);
}

#[test]
fn boxes_in_space_enclose_what_is_seen() {
    let mut simulator = simulator("tabletop", 6);
    let image = take(&mut simulator, "main");
    let ids = image.segmentation();
    for (x, y) in pixels() {
        let Some(point) = image.point(x, y) else {
            continue;
        };
        let id = ids.at(x, y).expect("inside");
        let object = image
            .objects
            .iter()
            .find(|o| o.label.instance_id == id)
            .expect("known");
        let frame = Transform {
            location: object.box_3d.center,
            rotation: object.box_3d.rotation,
            scale: Vec3::ONE,
        };
        let local = matrix(&frame).inverse() * DVec4::from((point, 1.0));
        let half = object.box_3d.half_extent;
        let half = DVec3::new(half.x.into(), half.y.into(), half.z.into()) / 100.0;
        let over = (local.truncate().abs() - half).max_element();
        assert!(over < 1e-3, "{:?} sticks out by {over} m", object.label);
    }
}

#[test]
fn a_lens_maps_as_its_intrinsics_say() {
    let mut simulator = simulator("shapes", 0);
    let camera = CameraName::from("main");
    let lens = synthcap::Intrinsics {
        fx: 200.0,
        fy: 150.0,
        cx: 60.0,
        cy: 70.0,
        width: WIDTH,
        height: HEIGHT,
    };
    simulator
        .set_lens(&camera, &Lens::Intrinsics(lens))
        .expect("a lens");
    let name = ObjectName::from("sphere");
    let center = simulator.object_transform(&name).expect("there").location;
    let world = DVec3::new(center.x.into(), (-center.y).into(), center.z.into()) / 100.0;
    let shows_sphere = |image: &Image| {
        let lens = image.lens();
        let (at, depth) = Pinhole::new(&image.view.pose, lens)
            .project(world)
            .expect("ahead");
        let seen = image
            .depth()
            .at(at[0] as u32, at[1] as u32)
            .expect("the sphere");
        assert!(
            (f64::from(seen) - (depth - 0.5)).abs() < 0.03,
            "{seen} for {depth}"
        );
    };
    let image = take(&mut simulator, "main");
    assert_eq!(image.lens(), lens);
    shows_sphere(&image);

    // Another size keeps the horizontal field of view.
    let fov = lens.horizontal_fov_deg();
    simulator.set_resolution(&camera, 320, 100).expect("a size");
    let resized = simulator.cameras()[0].intrinsics;
    assert_eq!((resized.width, resized.height), (320, 100));
    assert!((resized.horizontal_fov_deg() - fov).abs() < 1e-9);
    let image = take_sized(&mut simulator, "main", (320, 100));
    assert!((image.lens().fy - resized.fy).abs() + (image.lens().cy - resized.cy).abs() < 1e-9);
    shows_sphere(&image);
}
