//! Jobs end with the same bytes, whatever happens on the way: a crash, several
//! machines, several servers of which one dies.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::common::{self, Ended, ended, run, serve};
use serde_json::Value;

/// Every format that can carry the job's images, at once, in files of a few samples
/// where a format has such.
const FORMATS: [&str; 7] = [
    "frames",
    "webdataset:samples=4",
    "coco",
    "hf-parquet:samples=4",
    "imagefolder",
    "bop",
    "mcap:samples=4",
];

/// Small, with time, physics and everything that varies.
const JOB: &str = "
seed = 11
scene = 'tabletop'
samples = 20
samples_per_scene = 5
size = '64x48'
modalities = ['rgb', 'depth', 'segmentation']
split = { train = 3, test = 1 }

[[cameras]]
spherical = {}
jitter = {}
fov_deg = [50, 65]
look_at = { min_visibility = 0.2 }

[randomize]
light = {}
materials = { count = [2, 6], roughness = [0.1, 0.9] }
poses = {}
objects = { count = [6, 12] }
drop = { assets = ['shape:mug', 'shape:apple'], count = [1, 3], settle_ticks = 30 }
distractors = { assets = ['shape:cube'], count = [0, 2] }
";

/// A folder with a job file.
struct Desk {
    folder: tempfile::TempDir,
    formats: Vec<String>,
}

impl Desk {
    fn new(formats: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("job.toml"), JOB).expect("job");
        Self {
            folder,
            formats: formats.iter().map(|f| (*f).to_owned()).collect(),
        }
    }

    /// One whose job takes no depth, for formats that cannot carry it.
    fn without_depth(formats: &[&str]) -> Self {
        let desk = Self::new(formats);
        let job = JOB.replace("'depth', ", "");
        assert_ne!(job, JOB);
        fs::write(desk.path("job.toml"), job).expect("job");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A capture of the job into a folder, with the time of making fixed.
    fn capture(&self, out: &str, args: &[&str]) -> Command {
        let mut command = common::command(&["capture"]);
        command
            .arg(self.path("job.toml"))
            .arg("--out")
            .arg(self.path(out));
        for format in &self.formats {
            command.args(["--format", format]);
        }
        command.args(["--sync-frames", "1"]).args(args);
        command.env("SOURCE_DATE_EPOCH", "1700000000");
        command
    }

    fn captured(&self, out: &str, args: &[&str]) -> Ended {
        let ended = ended(self.capture(out, args));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended
    }

    /// Every file of a set.
    fn tree(&self, out: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        gather(&self.path(out), Path::new(""), &mut found);
        assert!(found.len() > 3, "{:?}", found.keys());
        found
    }
}

fn gather(folder: &Path, inside: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        let relative = inside.join(path.file_name().expect("name"));
        if path.is_dir() {
            gather(&path, &relative, found);
        } else {
            found.insert(relative, fs::read(&path).expect("file"));
        }
    }
}

#[track_caller]
fn assert_same(a: &BTreeMap<PathBuf, Vec<u8>>, b: &BTreeMap<PathBuf, Vec<u8>>) {
    let names = |tree: &BTreeMap<PathBuf, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(a), names(b));
    for (path, content) in a {
        if b[path] != *content && path.extension().is_some_and(|e| e == "jsonl") {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (a, b) = (text(content), text(&b[path]));
            let pair = a.lines().zip(b.lines()).find(|(a, b)| a != b);
            panic!("{} differs: {pair:#?}", path.display());
        }
        assert!(b[path] == *content, "{} differs", path.display());
    }
}

#[test]
fn a_kill_at_any_moment_changes_nothing() {
    kill_at_moments(&Desk::new(&FORMATS));
}

#[test]
fn a_kill_at_any_moment_changes_no_labels() {
    kill_at_moments(&Desk::without_depth(&["yolo", "yolo-seg"]));
}

/// Kills a capture at moments spread over its time, each a fresh one, and goes on.
/// `just test-crash` asks for 20 moments.
fn kill_at_moments(desk: &Desk) {
    let moments = std::env::var("SYNTHCAP_CRASHES").map_or(3, |n| n.parse().expect("a number"));
    let begun = Instant::now();
    desk.captured("whole", &[]);
    let whole_time = begun.elapsed();
    let whole = desk.tree("whole");
    let mut gone_on = 0;
    let mut random: u64 = 0x5eed;
    for i in 0..moments {
        let out = format!("crash-{i}");
        let mut child = desk
            .capture(&out, &["--resume"])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The moment of the crash; nothing is waited for.
        let part = (random >> 40) as f64 / f64::from(1 << 24);
        let share = (f64::from(i) + part) / f64::from(moments);
        std::thread::sleep(Duration::from_secs_f64(whole_time.as_secs_f64() * share));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let ended = desk.captured(&out, &["--resume"]);
        gone_on += usize::from(ended.stderr.contains("going on after"));
        assert_same(&whole, &desk.tree(&out));
        fs::remove_dir_all(desk.path(&out)).expect("removed");
    }
    println!("{gone_on} of {moments} went on in the middle");
    assert!(moments < 10 || gone_on > 3, "{gone_on}");
}

#[test]
fn a_set_whose_writer_was_killed_while_it_cleared_up_is_cleared_up() {
    let desk = Desk::without_depth(&["yolo"]);
    desk.captured("set", &[]);
    let whole = desk.tree("set");
    let thumbs = desk.path("set/.synthcap-partial/thumbs");
    fs::create_dir_all(&thumbs).expect("made");
    fs::write(thumbs.join("000000.bin"), b"left").expect("written");
    let ended = desk.captured("set", &["--resume"]);
    assert!(ended.stderr.contains("complete already"), "{ended:?}");
    assert_same(&whole, &desk.tree("set"));

    // What is to replace it is not thrown away.
    let other = desk.path("set/.synthcap-partial/data");
    fs::create_dir_all(&other).expect("made");
    fs::write(other.join("begun"), b"new").expect("written");
    desk.captured("set", &["--resume"]);
    assert!(other.join("begun").exists());
    // Nor does it take the place of the set, which is what was asked for, though some of
    // that had made way already.
    let partial = desk.path("set/.synthcap-partial");
    let commit = r#"{"old":["README.md","manifest.json"],"new":["begun","manifest.json"]}"#;
    fs::write(partial.join("commit.json"), commit).expect("written");
    fs::write(other.join("manifest.json"), b"{}").expect("written");
    fs::create_dir(partial.join("replaced")).expect("made");
    let moved = partial.join("replaced/README.md");
    fs::rename(desk.path("set/README.md"), moved).expect("moved");
    desk.captured("set", &["--resume"]);
    assert!(other.join("begun").exists());
    fs::remove_dir_all(&partial).expect("removed");
    assert_same(&whole, &desk.tree("set"));
}

#[test]
fn an_interrupted_set_is_gone_on_with_from_its_place() {
    let desk = Desk::new(&["frames", "webdataset:samples=4"]);
    desk.captured("whole", &[]);
    // A set that has ended early, as after Ctrl-C, but at a known sample: a folder
    // that cannot be made ends it.
    let mut child = desk
        .capture("set", &[])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let journal = desk.path("set/.synthcap-partial/journal");
    while fs::read_to_string(&journal).map_or(0, |text| text.lines().count()) < 3 {
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .expect("kill")
            .success()
    );
    let code = child.wait().expect("ended").code();
    if code == Some(130) {
        let refused = ended(desk.capture("set", &[]));
        assert_eq!(refused.code, Some(5), "{refused:?}");
        assert!(refused.complaint().contains("--resume"), "{refused:?}");
        let manifest = common::manifest(&desk.path("set"));
        assert_eq!(manifest["complete"], false);
    }
    desk.captured("set", &["--resume"]);
    assert_same(&desk.tree("whole"), &desk.tree("set"));
    let again = desk.captured("set", &["--resume"]);
    assert!(again.stderr.contains("complete already"), "{again:?}");
}

#[test]
fn shards_joined_are_the_single_run() {
    let desk = Desk::new(&FORMATS);
    desk.captured("whole", &[]);
    for i in 0..4 {
        let out = format!("part-{i}");
        match i {
            0 => desk.captured(&out, &["--shard", "0/4"]),
            // As a cluster would have it.
            _ => {
                let mut command = desk.capture(&out, &[]);
                command.env("SLURM_ARRAY_TASK_ID", i.to_string());
                command.env("SLURM_ARRAY_TASK_COUNT", "4");
                let ended = ended(command);
                assert_eq!(ended.code, Some(0), "{ended:?}");
                ended
            }
        };
    }
    let merge = |out: &str, parts: &[&str]| {
        let mut command = common::command(&["merge", "--out"]);
        command.arg(desk.path(out));
        command.args(parts.iter().map(|part| desk.path(part)));
        ended(command)
    };
    let joined = merge("joined", &["part-2", "part-0", "part-3", "part-1"]);
    assert_eq!(joined.code, Some(0), "{joined:?}");
    assert_same(&desk.tree("whole"), &desk.tree("joined"));

    let refused = |parts: &[&str], words: &[&str]| {
        let ended = merge("refused", parts);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        for word in words {
            assert!(ended.complaint().contains(word), "{word}: {ended:?}");
        }
        assert!(!desk.path("refused").exists());
    };
    refused(
        &["part-0", "part-1", "part-3"],
        &["samples 8 to 11", "in none"],
    );
    refused(
        &["part-0", "part-1", "part-1", "part-2", "part-3"],
        &["part-1", "both hold"],
    );
    refused(&["part-0", "whole"], &["whole", "not a part"]);
    let other = ended(desk.capture("other", &["--shard", "1/4", "--seed", "12"]));
    assert_eq!(other.code, Some(0), "{other:?}");
    refused(
        &["part-0", "other", "part-2", "part-3"],
        &["other", "identity.seed is 12"],
    );
    let before = desk.tree("part-3");
    for broken in ["frames/rgb/000016.png", "webdataset/train-000004.tar"] {
        let path = desk.path("part-3").join(broken);
        if !path.exists() {
            panic!("{:?}", before.keys().collect::<Vec<_>>());
        }
        let good = fs::read(&path).expect("file");
        let mut bad = good.clone();
        bad[600.min(good.len() / 2)] ^= 1;
        // A name of its own: the joined set shares the file.
        fs::remove_file(&path).expect("removed");
        fs::write(&path, &bad).expect("file");
        refused(
            &["part-0", "part-1", "part-2", "part-3"],
            &[broken, "make that part again"],
        );
        fs::write(&path, &good).expect("file");
    }
}

#[test]
fn two_servers_of_which_one_dies_make_the_same_bytes() {
    let desk = Desk::new(&["frames"]);
    desk.captured("whole", &[]);
    // Of the size of the job's images: a focal length that is scaled to another size
    // differs in its last bit.
    let (mut first, url) = serve(&["--seed", "3", "--size", "64x48"]);
    let (_second, other) = serve(&["--seed", "4", "--size", "64x48"]);
    let mut child = desk
        .capture("set", &["--server", &url, "--server", &other])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let records = desk.path("set/.synthcap-partial/data/frames.jsonl");
    while fs::metadata(&records).map_or(0, |file| file.len()) == 0 {
        std::thread::yield_now();
    }
    first.kill();
    let mut errors = String::new();
    use std::io::Read as _;
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut errors)
        .expect("text");
    assert!(child.wait().expect("ended").success(), "{errors}");
    assert!(errors.contains("the other servers go on"), "{errors}");
    assert_same(&desk.tree("whole"), &desk.tree("set"));
}

#[test]
fn another_job_s_folder_is_left_alone() {
    let desk = Desk::new(&["frames"]);
    let part = ["--shard", "0/4"];
    desk.captured("set", &part);
    let before = desk.tree("set");
    let other = ended(desk.capture("set", &["--resume", "--shard", "0/4", "--seed", "12"]));
    assert_eq!(other.code, Some(5), "{other:?}");
    let line = other.complaint();
    assert!(
        line.contains("another job") && line.contains("seed is 11 there, not 12"),
        "{line}"
    );
    assert_same(&before, &desk.tree("set"));
}

#[test]
fn what_is_wrong_with_a_job_is_said_with_file_and_line() {
    let desk = Desk::new(&["frames"]);
    for (text, words) in [
        ("seed = 1\nsampels = 2", &["job.toml:2:", "sampels"][..]),
        (
            "[randomize.light]\nsun_intensity = [2, 1]",
            &["job.toml:2:", "upside down"],
        ),
        (
            "samples = 2\nsize = '64x48'\n[randomize.poses]\nclasses = ['unicorn']",
            &["job.toml:4:", "randomize.poses.classes.0", "unicorn", "mug"],
        ),
        ("scene = 'moon'", &["moon", "tabletop"]),
    ] {
        fs::write(desk.path("job.toml"), text).expect("job");
        let ended = ended(desk.capture("set", &[]));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        for word in words {
            assert!(ended.complaint().contains(word), "{word}: {ended:?}");
        }
        assert!(!desk.path("set").exists());
    }
    let missing = run(&["capture", "nowhere.toml", "--out", "x"]);
    assert!(missing.complaint().contains("nowhere.toml"), "{missing:?}");
}

/// A tetrahedron of glTF, 20 cm high: a file, and its numbers apart.
fn write_asset(folder: &Path, name: &str) {
    let positions: [f32; 12] = [
        -0.1, 0.0, -0.1, 0.1, 0.0, -0.1, 0.0, 0.0, 0.1, 0.0, 0.2, 0.0,
    ];
    let indices: [u16; 12] = [0, 1, 2, 0, 3, 1, 1, 3, 2, 2, 3, 0];
    let mut numbers: Vec<u8> = positions.iter().flat_map(|f| f.to_le_bytes()).collect();
    numbers.extend(indices.iter().flat_map(|i| i.to_le_bytes()));
    fs::write(folder.join("numbers.bin"), numbers).expect("file");
    let text = r#"{"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0]}],
        "nodes":[{"mesh":0}],
        "meshes":[{"primitives":[{"attributes":{"POSITION":0},"indices":1}]}],
        "buffers":[{"uri":"numbers.bin","byteLength":72}],
        "bufferViews":[{"buffer":0,"byteLength":48},{"buffer":0,"byteOffset":48,"byteLength":24}],
        "accessors":[{"bufferView":0,"componentType":5126,"count":4,"type":"VEC3",
          "min":[-0.1,0,-0.1],"max":[0.1,0.2,0.1]},
          {"bufferView":1,"componentType":5123,"count":12,"type":"SCALAR"}]}"#;
    fs::write(folder.join(name), text).expect("file");
}

#[test]
fn a_job_drops_what_lies_in_the_folder_of_assets() {
    const NAMES: [&str; 8] = [
        "dwarf", "elf", "fairy", "gnome", "imp", "nymph", "pixie", "troll",
    ];
    let desk = Desk::new(&["frames"]);
    let assets = desk.path("assets");
    fs::create_dir(&assets).expect("folder");
    let files = NAMES.map(|name| format!("{name}.gltf"));
    files.iter().for_each(|file| write_asset(&assets, file));
    let job = format!(
        "seed = 11\nsamples = 8\nsamples_per_scene = 1\nsize = '64x48'\n\
         randomize.drop = {{ assets = {files:?}, count = 1 }}\n"
    );
    fs::write(desk.path("job.toml"), job).expect("job");
    let assets = assets.to_str().expect("plain");
    let capture = |out: &str, args: &[&str]| ended(desk.capture(out, args));

    desk.captured("set", &["--assets", assets]);
    let records = common::records(&desk.path("set"));
    let dropped = records.iter().map(|record| {
        let objects = record["objects"].as_array().expect("objects");
        let dropped = objects.iter().find(|o| o["name"] == "drop_0");
        let class = dropped.unwrap_or_else(|| panic!("{objects:?}"))["class"].as_str();
        class.expect("a class").to_owned()
    });
    let dropped: Vec<_> = dropped.collect();
    assert!(dropped.iter().all(|class| NAMES.contains(&class.as_str())));
    // Some come only in scenes that nobody has looked at before.
    let (looked_at, late) = dropped.split_at(4);
    assert!(
        late.iter().any(|class| !looked_at.contains(class)),
        "{dropped:?}"
    );
    // It is the same job wherever its assets lie.
    let manifest = common::manifest(&desk.path("set"));
    assert!(!manifest["settings"].to_string().contains(assets));

    let (_server, url) = serve(&["--assets", assets, "--size", "64x48"]);
    desk.captured("remote", &["--server", &url]);
    assert_same(&desk.tree("set"), &desk.tree("remote"));

    let nowhere = desk.path("nowhere");
    let nowhere = nowhere.to_str().expect("plain");
    for (args, code, words) in [
        (
            &["--assets", assets, "--server", &url][..],
            2,
            "serve --assets DIR",
        ),
        (&["--assets", nowhere], 2, nowhere),
        (&[], 4, "start it with --assets DIR"),
    ] {
        let refused = capture("refused", args);
        assert_eq!(refused.code, Some(code), "{args:?}: {refused:?}");
        assert!(refused.complaint().contains(words), "{args:?}: {refused:?}");
        assert!(!desk.path("refused").exists());
    }
    let refused = run(&["serve", "--listen", "127.0.0.1:0", "--assets", nowhere]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.complaint().contains(nowhere), "{refused:?}");
}

#[test]
fn a_plan_tells_counts_bytes_and_time() {
    let desk = Desk::new(&[]);
    let path = desk.path("job.toml");
    let plan = |args: &[&str]| -> Value {
        let fixed = ["plan", path.to_str().expect("plain"), "--json"];
        let ended = run(&[&fixed[..], args].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.json()
    };
    let known = plan(&["--probe", "0", "--shards", "2"]);
    assert_eq!(
        (&known["samples"], &known["scenes"]),
        (&20.into(), &4.into())
    );
    assert_eq!(known["images"], 60);
    assert_eq!(
        known["splits"],
        serde_json::json!({"train": 15, "val": 0, "test": 5})
    );
    assert_eq!(known["uncompressed_bytes"], 20 * 64 * 48 * 12);
    assert_eq!(known["shards"][1]["first"], 10);
    let probed = plan(&["--probe", "2"]);
    assert_eq!(probed["probe"]["samples"], 2);
    let per_sample = probed["probe"]["bytes_per_sample"]
        .as_f64()
        .expect("number");
    assert!((5_000.0..60_000.0).contains(&per_sample), "{per_sample}");
}

#[test]
fn a_sensor_adds_a_noisy_view_and_leaves_the_clean_one() {
    let desk = Desk::new(&["frames"]);
    desk.captured("clean", &["--frames", "4", "--frames-per-scene", "1"]);
    desk.captured(
        "noisy",
        &[
            "--frames",
            "4",
            "--frames-per-scene",
            "1",
            "--set",
            "cameras.0.sensor={ exposure_ev = [-1, 1], depth = {} }",
        ],
    );
    let clean = common::records(&desk.path("clean"));
    for (clean, noisy) in clean.iter().zip(common::records(&desk.path("noisy"))) {
        let hash = |record: &Value, view: usize, modality: &str| {
            record["views"][view]["files"][modality]["sha256"].clone()
        };
        assert_eq!(noisy["views"][1]["camera"], "main_sensor");
        assert_eq!(hash(clean, 0, "rgb"), hash(&noisy, 0, "rgb"));
        assert_ne!(hash(clean, 0, "rgb"), hash(&noisy, 1, "rgb"));
        assert_ne!(hash(&noisy, 0, "depth"), hash(&noisy, 1, "depth"));
        assert_eq!(
            hash(&noisy, 0, "segmentation"),
            hash(&noisy, 1, "segmentation")
        );
        assert!(noisy["randomization"]["camera_exposure_ev"].is_number());
    }
}
