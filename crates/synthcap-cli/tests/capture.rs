//! `synthcap capture` as a user runs it.

use std::{collections::HashSet, fs};

use crate::common::{Running, capture, manifest, records, run, serve};
use serde_json::{Value, json};

#[test]
fn the_command_of_the_readme_makes_a_whole_data_set() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("demo");
    let ended = run(&[
        "capture",
        "--frames",
        "3",
        "--out",
        out.to_str().expect("plain"),
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("3 frames in "), "{ended:?}");
    assert!(ended.stdout.contains("preview.png"), "{ended:?}");
    assert!(ended.stderr.contains("3/3 frames"), "{ended:?}");
    assert!(out.join("preview.png").exists());
    let manifest = manifest(&out);
    assert_eq!(manifest["complete"], true);
    assert_eq!(manifest["cameras"][0]["width"], 640);
    assert_eq!(manifest["settings"]["cameras"][0]["path"], "orbit");
    assert!(
        manifest["classes"]
            .as_array()
            .is_some_and(|classes| classes.len() >= 8)
    );
    let records = records(&out);
    assert_eq!(records.len(), 3);
    for record in &records {
        let files = record["views"][0]["files"].as_object().expect("files");
        assert_eq!(files.len(), 5);
        for file in files.values() {
            assert!(out.join(file["path"].as_str().expect("path")).exists());
        }
        let objects = record["objects"].as_array().expect("objects");
        assert!(objects.len() >= 30, "{}", objects.len());
        let visible = |o: &&Value| o["views"][0]["visible_pixels"].as_u64() > Some(0);
        assert!(objects.iter().filter(visible).count() > 10);
    }
}

#[test]
fn several_formats_of_one_capture_stand_side_by_side() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let formats = ["--format", "coco", "--format", "yolo"];
    let args = [&["--frames", "2", "--license", "CC0-1.0"], &formats[..]].concat();
    let summary = capture(&out, &args);
    assert_eq!(summary["complete"], true);
    assert_eq!(manifest(&out)["formats"], json!(["coco", "yolo"]));
    // What both of them can carry is taken.
    assert_eq!(manifest(&out)["modalities"], json!(["rgb", "segmentation"]));
    for (name, index) in [
        ("coco", "annotations/instances.json"),
        ("yolo", "data.yaml"),
    ] {
        let set = out.join(name);
        assert_eq!(manifest(&set)["license"], "CC0-1.0");
        assert_eq!(records(&set).len(), 2);
        assert!(set.join(index).exists());
    }
    let out = out.to_str().expect("plain");
    let again = run(&["capture", "--frames", "1", "--overwrite", "--out", out]);
    assert_eq!(again.code, Some(5), "{again:?}");
    let line = again.complaint();
    assert!(
        line.contains("coco and yolo") && line.contains("--format"),
        "{line}"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_another_process() {
    let folder = tempfile::tempdir().expect("folder");
    let set = |name: &str, seed: &str| {
        let out = folder.path().join(name);
        let args = [
            "--frames",
            "4",
            "--seed",
            seed,
            "--path",
            "random",
            "--randomize",
        ];
        capture(&out, &args);
        // Names and hashes of all files are in it.
        fs::read_to_string(out.join("frames.jsonl")).expect("index")
    };
    let first = set("a", "7");
    assert_eq!(first, set("b", "7"));
    assert_ne!(first, set("c", "8"));
}

#[test]
fn what_was_drawn_is_recorded_and_differs_from_frame_to_frame() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let summary = capture(&out, &["--frames", "3", "--randomize"]);
    assert_eq!(summary["warnings"], json!([]));
    let drawn: HashSet<_> = records(&out)
        .iter()
        .map(|record| record["randomization"].to_string())
        .collect();
    assert_eq!(drawn.len(), 3);
    for (key, record) in ["light", "materials", "poses", "camera_jitter"]
        .iter()
        .zip(records(&out))
    {
        assert!(!record["randomization"][key].is_null(), "{key}");
    }
}

#[test]
fn the_motion_that_flow_shows_is_recorded_where_it_is_not_that_between_frames() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    capture(&out, &["--frames", "3", "--path", "random"]);
    for record in records(&out) {
        let at = |pose: &Value, axis: usize| pose["location_cm"][axis].as_f64().expect("number");
        let (before, now) = (
            &record["randomization"]["camera_before_tick"],
            &record["views"][0]["pose"],
        );
        assert_ne!(before, now);
        assert!((0..3).all(|axis| (at(before, axis) - at(now, axis)).abs() < 2.0));
    }
}

#[test]
fn a_server_gives_the_same_set_as_the_embedded_simulator() {
    let folder = tempfile::tempdir().expect("folder");
    let (embedded, remote) = (folder.path().join("embedded"), folder.path().join("remote"));
    let args = ["--frames", "2", "--seed", "5"];
    capture(&embedded, &args);
    // It was made with another seed and has run on; a reset undoes both.
    let (server, url) = serve(&["--seed", "1"]);
    let summary = capture(&remote, &[&args[..], &["--server", &url]].concat());
    assert_eq!(summary["seed"], 5);
    let index =
        |set: &std::path::Path| fs::read_to_string(set.join("frames.jsonl")).expect("index");
    assert_eq!(index(&embedded), index(&remote));
    drop(server);
}

#[test]
fn time_of_a_server_runs_on_after_a_capture() {
    let folder = tempfile::tempdir().expect("folder");
    let (_server, url) = serve(&[]);
    capture(
        &folder.path().join("set"),
        &["--frames", "1", "--server", &url],
    );
    let info = run(&["info", "--server", &url, "--json"]).json();
    assert_eq!(info["server"]["paused"], false);
}

#[test]
fn time_of_a_server_runs_on_after_it_refused_a_frame() {
    let folder = tempfile::tempdir().expect("folder");
    let job = folder.path().join("job.toml");
    fs::write(
        &job,
        "[[randomize.lamps]]\nname = 'ceiling'\nintensity = 1\n",
    )
    .expect("job");
    let (_server, url) = serve(&[]);
    let out = folder.path().join("set");
    let [job, out] = [&job, &out].map(|path| path.to_str().expect("plain"));
    let ended = run(&[
        "capture", job, "--size", "48x36", "--frames", "2", "--out", out, "--server", &url,
    ]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.complaint().contains("ceiling"), "{ended:?}");
    let info = run(&["info", "--server", &url, "--json"]).json();
    assert_eq!(info["server"]["paused"], false);
}

#[test]
fn the_poses_of_a_set_can_be_taken_again() {
    let folder = tempfile::tempdir().expect("folder");
    let (first, again) = (folder.path().join("first"), folder.path().join("again"));
    capture(&first, &["--frames", "3"]);
    let poses = first.join("frames.jsonl");
    let summary = capture(&again, &["--path", poses.to_str().expect("plain")]);
    assert_eq!(summary["frames"], 3, "as many as the file has");
    for (a, b) in records(&first).iter().zip(records(&again)) {
        assert_eq!(a["views"][0]["pose"], b["views"][0]["pose"]);
        let (a, b) = (&a["views"][0]["files"], &b["views"][0]["files"]);
        for modality in ["rgb", "depth", "segmentation", "normals"] {
            assert_eq!(a[modality]["sha256"], b[modality]["sha256"], "{modality}");
        }
    }
}

#[test]
fn only_what_was_asked_for_is_written() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let summary = capture(&out, &["--frames", "2", "--modalities", "depth,rgb"]);
    assert_eq!(
        (&summary["files"], &summary["complete"]),
        (&json!(4), &json!(true))
    );
    let mut entries: Vec<_> = fs::read_dir(&out)
        .expect("folder")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .into_string()
                .expect("plain")
        })
        .collect();
    entries.sort();
    assert_eq!(
        entries,
        [
            "README.md",
            "depth",
            "frames.jsonl",
            "manifest.json",
            "preview.png",
            "rgb"
        ]
    );
}

#[test]
fn a_set_is_replaced_only_when_asked() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    capture(&out, &["--frames", "1"]);
    let before = fs::read(out.join("manifest.json")).expect("manifest");
    let plain = out.to_str().expect("plain");
    let refused = run(&["capture", "--frames", "2", "--out", plain]);
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.complaint().contains("--overwrite"), "{refused:?}");
    assert_eq!(
        fs::read(out.join("manifest.json")).expect("manifest"),
        before
    );
    capture(&out, &["--frames", "2", "--overwrite"]);
    assert_eq!(manifest(&out)["samples"], 2);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_valid_part() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plain = out.to_str().expect("plain");
    let mut running = Running::start(&[
        "capture", "--json", "--frames", "100000", "--size", "48x36", "--out", plain,
    ]);
    running.wait_for("/100000 frames");
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(ended.complaint().contains("interrupted"), "{ended:?}");
    let summary = ended.json();
    assert_eq!(summary["error"]["kind"], "interrupted");
    let manifest = manifest(&out);
    assert_eq!(manifest["complete"], false);
    assert_eq!(manifest["samples"], summary["frames"]);
    let records = records(&out);
    assert_eq!(json!(records.len()), summary["frames"]);
    assert!(!records.is_empty());
    for record in &records {
        for file in record["views"][0]["files"]
            .as_object()
            .expect("files")
            .values()
        {
            let path = out.join(file["path"].as_str().expect("path"));
            let size = fs::metadata(&path).expect("file").len();
            assert_eq!(file["bytes"], json!(size), "{}", path.display());
        }
    }
    assert!(out.join("preview.png").exists());
}

#[cfg(unix)]
#[test]
fn a_resumed_capture_tells_the_rate_of_its_own_frames() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plain = out.to_str().expect("plain");
    let mut before = 0.0;
    for _ in 0..2 {
        let mut running = Running::start(&[
            "capture", "--json", "--resume", "--frames", "100000", "--size", "48x36", "--out",
            plain,
        ]);
        running.wait_for("/100000 frames");
        running.interrupt();
        let summary = running.end().json();
        let number = |key: &str| summary[key].as_f64().expect("number");
        let made = number("frames_per_second") * number("seconds");
        assert!(
            (made - (number("frames") - before)).abs() < 1e-6,
            "{summary}"
        );
        assert!(made > 0.5, "{summary}");
        before = number("frames");
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_dies_leaves_a_valid_part() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plain = out.to_str().expect("plain");
    let (mut server, url) = serve(&[]);
    let mut running = Running::start(&[
        "capture", "--frames", "100000", "--size", "48x36", "--out", plain, "--server", &url,
    ]);
    running.wait_for("/100000 frames");
    server.kill();
    let ended = running.end();
    assert_eq!(ended.code, Some(7), "{ended:?}");
    ended.complaint();
    assert_eq!(manifest(&out)["complete"], false);
    assert_eq!(manifest(&out)["samples"], json!(records(&out).len()));
}
