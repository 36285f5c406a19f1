//! Servers that keep the contract: the embedded simulator, and one made from the
//! UESynth contract alone.

use std::collections::HashSet;

use synthcap_conformance::{Level, Options, Report, Verdict, check};
use synthcap_sim::SimConfig;
use uesynth_contract::PlainServer;

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn small() -> Options {
    Options {
        size: (96, 72),
        ..Options::default()
    }
}

fn ids(report: &Report, which: impl Fn(&Verdict) -> bool) -> Vec<&str> {
    let points = report.points.iter().filter(|point| which(&point.verdict));
    points.map(|point| point.id).collect()
}

#[tokio::test]
async fn the_embedded_simulator_keeps_every_point_it_offers() -> TestResult {
    let server = synthcap_sim::serve(SimConfig::small()).await?;
    let report = check(&server.url(), &small()).await?;
    assert!(report.is_conformant(), "{report}");
    // It offers everything, so nothing is left to be refused; memory is shared where
    // the system lets it.
    let others = ids(&report, |v| *v != Verdict::Passed);
    let expected = HashSet::from(["errors.unsupported", "shm.images", "shm.held"]);
    assert!(others.iter().all(|id| expected.contains(id)), "{report}");
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_server_of_the_bare_contract_is_plain_and_no_more() -> TestResult {
    let server = PlainServer::start().await?;
    let report = check(&server.url(), &small()).await?;
    assert!(report.is_conformant(), "{report}");
    let levels = |which: Verdict| {
        let points = report.points.iter().filter(move |p| p.verdict == which);
        points.map(|p| p.level).collect::<HashSet<_>>()
    };
    assert_eq!(levels(Verdict::Passed), HashSet::from([Level::Plain]));
    let beyond = report.points.iter().filter(|p| p.level > Level::Plain);
    for point in beyond {
        assert!(
            matches!(point.verdict, Verdict::NotOffered { .. }),
            "{report}"
        );
    }
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn a_level_leaves_out_what_is_above_it() -> TestResult {
    let server = synthcap_sim::serve(SimConfig::small()).await?;
    let options = Options {
        level: Level::Plain,
        ..small()
    };
    let report = check(&server.url(), &options).await?;
    assert!(
        report
            .points
            .iter()
            .all(|point| point.level == Level::Plain)
    );
    let json = serde_json::to_value(&report)?;
    assert_eq!(json["points"][0]["verdict"], "passed");
    assert_eq!(json["points"][0]["level"], "plain");
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn the_camera_and_the_clock_are_put_back() -> TestResult {
    let server = synthcap_sim::serve(SimConfig::small()).await?;
    let client = synthcap::Client::connect(server.url()).await?;
    let before = client.default_camera().transform().await?.value;
    client.resume().await?;
    check(&server.url(), &small()).await?;
    let after = client.default_camera().transform().await?.value;
    assert_eq!(before, after);
    let (_, info) = client.ping().await?;
    assert!(!info.expect("not plain").paused);
    client.close().await?;
    server.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let error = check("http://127.0.0.1:1", &small())
        .await
        .expect_err("nobody");
    assert_eq!(error.kind(), synthcap::ErrorKind::Unreachable);
}
