//! Job files: what is read, what is refused and how that is said.

use std::fs;

use synthcap_job::{JobError, JobSource, Size};

fn job(text: &str) -> Result<synthcap_job::Job, JobError> {
    JobSource::from_text("job.toml", text)?.job()
}

#[test]
fn an_empty_file_is_the_default_job() {
    let job = job("").expect("defaults");
    assert_eq!((job.samples(), job.scenes(), job.seed), (48, 1, 0));
    assert_eq!(job.formats, ["frames"]);
    assert_eq!(job.cameras.len(), 1);
}

#[test]
fn every_table_has_defaults() {
    let text = "
        [[cameras]]
        spherical = {}
        jitter = {}
        look_at = {}
        sensor = { depth = {} }
        [randomize]
        light = {}
        materials = {}
        poses = {}
        objects = { count = [2, 4] }
        drop = { assets = ['shape:mug'], count = 3 }
        distractors = { assets = ['shape:cube'], count = [0, 2] }
        lamps = [{ name = 'lamp', intensity = [0.5, 2] }]
    ";
    let job = job(text).expect("defaults");
    assert!(job.changes_objects());
    let drop = job.randomize.drop.expect("drop");
    assert_eq!((drop.settle_ticks, drop.spread), (90, 0.6));
}

/// Text, the line at fault, words of the complaint.
const WRONG: [(&str, u32, &[&str]); 19] = [
    ("seed = 1\nsamplez = 3", 2, &["samplez", "samples"]),
    (
        "[randomize.light]\nsun = 1",
        2,
        &["unknown field `sun`", "sun_intensity"],
    ),
    (
        "\n[randomize.light]\nsun_intensity = [2, 1]",
        3,
        &["upside down", "[1, 2]"],
    ),
    ("size = '640'", 1, &["640x480"]),
    (
        "modalities = ['rgb', 'colour']",
        1,
        &["colour", "segmentation"],
    ),
    ("modalities = []", 1, &["at least one"]),
    ("samples = 0", 1, &["samples", "at least one"]),
    ("samples = -4", 1, &["-4"]),
    ("formats = []", 1, &["formats", "at least one"]),
    ("classes = ['a',\n'b',\n'a']", 3, &["\"a\"", "twice"]),
    (
        "samples = 4\nsplit = { train = 1, val = 1 }",
        2,
        &["1 scenes", "samples_per_scene"],
    ),
    (
        "[[cameras]]\nfov_deg = [20, 200]",
        2,
        &["cameras.0.fov_deg", "170 degrees"],
    ),
    (
        "[[cameras]]\npath = 'orbit'\nlook_at = {}",
        3,
        &["look_at", "spherical or volume"],
    ),
    (
        "[[cameras]]\npath = 'orbit'\nspherical = {}",
        1,
        &["exclude each other"],
    ),
    (
        "[[cameras]]\n[cameras.volume]\nmin_cm = [0, 0, 9]\nmax_cm = [1, 1, 1]",
        3,
        &["above max_cm on Z"],
    ),
    ("[[cameras]]\n[[cameras]]", 2, &["a name of its own"]),
    (
        "[randomize.drop]\nassets = []\ncount = 1",
        2,
        &["drop.assets"],
    ),
    ("[randomize.light]\nper = 'minute'", 2, &["minute", "scene"]),
    ("seed = = 1", 1, &["job.toml:1"]),
];

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, line, words) in WRONG {
        let error = job(text).expect_err(text).to_string();
        assert!(!error.contains('\n'), "{error}");
        assert!(
            error.starts_with(&format!("job.toml:{line}: ")),
            "{text}: {error}"
        );
        for word in words {
            assert!(error.contains(word), "{text}: {word:?} is not in {error:?}");
        }
    }
}

#[test]
fn flags_come_over_the_file() {
    let mut source =
        JobSource::from_text("job.toml", "seed = 1\n[[cameras]]\nname = 'a'").expect("good");
    source.set("seed", 9).expect("key");
    source.set_text("size=64x48").expect("key");
    source
        .set_text("cameras.0.fov_deg = [40, 50]")
        .expect("key");
    source.set_text("randomize.light.per=scene").expect("key");
    source.set_text("cameras.1.name=b").expect("a camera more");
    let job = source.job().expect("good");
    assert_eq!(job.seed, 9);
    assert_eq!(
        job.size,
        Size {
            width: 64,
            height: 48
        }
    );
    assert_eq!(job.cameras[0].name.as_deref(), Some("a"));
    assert_eq!(job.cameras[1].name.as_deref(), Some("b"));
    assert!(job.cameras[0].fov_deg.is_some() && job.randomize.light.is_some());
}

#[test]
fn a_wrong_flag_is_blamed_not_the_file() {
    for (assignment, words) in [
        ("samples=0", &["samples: ask"][..]),
        ("sizes=1x1", &["sizes", "unknown field"]),
        ("cameras.0.fov_deg=500", &["cameras.0.fov_deg: "]),
        ("samples", &["KEY=VALUE"]),
        ("seed.low=1", &["seed.low"]),
    ] {
        let mut source = JobSource::from_text("job.toml", "seed = 1").expect("good");
        let set = source.set_text(assignment);
        let error = set
            .and_then(|()| source.job())
            .expect_err(assignment)
            .to_string();
        assert!(!error.contains("job.toml"), "{assignment}: {error}");
        for word in words {
            assert!(error.contains(word), "{assignment}: {error}");
        }
    }
}

#[test]
fn a_pose_file_lies_beside_the_job_and_gives_the_count() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(
        folder.path().join("poses.txt"),
        "0 0 0 0 0 0\n1 1 1 0 0 0\n",
    )
    .expect("file");
    let path = folder.path().join("job.toml");
    fs::write(&path, "[[cameras]]\npath = 'poses.txt'").expect("file");
    let job = JobSource::read(&path)
        .and_then(|source| source.job())
        .expect("good");
    assert_eq!(job.samples(), 2);
    let mut source = JobSource::read(&path).expect("good");
    source.set("samples", 3).expect("key");
    let error = source.job().expect_err("too many").to_string();
    assert!(error.contains("samples = 2"), "{error}");
}

#[test]
fn the_fingerprint_is_of_what_matters() {
    let print = |text: &str| job(text).expect("good").fingerprint();
    assert_eq!(
        print("seed = 1"),
        print("# a comment\nseed = 1\nsize = '640x480'")
    );
    assert_ne!(print("seed = 1"), print("seed = 2"));
    assert_ne!(print(""), print("[randomize.light]"));
}
