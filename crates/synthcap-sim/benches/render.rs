//! How fast the simulator makes itself, a tick, and images of 640 x 480.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use synthcap::{
    Modality, ModalitySet, PartialTransform, Vec3,
    server::{Engine, ResolvedView},
};
use synthcap_sim::{SimConfig, Simulator};

fn simulator(rgb_samples: u32) -> Simulator {
    let config = SimConfig {
        rgb_samples,
        ..SimConfig::default()
    };
    Simulator::new(config).expect("the default scene")
}

/// One frame of the usual loop: a tick, a camera that moves on, a capture. With
/// a moving camera no shortcut of flow applies.
fn frame(simulator: &mut Simulator, modalities: ModalitySet, boxes: bool, count: &mut u32) {
    *count += 1;
    let camera = simulator.cameras().remove(0);
    simulator.tick();
    let side = if *count % 200 < 100 { 0.5 } else { -0.5 };
    let at = camera.pose.location;
    let moved = PartialTransform::location(Vec3::new(at.x, at.y + side, at.z));
    simulator
        .set_camera_transform(&camera.name, &moved)
        .expect("the camera is there");
    let view = ResolvedView {
        camera: camera.name,
        width: 640,
        height: 480,
        modalities,
    };
    black_box(simulator.capture(&[view], boxes).expect("a capture"));
}

fn frames(c: &mut Criterion) {
    let labels = ModalitySet::ALL.difference(Modality::Rgb.into());
    let cases = [
        ("depth", Modality::Depth.into(), 1, false),
        ("labels", labels, 1, false),
        ("labels_boxes", labels, 1, true),
        ("rgb_1_sample", Modality::Rgb.into(), 1, false),
        (
            "rgb_default",
            Modality::Rgb.into(),
            SimConfig::default().rgb_samples,
            false,
        ),
        ("all_1_sample", ModalitySet::ALL, 1, false),
        (
            "all_default",
            ModalitySet::ALL,
            SimConfig::default().rgb_samples,
            false,
        ),
        (
            "all_default_boxes",
            ModalitySet::ALL,
            SimConfig::default().rgb_samples,
            true,
        ),
    ];
    let mut group = c.benchmark_group("frame_640x480");
    group.sample_size(20);
    for (name, modalities, samples, boxes) in cases {
        let mut simulator = simulator(samples);
        let mut count = 0;
        group.bench_function(name, |b| {
            b.iter(|| frame(&mut simulator, modalities, boxes, &mut count));
        });
    }
    group.finish();
}

fn construction(c: &mut Criterion) {
    let mut group = c.benchmark_group("simulator");
    group.sample_size(10);
    group.bench_function("new", |b| b.iter(|| black_box(simulator(1))));
    let mut simulator = simulator(1);
    group.bench_function("tick", |b| b.iter(|| simulator.tick()));
    group.finish();
}

criterion_group!(benches, frames, construction);
criterion_main!(benches);
