//! A full disk: what is complete stays intact, and the error says where and what
//! to do. Nothing here needs privileges.
#![cfg(target_os = "linux")]

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::common::{files, manifest, plan, records, sample};
use serde_json::json;
use synthcap_dataset::{
    DatasetWriter, EncodedFile, ErrorKind, Frames, Options, Summary, write_report,
};

/// Every file that the index names is there, whole, and there are no others.
fn assert_intact(set: &Path, summary: &Summary) {
    let always = ["README.md", "frames.jsonl", "manifest.json"];
    let mut expected: Vec<_> = always.map(str::to_owned).to_vec();
    let records = records(set);
    assert_eq!(records.len() as u64, summary.samples);
    for record in &records {
        let images = record["views"][0]["files"].as_object().expect("files");
        for image in images.values() {
            let path = image["path"].as_str().expect("path");
            let content = fs::read(set.join(path)).expect("file");
            let hash = EncodedFile::new(String::new(), Vec::new(), content);
            assert_eq!(image["sha256"], hash.sha256(), "{path}");
            expected.push(path.to_owned());
        }
    }
    if set.join("preview.png").exists() {
        expected.push("preview.png".to_owned());
    }
    expected.sort();
    assert_eq!(files(set), expected);
    assert_eq!(manifest(set)["complete"], false);
    assert_eq!(manifest(set)["samples"], json!(summary.samples));
}

#[test]
fn a_full_disk_ends_the_set_before_the_sample() {
    for image in ["rgb/000003.png", "flow/000003.npy"] {
        let folder = tempfile::tempdir().expect("folder");
        let out = folder.path().join("set");
        let plan = plan(&["main"], 24, 18, 6);
        let format = Box::new(Frames::new());
        let mut writer =
            DatasetWriter::create(&out, plan.clone(), format, Options::default()).expect("created");
        for index in 0..3 {
            writer.push(sample(&plan, index)).expect("pushed");
        }
        // Whatever is written there finds the disk full.
        let target = out
            .join(".synthcap-partial/data")
            .join(format!("{image}.tmp"));
        fs::create_dir_all(target.parent().expect("parent")).expect("folder");
        symlink("/dev/full", target).expect("symlink");
        let refused = (3..6).find_map(|index| writer.push(sample(&plan, index)).err());
        let summary = writer.finish().expect("what is complete is kept");
        let failure = summary.failure.clone().expect("the disk was full");
        for error in refused.iter().chain([&failure]) {
            assert_eq!(error.kind(), ErrorKind::DiskFull);
            assert_eq!(error.path(), Some(&*out.join(image)));
            let line = error.to_string();
            assert!(
                line.contains(image) && line.contains("free some space"),
                "{line}"
            );
        }
        assert_eq!(summary.samples, 3);
        assert_intact(&out, &summary);
    }
}

/// Runs in a process of its own, whose files may have so many bytes at the most.
const CHILD: &str = "SYNTHCAP_TEST_DISK_FULL";

#[test]
fn an_index_that_cannot_grow_ends_with_a_whole_line() {
    if let Ok(out) = std::env::var(CHILD) {
        return grow_until_full(Path::new(&out));
    }
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    // In blocks of 512 bytes. Without the trap the signal would end the process.
    let script = r#"trap "" XFSZ; ulimit -f 600; exec "$0" --exact disk_full::an_index_that_cannot_grow_ends_with_a_whole_line"#;
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().expect("test binary"))
        .env(CHILD, &out)
        .output()
        .expect("shell");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(out.join("manifest.json").exists(), "{text}");
}

fn grow_until_full(out: &Path) {
    let plan = plan(&["main"], 12, 8, 1000);
    let format = Box::new(Frames::new());
    let mut writer =
        DatasetWriter::create(out, plan.clone(), format, Options::default()).expect("created");
    let refused = (0..1000).find_map(|index| writer.push(sample(&plan, index)).err());
    assert_eq!(
        refused.expect("the index is full").kind(),
        ErrorKind::DiskFull
    );
    let summary = writer.finish().expect("what is complete is kept");
    assert!(summary.samples > 5, "{summary:?}");
    let failure = summary.failure.clone().expect("full");
    assert_eq!(failure.path(), Some(&*out.join("frames.jsonl")));
    assert_intact(out, &summary);
}

#[test]
fn a_page_that_does_not_fit_leaves_the_one_before() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plan = plan(&["main"], 24, 18, 1);
    let format = Box::new(Frames::new());
    let mut writer =
        DatasetWriter::create(&out, plan.clone(), format, Options::default()).expect("created");
    writer.push(sample(&plan, 0)).expect("pushed");
    writer.finish().expect("finished");
    let page = folder.path().join("page.html");
    write_report(&out, &page).expect("written");
    let good = fs::read(&page).expect("page");
    // Whatever is written there finds the disk full.
    symlink("/dev/full", folder.path().join("page.html.tmp")).expect("symlink");
    let error = write_report(&out, &page).expect_err("the disk is full");
    assert_eq!(
        (error.kind(), error.path()),
        (ErrorKind::DiskFull, Some(&*page))
    );
    assert_eq!(fs::read(&page).expect("page"), good);
    assert_eq!(
        files(folder.path())
            .iter()
            .filter(|f| f.starts_with("page"))
            .count(),
        1
    );
    // A link keeps its target, and what is no file stays what it is.
    for (name, target) in [
        ("link.html", page.as_path()),
        ("nothing", Path::new("/dev/null")),
    ] {
        let link = folder.path().join(name);
        symlink(target, &link).expect("symlink");
        write_report(&out, &link).expect("written");
        assert_eq!(fs::read_link(&link).expect("still a link"), target);
    }
    assert_eq!(fs::read(&page).expect("page"), good);
}
