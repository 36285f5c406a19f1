//! Readers that go away, and a full disk behind stdout.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

use crate::common::{command, ended, manifest, run};
use serde_json::json;

/// A pipe that nobody reads any more.
fn closed() -> Stdio {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// What a command ended with when its output goes there.
fn code(mut command: Command, stdout: Stdio, stderr: Stdio) -> Option<i32> {
    let command = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    command.status().expect("the program starts").code()
}

fn capture(out: &Path, args: &[&str]) -> Command {
    let mut command = command(&["capture", "--frames", "3", "--size", "48x36"]);
    command.arg("--out").arg(out).args(args);
    command
}

#[test]
fn a_capture_is_finished_although_nobody_reads_what_it_says() {
    let folder = tempfile::tempdir().expect("folder");
    for (name, args) in [("text", &[][..]), ("json", &["--json"])] {
        let out = folder.path().join(name);
        assert_eq!(
            code(capture(&out, args), closed(), closed()),
            Some(0),
            "{name}"
        );
        let manifest = manifest(&out);
        assert_eq!(
            (&manifest["complete"], &manifest["samples"]),
            (&json!(true), &json!(3))
        );
    }
    // A failure keeps its code.
    let again = capture(&folder.path().join("text"), &[]);
    assert_eq!(code(again, closed(), closed()), Some(5));
}

#[test]
fn a_reader_that_has_gone_away_has_seen_enough() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    assert_eq!(ended(capture(&out, &[])).code, Some(0));
    let set = out.to_str().expect("plain");
    let page = folder.path().join("page.html");
    let page = page.to_str().expect("plain");
    for args in [
        &["--help"][..],
        &["plan", "--probe", "0", "--shards", "2"],
        &["plan", "--probe", "0", "--json"],
        &["validate", set],
        &["report", set, "--out", page],
        &["bench", "--duration", "0.01", "--commands"],
    ] {
        assert_eq!(
            code(command(args), closed(), Stdio::inherit()),
            Some(0),
            "{args:?}"
        );
    }
    assert_eq!(code(command(&["nonsense"]), closed(), closed()), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_does_not_fit_on_the_disk_is_a_failure() {
    let full = || {
        let file = std::fs::OpenOptions::new().write(true).open("/dev/full");
        Stdio::from(file.expect("the full disk of Linux"))
    };
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    for json in [&[][..], &["--json"]] {
        let capture = capture(&out, &[&["--overwrite"], json].concat());
        assert_eq!(code(capture, full(), closed()), Some(6));
        assert_eq!(manifest(&out)["complete"], true, "the set is there");
    }
    assert_eq!(code(command(&["--help"]), full(), closed()), Some(6));
    let args = ["plan", "--probe", "0"];
    let mut plan = command(&args);
    let told = plan.stdout(full()).output().expect("the program starts");
    assert_eq!(told.status.code(), Some(6));
    let told = String::from_utf8(told.stderr).expect("text");
    assert!(told.starts_with("error: cannot write to stdout"), "{told}");
    // What is on stderr is for people, who may do without.
    assert_eq!(code(command(&args), Stdio::null(), full()), Some(0));
    assert_eq!(run(&args).code, Some(0));
}
