//! `synthcap conformance`.

use crate::common::{run, serve};
use serde_json::Value;
use uesynth_contract::{PlainServer, World};

fn verdicts<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let points = report["points"].as_array().expect("points");
    let with = points.iter().filter(|point| point["verdict"] == verdict);
    with.map(|point| point["id"].as_str().expect("text"))
        .collect()
}

#[cfg(unix)]
#[test]
fn a_server_that_keeps_the_contract_ends_well() {
    let (server, url) = serve(&["--scene", "shapes"]);
    let ended = run(&["conformance", "--server", &url, "--size", "96x72"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for word in ["passed       depth.planar", " 0 failed", "extended"] {
        assert!(ended.stdout.contains(word), "{word}: {ended:?}");
    }
    let plain = run(&[
        "conformance",
        "--server",
        &url,
        "--level",
        "plain",
        "--json",
    ])
    .json();
    assert!(verdicts(&plain, "failed").is_empty());
    assert!(verdicts(&plain, "passed").contains(&"plain.rgb"));
    server.interrupt();
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_server_that_breaks_it_is_told_where() {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    // Every action on its camera fails.
    let world = World {
        camera: None,
        ..World::small()
    };
    let server = runtime.block_on(PlainServer::serve(world)).expect("port");
    let url = server.url();
    let ended = run(&["conformance", "--server", &url, "--patience", "1", "--json"]);
    assert_eq!(ended.code, Some(8), "{ended:?}");
    let report = ended.json();
    let failed = verdicts(&report, "failed");
    assert!(failed.contains(&"plain.camera"), "{failed:?}");
    assert!(!failed.contains(&"plain.list"), "{failed:?}");
    let points = report["points"].as_array().expect("points");
    let camera = points.iter().find(|point| point["id"] == "plain.camera");
    assert!(camera.is_some_and(|point| point["expected"].is_string() && point["seen"].is_string()));
    assert!(ended.complaint().contains("plain.camera"), "{ended:?}");
}

#[test]
fn nobody_there_is_unreachable() {
    let ended = run(&["conformance", "--server", "http://127.0.0.1:1"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
}
