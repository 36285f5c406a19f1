//! A server with one fault fails at the points that the fault concerns, and at no
//! others.

use std::{collections::BTreeSet, fmt};

use crate::common::{
    engine::{Fault, Faulty},
    proxy,
};
use synthcap::server::Server;
use synthcap_conformance::{Options, Report, check};
use synthcap_sim::SimConfig;

type TestResult = Result<(), Box<dyn std::error::Error>>;

async fn look(url: &str) -> Result<Report, Box<dyn std::error::Error>> {
    let options = Options {
        size: (96, 72),
        ..Options::default()
    };
    Ok(check(url, &options).await?)
}

fn assert_fails_at(fault: impl fmt::Debug, report: &Report, expected: &[&str]) {
    let failed: BTreeSet<_> = report.failed().map(|point| point.id).collect();
    let expected: BTreeSet<_> = expected.iter().copied().collect();
    assert_eq!(failed, expected, "{fault:?}\n{report}");
}

async fn shows(faults: &[(Fault, &[&str])]) -> TestResult {
    for (fault, expected) in faults {
        let server = Server::builder(Faulty::new(*fault))
            .paused(true)
            .start()
            .await?;
        assert_fails_at(fault, &look(&server.url()).await?, expected);
        server.shutdown().await;
    }
    Ok(())
}

#[tokio::test]
async fn depth() -> TestResult {
    shows(&[
        (Fault::RayDepth, &["depth.planar"]),
        (Fault::CentimetreDepth, &["depth.metres"]),
        (Fault::NanBackground, &["depth.numbers"]),
    ])
    .await
}

#[tokio::test]
async fn instants() -> TestResult {
    shows(&[
        (Fault::StaleFrames, &["plain.rgb_fresh", "fresh.frames"]),
        (Fault::LaggingLabels, &["labels.aligned"]),
        (Fault::Noise, &["fresh.repeat", "time.reset"]),
        (Fault::UnseededReset, &["time.reset"]),
        (Fault::TimelessTicks, &["time.step"]),
    ])
    .await
}

#[tokio::test]
async fn cameras() -> TestResult {
    shows(&[
        (Fault::LongerLens, &["lens.focal"]),
        (Fault::ShiftedCenter, &["lens.center"]),
        (Fault::WrongPose, &["image.described"]),
        (Fault::ForgetsRotation, &["cameras.partial"]),
    ])
    .await
}

#[tokio::test]
async fn normals_and_flow() -> TestResult {
    shows(&[
        (Fault::FlippedNormals, &["normals.facing"]),
        (Fault::NormalsAlongRays, &["normals.surface"]),
        (Fault::LongNormals, &["normals.unit"]),
        (Fault::ReversedFlow, &["flow.true"]),
        (Fault::FlowAlwaysValid, &["flow.valid"]),
    ])
    .await
}

#[tokio::test]
async fn scene_and_batch() -> TestResult {
    shows(&[
        (Fault::Unchecked, &["batch.atomic"]),
        (Fault::MiscountedPixels, &["scene.boxes"]),
        (Fault::WrongClasses, &["scene.labels"]),
        (Fault::StuckObjects, &["plain.object", "scene.moved"]),
    ])
    .await
}

#[tokio::test]
async fn answers() -> TestResult {
    use proxy::Fault;
    let sized = [
        "limits.size",
        "limits.set",
        "limits.batch",
        "limits.subscriptions",
    ];
    let coded = [
        "errors.not_found",
        "errors.invalid",
        "errors.taken",
        "limits.size",
        "limits.set",
        "limits.batch",
        "limits.subscriptions",
        "batch.names",
        "cameras.own",
    ];
    let cases: [(Fault, &[&str]); 8] = [
        (Fault::LowerLimits, &sized),
        (Fault::RestlessInstance, &["info.instance"]),
        (Fault::NoOrder, &["reply.meta", "fresh.order"]),
        (Fault::OneErrorCode, &coded),
        (Fault::BoundlessCredits, &["subscribe.credits"]),
        (Fault::DeafToCancel, &["subscribe.cancel"]),
        (Fault::UndescribedCalls, &["image.unary"]),
        (Fault::WrongFormat, &["plain.rgb"]),
    ];
    for (fault, expected) in cases {
        let server = synthcap_sim::serve(SimConfig::small()).await?;
        let url = proxy::before(&server.url(), fault).await?;
        assert_fails_at(fault, &look(&url).await?, expected);
        server.shutdown().await;
    }
    Ok(())
}
