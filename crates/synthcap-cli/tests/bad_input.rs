//! Bad input: one line that names the thing and the remedy, the documented exit
//! code, nothing half-written.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Command,
};

use crate::common::{ended, run, serve};
use serde_json::json;

/// Runs a capture that is to be refused, and says how.
fn refused(args: &[&str], code: i32, words: &[&str]) {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let mut all = vec!["capture", "--frames", "2"];
    if !args.contains(&"--out") {
        all.extend(["--out", out.to_str().expect("plain")]);
    }
    all.extend(args);
    let ended = run(&all);
    assert_eq!(ended.code, Some(code), "{args:?}: {ended:?}");
    let line = ended.complaint();
    for word in words {
        assert!(line.contains(word), "{args:?}: {word:?} is not in {line:?}");
    }
    assert!(!out.exists(), "{args:?}: nothing is left behind");
}

#[test]
fn flags_and_values_that_make_no_sense() {
    refused(
        &["--modalities", "rgb,colour"],
        2,
        &["colour", "--modalities", "segmentation"],
    );
    refused(&["--size", "640"], 2, &["--size", "640x480"]);
    refused(&["--size", "0x0"], 2, &["--size", "from 1 to"]);
    refused(&["--seed", "minus one"], 2, &["--seed"]);
    refused(&["--frame", "2"], 2, &["--frame", "--help"]);
    refused(
        &["--path", "spiral"],
        2,
        &["spiral", "orbit, random or a file"],
    );
    let no_folder = run(&["capture"]);
    assert_eq!(no_folder.code, Some(2));
    assert!(no_folder.complaint().contains("--out"));
}

#[test]
fn a_script_reads_the_summary_of_a_capture_that_never_began() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let out = out.to_str().expect("plain");
    for (args, word) in [
        // What cannot be read, what makes no sense, and what is not there.
        (
            &["capture", "--json", "--out", out, "--size", "640"][..],
            "640x480",
        ),
        (&["capture", "--json"], "--out"),
        (
            &["capture", "--out", out, "--path", "nosuch", "--json"],
            "nosuch",
        ),
        (
            &[
                "capture",
                "--json",
                "--out",
                out,
                "--format",
                "coco:masks=png",
            ],
            "masks",
        ),
        (
            &["capture", "nowhere.toml", "--json", "--out", out],
            "nowhere.toml",
        ),
        (
            &["capture", "--json", "--out", out, "--shard", "4/4"],
            "shard 4 of 4",
        ),
        (&["merge", "--json", "--out", out], "PART"),
    ] {
        let ended = run(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        let line = ended.complaint().trim_start_matches("error: ");
        assert!(line.contains(word), "{args:?}: {ended:?}");
        let summary = ended.json();
        assert_eq!(
            (&summary["ok"], &summary["complete"]),
            (&json!(false), &json!(false))
        );
        assert_eq!(
            summary["error"],
            json!({ "kind": "usage", "exit_code": 2, "message": line })
        );
    }
    // Without it, stdout is for what was asked for.
    let plain = run(&["capture", "--out", out, "--path", "nosuch"]);
    assert_eq!((plain.code, plain.stdout.as_str()), (Some(2), ""));
}

#[test]
fn formats_that_there_are_not_or_that_cannot_carry_the_images() {
    refused(&["--format", "tfrecord"], 2, &["tfrecord", "webdataset"]);
    refused(&["--format", "coco:masks=png"], 2, &["coco", "masks"]);
    refused(
        &["--format", "yolo", "--modalities", "rgb,depth,segmentation"],
        2,
        &["yolo", "depth", "another format"],
    );
    refused(
        &["--format", "coco", "--modalities", "rgb"],
        2,
        &["coco", "segmentation"],
    );
    refused(
        &["--format", "coco", "--format", "coco"],
        2,
        &["coco", "twice"],
    );
}

#[test]
fn sizes_beyond_the_server() {
    refused(&["--size", "16000x100"], 2, &["16000x100", "1 to 8192"]);
    let (_server, url) = serve(&[]);
    refused(
        &["--size", "16000x100", "--server", &url],
        4,
        &["16000x100", "--size", "8192"],
    );
}

#[test]
fn a_camera_that_is_not_there() {
    refused(&["--camera", "ceiling"], 4, &["ceiling", "main"]);
}

#[test]
fn a_bad_line_in_a_pose_file() {
    let folder = tempfile::tempdir().expect("folder");
    let poses = folder.path().join("poses.csv");
    fs::write(&poses, "0,0,150,-30,0,0\n0,0,150,-30,zero,0\n").expect("file");
    let path = poses.to_str().expect("plain");
    refused(
        &["--path", path],
        2,
        &["poses.csv:2:", "zero", "x y z pitch yaw roll"],
    );
}

#[test]
fn a_server_that_is_not_there() {
    // Nobody listens on a port that was just given back.
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("port")
        .local_addr()
        .expect("address")
        .port();
    let url = format!("http://127.0.0.1:{port}");
    refused(&["--server", &url], 3, &[&port.to_string()]);
    let info = run(&["info", "--server", &url]);
    assert_eq!(info.code, Some(3), "{info:?}");
    info.complaint();
}

#[test]
fn a_server_that_speaks_something_else() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let port = listener.local_addr().expect("address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("connection");
            let mut request = [0; 512];
            // Whatever was asked, however far it got.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let url = format!("http://127.0.0.1:{port}");
    refused(&["--server", &url], 3, &[&port.to_string()]);
}

#[test]
fn a_url_that_is_none() {
    refused(&["--server", "http://"], 2, &["http://"]);
}

#[test]
fn a_folder_with_something_else_in_it() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("thesis.tex"), "years").expect("file");
    let out = folder.path().to_str().expect("plain");
    refused(&["--out", out], 5, &[out, "not empty"]);
    refused(&["--out", out, "--overwrite"], 5, &[out, "not a data set"]);
    let left: Vec<_> = fs::read_dir(folder.path()).expect("folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written() {
    // Nobody may make folders here, not even root.
    refused(
        &["--out", "/proc/synthcap"],
        5,
        &["/proc/synthcap", "may write"],
    );
}

#[cfg(unix)]
#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    // No file may have more than 300 KiB, which those of large frames exceed.
    let script =
        r#"trap "" XFSZ; ulimit -f 600; exec "$0" capture --frames 2 --size 400x300 --out "$1""#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_synthcap")])
        .arg(&out);
    let ended = ended(command);
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert!(ended.complaint().contains("free some space"), "{ended:?}");
    assert!(!out.exists(), "no frame was complete, so nothing is left");
}
