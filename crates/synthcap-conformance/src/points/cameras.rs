//! Cameras that come and go.

use synthcap::{Capability, ErrorCode, ErrorKind, Modality, Transform, Vec3};

use super::point;
use crate::{
    bench::Bench,
    point::{Outcome, Point, ensure},
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            Extended,
            "cameras.partial",
            partial,
            "parts of a pose that are left out stay"
        ),
        point!(
            Extended,
            "cameras.own",
            own,
            "a camera that is made has a pose, a size and images of its own, and goes again"
        ),
    ]
}

async fn partial(bench: &mut Bench) -> Outcome {
    let camera = bench.client.default_camera();
    camera.set_transform(bench.home).await?;
    let mut wanted = bench.home;
    wanted.location = Vec3::new(
        bench.home.location.x + 4.0,
        bench.home.location.y,
        bench.home.location.z,
    );
    camera.set_location(wanted.location).await?;
    let found = camera.transform().await?.value;
    camera.set_transform(bench.home).await?;
    let close = |a: f32, b: f32| (a - b).abs() < 0.05;
    let kept = close(found.rotation.pitch, wanted.rotation.pitch)
        && close(found.rotation.yaw, wanted.rotation.yaw)
        && close(found.location.x, wanted.location.x);
    ensure(kept, format!("{wanted:?}"), || format!("{found:?}"))
}

async fn own(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Cameras)?;
    let name = "conformance camera";
    let camera = bench.client.camera(name);
    let pose = Transform {
        location: Vec3::new(
            bench.home.location.x,
            bench.home.location.y,
            bench.home.location.z + 20.0,
        ),
        ..bench.home
    };
    camera.create(pose).await?;
    let tried = look(bench, name, pose).await;
    let destroyed = camera.destroy().await;
    tried?;
    destroyed?;
    let gone = camera.rgb().await.map(drop);
    let kind = gone.err().map(|error| error.kind());
    ensure(
        kind == Some(ErrorKind::Rejected(ErrorCode::NotFound)),
        "a destroyed camera not to be found",
        || format!("{kind:?}"),
    )
}

async fn look(bench: &Bench, name: &str, pose: Transform) -> Outcome {
    let camera = bench.client.camera(name);
    let listed = bench.client.cameras().await?.value;
    let count = listed.iter().filter(|c| c.name.as_str() == name).count();
    ensure(count == 1, "the new camera in the list, once", || {
        format!("{count} times")
    })?;
    camera.set_resolution(40, 30).await?;
    let image = camera
        .image(
            bench
                .made(Modality::Rgb.into())
                .iter()
                .next()
                .unwrap_or(Modality::Rgb),
        )
        .await?;
    let size = (image.width(), image.height());
    ensure(
        size == (40, 30),
        "an image of the resolution set, 40x30",
        || format!("{size:?}"),
    )?;
    let taken = image.info().pose.map(|pose| pose.location.z);
    let near = taken.is_some_and(|z| (z - pose.location.z).abs() < 0.05);
    ensure(near, format!("a pose at z {}", pose.location.z), || {
        format!("{taken:?}")
    })?;
    let other = bench
        .client
        .default_camera()
        .state()
        .await?
        .value
        .intrinsics;
    ensure(
        (other.width, other.height) != (40, 30),
        "other cameras to keep their resolution",
        || "they got the new one's".to_owned(),
    )
}
