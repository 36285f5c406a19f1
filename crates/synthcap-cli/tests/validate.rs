//! `synthcap validate` and `synthcap report`.

use std::{fs, path::Path};

use crate::common::{capture, run};
use serde_json::Value;

fn validate(set: &Path) -> (Option<i32>, Value) {
    let ended = run(&["validate", set.to_str().expect("plain"), "--json"]);
    let code = ended.code;
    (code, ended.json())
}

/// Changes the records of a set, which is a fault of its own kind each time.
fn change_record(set: &Path, index: usize, change: impl FnOnce(&mut Value)) {
    let path = set.join("frames.jsonl");
    let text = fs::read_to_string(&path).expect("index");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut record: Value = serde_json::from_str(&lines[index]).expect("JSON");
    change(&mut record);
    lines[index] = record.to_string();
    fs::write(path, lines.join("\n") + "\n").expect("index");
}

fn visible(record: &Value) -> usize {
    let objects = record["objects"].as_array().expect("objects");
    let big =
        |o: &Value| o["dynamic"] == true && o["views"][0]["visible_pixels"].as_u64() > Some(8);
    objects.iter().position(big).expect("something is seen")
}

type Plant = fn(&Path);

/// What is planted, and the kind of fault that it must be found as.
const PLANTED: [(&str, &str, Plant); 12] = [
    ("a missing file", "missing", |set| {
        fs::remove_file(set.join("depth/000001.npy")).expect("there");
    }),
    ("a file cut short", "size", |set| {
        let path = set.join("rgb/000000.png");
        let bytes = fs::read(&path).expect("file");
        fs::write(path, &bytes[..bytes.len() - 9]).expect("file");
    }),
    ("a flipped bit", "hash", |set| {
        let path = set.join("normals/000002.npy");
        let mut bytes = fs::read(&path).expect("file");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(path, bytes).expect("file");
    }),
    ("a file of nobody", "stranger", |set| {
        fs::write(set.join("rgb/000099.png"), "mine").expect("file");
    }),
    ("a torn record", "record", |set| {
        let path = set.join("frames.jsonl");
        let text = fs::read(&path).expect("index");
        fs::write(path, &text[..text.len() - 40]).expect("index");
    }),
    ("a sample less", "count", |set| {
        let path = set.join("frames.jsonl");
        let text = fs::read_to_string(&path).expect("index");
        let lines: Vec<_> = text.lines().collect();
        fs::write(path, lines[..2].join("\n") + "\n").expect("index");
    }),
    ("another image size", "shape", |set| {
        change_record(set, 1, |record| {
            record["views"][0]["intrinsics"]["width"] = 47.into()
        });
    }),
    ("another class", "class", |set| {
        change_record(set, 1, |record| {
            record["objects"][3]["class"] = "unicorn".into()
        });
    }),
    ("an instance of nobody", "instance", |set| {
        change_record(set, 0, |record| {
            let place = visible(record);
            record["objects"]
                .as_array_mut()
                .expect("objects")
                .remove(place);
        });
    }),
    ("a box beside its mask", "box", |set| {
        change_record(set, 0, |record| {
            let place = visible(record);
            record["objects"][place]["views"][0]["visible_box"] = serde_json::json!([0, 0, 3, 3]);
        });
    }),
    ("a camera elsewhere", "geometry", |set| {
        change_record(set, 2, |record| {
            let x = &mut record["views"][0]["camera_to_world_opencv"][0][3];
            *x = (x.as_f64().expect("number") + 0.5).into();
        });
    }),
    ("the same picture twice", "duplicate", |set| {
        fs::copy(set.join("rgb/000001.png"), set.join("rgb/000002.png")).expect("copied");
        let mut file = Value::Null;
        change_record(set, 1, |record| {
            file = record["views"][0]["files"]["rgb"].clone()
        });
        change_record(set, 2, |record| {
            file["path"] = "rgb/000002.png".into();
            record["views"][0]["files"]["rgb"] = file;
        });
    }),
];

#[test]
fn every_planted_defect_is_found() {
    let folder = tempfile::tempdir().expect("folder");
    let set = folder.path().join("set");
    for (what, kind, plant) in PLANTED {
        let _ = fs::remove_dir_all(&set);
        capture(&set, &["--frames", "3"]);
        let (code, sound) = validate(&set);
        assert_eq!(code, Some(0), "{sound}");
        plant(&set);
        let (code, findings) = validate(&set);
        assert_eq!(code, Some(9), "{what}: {findings}");
        let faults = findings["faults"].as_array().expect("faults");
        assert!(
            faults.iter().any(|fault| fault["kind"] == kind),
            "{what}: {findings}"
        );
    }
}

#[test]
fn every_format_is_checked() {
    let folder = tempfile::tempdir().expect("folder");
    for format in [
        "webdataset:samples=2",
        "coco",
        "hf-parquet:samples=2",
        "imagefolder",
        "bop",
        "mcap:samples=2",
        "yolo",
    ] {
        let set = folder.path().join(format.split(':').next().expect("name"));
        capture(&set, &["--frames", "3", "--format", format]);
        let (code, findings) = validate(&set);
        assert_eq!(code, Some(0), "{format}: {findings}");
        assert_eq!(findings["samples"], 3, "{format}: {findings}");
        assert!(
            findings["files"].as_u64() >= Some(3),
            "{format}: {findings}"
        );
    }
    let tar = folder.path().join("webdataset");
    let shard = fs::read_dir(&tar)
        .expect("folder")
        .map(|e| e.expect("entry").path())
        .find(|p| p.extension().is_some_and(|e| e == "tar"))
        .expect("a shard");
    let mut bytes = fs::read(&shard).expect("shard");
    bytes[700] ^= 1;
    fs::write(&shard, bytes).expect("shard");
    let (code, findings) = validate(&tar);
    assert_eq!(code, Some(9), "{findings}");
    let no_set = run(&["validate", folder.path().to_str().expect("plain")]);
    assert_eq!(no_set.code, Some(5), "{no_set:?}");
    assert!(no_set.complaint().contains("manifest.json"), "{no_set:?}");
}

#[test]
fn a_report_is_one_page_with_everything_in_it() {
    let folder = tempfile::tempdir().expect("folder");
    let set = folder.path().join("set");
    capture(&set, &["--frames", "3", "--report", "--sync-frames", "1"]);
    let page = fs::read_to_string(set.join("report.html")).expect("page");
    for word in [
        "rgb of main",
        "depth of main",
        "segmentation of main",
        "normals of main",
        "flow of main",
        "Labels per class",
        "Size of visible boxes",
        "Visibility",
        "Depth",
        "Camera positions",
        "Rate over time",
        "polyline",
        "data:image/png;base64,",
    ] {
        assert!(page.contains(word), "{word}");
    }
    assert!(!page.contains("http"), "nothing comes from elsewhere");
    assert_eq!(validate(&set).0, Some(0));
    let later = folder.path().join("later.html");
    let plain = |path: &Path| path.to_str().expect("plain").to_owned();
    let ended = run(&["report", &plain(&set), "--out", &plain(&later)]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(later.exists());
}
