//! Reads of cameras, objects and the scene; sun and weather.

use crate::common::{TinyEngine, serve};
use synthcap::{
    CameraName, Client, Environment, ErrorCode, ErrorKind, PartialTransform, Rotator, Tick,
    Transform, Vec3,
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn many_transforms_come_in_one_request_from_one_tick() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let place = |x: f32| Transform::new(Vec3::new(x, 0.0, 0.0), Rotator::ZERO);
    client
        .object("ball")
        .spawn("shape:sphere", place(1.0))
        .await?;
    client.camera("second").create(place(2.0)).await?;
    client.step(4).await?;

    let objects = client.object_transforms(["ball", "cube", "ball"]).await?;
    let xs: Vec<_> = objects.iter().map(|t| t.location.x).collect();
    assert_eq!(xs, [1.0, 0.0, 1.0]);
    assert_eq!(objects.stamp.tick, Some(Tick::new(4)));
    let names = [CameraName::from("second"), CameraName::from("main")];
    let cameras = client.camera_transforms(&names).await?;
    let xs: Vec<_> = cameras.iter().map(|t| t.location.x).collect();
    assert_eq!(xs, [2.0, 0.0]);

    let error = client.object_transforms(["cube", "nobody"]).await;
    let error = error.expect_err("one of them does not exist");
    assert_eq!(error.kind(), ErrorKind::Rejected(ErrorCode::NotFound));
    let error = client.object_transforms([""; 0]).await.expect_err("none");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    Ok(())
}

#[tokio::test]
async fn cameras_and_objects_describe_themselves() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    let second = client.camera("second");
    second.create(PartialTransform::location(Vec3::ONE)).await?;
    second.set_fov(60.0).await?;
    let state = second.state().await?;
    assert_eq!(
        (state.name.as_str(), state.pose.location),
        ("second", Vec3::ONE)
    );
    let intrinsics = second.intrinsics().await?;
    assert_eq!((intrinsics.width, intrinsics.height), (8, 6));
    assert!((second.fov().await?.value - 60.0).abs() < 1e-3);
    assert!((client.default_camera().fov().await?.value - 90.0).abs() < 1e-3);
    let error = client
        .camera("nope")
        .fov()
        .await
        .expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::Rejected(ErrorCode::NotFound));

    // Inside a batch they are of the batch's tick.
    let mut batch = client.batch();
    batch.add(second.set_fov(30.0));
    let fov = batch.add(second.fov());
    assert!((batch.run().await?.take(fov)?.value - 30.0).abs() < 1e-3);

    let cube = client.object("cube").state().await?;
    assert_eq!(cube.label.class_name, "cube");
    assert_eq!(cube.transform, Transform::IDENTITY);
    Ok(())
}

#[tokio::test]
async fn sun_and_weather_are_asked_for_in_their_own_words() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let client = Client::connect(server.url()).await?;
    // The tiny engine has neither, which the kit reports.
    for request in [
        client.set_sun_intensity(0.5),
        client.set_sun_color(Vec3::ONE),
        client.set_weather("clear"),
        client.set_time_of_day(7.5),
        client.set_environment(Environment {
            time_of_day_h: Some(1.0),
            weather: Some("clear".into()),
            ..Environment::default()
        }),
    ] {
        let error = request.await.expect_err("not in this engine");
        assert_eq!(error.kind(), ErrorKind::Rejected(ErrorCode::Unsupported));
    }
    Ok(())
}
