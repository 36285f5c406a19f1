//! The same seed and calls give the same bytes, everywhere.

use std::{env, process::Command};

use crate::common::{self, simulator, take};
use sha2::{Digest, Sha256};
use synthcap::{ModalitySet, PartialTransform, Vec3, server::Engine};
use synthcap_sim::Simulator;

/// Set in a copy of this test program that only prints its hashes.
const CHILD: &str = "SYNTHCAP_SIM_TEST_PRINT_HASHES";

/// Hashes of every modality after a few ticks and commands, and of the scene.
fn hashes(simulator: &mut Simulator) -> Vec<String> {
    for _ in 0..3 {
        simulator.tick();
    }
    let lifted = PartialTransform::location(Vec3::new(-20.0, 10.0, 110.0));
    let name = simulator.object_names().pop().expect("objects");
    simulator
        .set_object_transform(&name, &lifted)
        .expect("there");
    for _ in 0..10 {
        simulator.tick();
    }
    let camera = simulator.cameras().remove(0);
    let at = camera.pose.location;
    let moved = PartialTransform::location(Vec3::new(at.x + 5.0, at.y, at.z));
    simulator
        .set_camera_transform(&camera.name, &moved)
        .expect("there");
    let image = take(simulator, "main");
    let mut hashes: Vec<String> = ModalitySet::ALL
        .iter()
        .map(|m| format!("{m} {}", hex(&image.bytes(m))))
        .collect();
    hashes.push(format!(
        "scene {}",
        hex(format!("{:?}", image.objects).as_bytes())
    ));
    hashes
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

#[test]
fn two_processes_and_any_number_of_threads_agree() {
    let here = hashes(&mut simulator("tabletop", 11));
    if env::var_os(CHILD).is_some() {
        println!("hashes: {}", here.join("; "));
        return;
    }
    let program = env::current_exe().expect("this program");
    for threads in ["1", "3"] {
        let child = Command::new(&program)
            .args([
                "--exact",
                "determinism::two_processes_and_any_number_of_threads_agree",
                "--nocapture",
            ])
            .env(CHILD, "1")
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .expect("this program runs");
        let printed = String::from_utf8_lossy(&child.stdout).into_owned();
        let there = printed
            .split("hashes: ")
            .nth(1)
            .and_then(|s| s.lines().next());
        assert_eq!(
            there,
            Some(here.join("; ").as_str()),
            "with {threads} threads"
        );
    }
}

#[test]
fn another_seed_is_another_scene() {
    let (a, b) = (
        hashes(&mut simulator("tabletop", 1)),
        hashes(&mut simulator("tabletop", 2)),
    );
    for (a, b) in a.iter().zip(&b) {
        assert_ne!(a, b);
    }
}

#[test]
fn a_reset_is_a_new_beginning() {
    let mut used = simulator("tabletop", 21);
    let first = hashes(&mut used);
    used.destroy_camera(&"main".into())
        .expect_err("the last one");
    used.set_material(&"table".into(), "base_color", "#123456")
        .expect("valid");
    used.destroy_object(&"mug_1".into()).expect("there");
    used.create_camera(&"other".into(), &synthcap::Transform::IDENTITY)
        .expect("free");
    used.reset(None).expect("reset");
    assert_eq!(used.cameras().len(), 1);
    assert_eq!(hashes(&mut used), first);
    used.reset(Some(22)).expect("reset");
    assert_eq!(used.info().seed, 22);
    assert_eq!(hashes(&mut used), hashes(&mut simulator("tabletop", 22)));
}

#[test]
fn more_samples_smooth_colour_and_touch_nothing_else() {
    let with = |rgb_samples| {
        let config = synthcap_sim::SimConfig {
            rgb_samples,
            width: common::WIDTH,
            height: common::HEIGHT,
            ..Default::default()
        };
        let mut simulator = Simulator::new(config).expect("valid");
        simulator.tick();
        take(&mut simulator, "main")
    };
    let (one, eight) = (with(1), with(8));
    assert_eq!(one.label_bytes(), eight.label_bytes());
    assert_ne!(
        one.bytes(synthcap::Modality::Rgb),
        eight.bytes(synthcap::Modality::Rgb)
    );
}
