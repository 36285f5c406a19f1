//! The rules for the output folder.

use std::{fs, path::Path};

use crate::common::{self, files, manifest, plan, sample, write};
use serde_json::json;
use synthcap_dataset::{
    DatasetWriter, ErrorKind, Existing, Frames, Options, Plan, Staging, Summary,
};

const PARTIAL: &str = ".synthcap-partial";

fn small(samples: u64) -> Plan {
    plan(&["main"], 16, 12, samples)
}

fn replacing() -> Options {
    let mut options = Options::default();
    options.existing = Existing::Replace;
    options
}

fn refused(out: &Path, options: Options) -> synthcap_dataset::Error {
    let before = files(out);
    let early = Staging::check(out, options.existing).expect_err("refused early");
    let error = write(out, &small(1), 1, options).expect_err("refused");
    assert_eq!(files(out), before, "nothing existing is touched");
    assert_eq!(early.kind(), error.kind());
    error
}

/// Samples are equal when all their files but the manifest are.
fn contents(set: &Path) -> Vec<(String, Vec<u8>)> {
    let names = files(set).into_iter();
    names
        .map(|name| {
            let content = fs::read(set.join(&name)).expect("file");
            (name, content)
        })
        .collect()
}

#[test]
fn an_empty_folder_is_used_and_nothing_is_left_of_the_staging() {
    let folder = tempfile::tempdir().expect("folder");
    write(folder.path(), &small(2), 2, Options::default()).expect("written");
    let names = files(folder.path());
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
    assert!(names.iter().all(|name| !name.ends_with("tmp")), "{names:?}");
    assert_eq!(names.len(), 2 * 5 + 4);
}

#[test]
fn while_it_is_made_nothing_stands_under_a_final_name() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plan = small(2);
    let mut writer = DatasetWriter::create(
        &out,
        plan.clone(),
        Box::new(Frames::new()),
        Options::default(),
    )
    .expect("created");
    writer.push(sample(&plan, 0)).expect("pushed");
    let names: Vec<_> = fs::read_dir(&out)
        .expect("folder")
        .map(|e| e.expect("entry").file_name())
        .collect();
    assert_eq!(names, [PARTIAL]);
    writer.push(sample(&plan, 1)).expect("pushed");
    writer.finish().expect("finished");
    assert!(out.join("manifest.json").exists());
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("notes.txt"), "mine").expect("note");
    let error = refused(folder.path(), Options::default());
    assert_eq!(error.kind(), ErrorKind::OutputExists);
    assert_eq!(error.path(), Some(folder.path()));
}

#[test]
fn overwriting_spares_what_is_not_a_data_set() {
    let folder = tempfile::tempdir().expect("folder");
    fs::write(folder.path().join("thesis.tex"), "years").expect("file");
    fs::write(
        folder.path().join("manifest.json"),
        r#"{"name": "some web app"}"#,
    )
    .expect("file");
    let error = refused(folder.path(), replacing());
    assert_eq!(error.kind(), ErrorKind::NotADataset);
}

#[test]
fn overwriting_spares_a_set_with_something_else_beside_it() {
    let folder = tempfile::tempdir().expect("folder");
    write(folder.path(), &small(1), 1, Options::default()).expect("written");
    fs::write(folder.path().join("weights.pt"), "days").expect("file");
    let error = refused(folder.path(), replacing());
    assert_eq!(error.kind(), ErrorKind::NotADataset);
    assert!(error.to_string().contains("weights.pt"), "{error}");
}

#[test]
fn overwriting_replaces_the_whole_set() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    write(&out, &small(3), 3, Options::default()).expect("written");
    let mut other = small(1);
    other.modalities = synthcap::Modality::Depth.into();
    write(&out, &other, 1, replacing()).expect("replaced");
    assert_eq!(
        files(&out),
        [
            "README.md",
            "depth/000000.npy",
            "frames.jsonl",
            "manifest.json",
            "preview.png"
        ]
    );
}

#[test]
fn the_same_samples_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("folder");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let mut one = Options::default();
    one.encoders = std::num::NonZeroUsize::MIN;
    let mut many = Options::default();
    many.encoders = std::num::NonZeroUsize::new(5).expect("not zero");
    write(&a, &small(9), 9, one).expect("written");
    write(&b, &small(9), 9, many).expect("written");
    assert_eq!(contents(&a), contents(&b));
}

#[test]
fn an_early_end_leaves_a_valid_set() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let summary = write(&out, &small(48), 5, Options::default()).expect("written");
    assert!(!summary.complete);
    assert_eq!(summary.samples, 5);
    assert!(summary.failure.is_none());
    let manifest = manifest(&out);
    assert_eq!(manifest["complete"], false);
    assert_eq!(
        (&manifest["samples"], &manifest["planned_samples"]),
        (&json!(5), &json!(48))
    );
    assert_eq!(common::records(&out).len(), 5);
    assert!(out.join("preview.png").exists());
}

#[test]
fn an_end_before_the_first_sample_leaves_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let summary = write(&out, &small(48), 0, Options::default()).expect("ended");
    assert_eq!(summary.path, None);
    assert!(!out.exists());
}

#[test]
fn an_incomplete_set_does_not_replace_the_old_one() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    write(&out, &small(3), 3, Options::default()).expect("written");
    let old = contents(&out);
    let summary: Summary = write(&out, &small(4), 2, replacing()).expect("ended early");
    let beside = summary.path.expect("kept");
    assert_eq!(beside, out.join(PARTIAL).join("data"));
    assert_eq!(manifest(&beside)["samples"], 2);
    assert_eq!(common::records(&beside).len(), 2);
    for (name, content) in old {
        assert_eq!(fs::read(out.join(name)).expect("still there"), content);
    }
    // A run to the end replaces both.
    write(&out, &small(4), 4, replacing()).expect("replaced");
    assert_eq!(manifest(&out)["samples"], 4);
    assert!(!out.join(PARTIAL).exists());
}

#[test]
fn what_a_crash_left_is_refused_and_can_be_overwritten() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let data = out.join(PARTIAL).join("data");
    fs::create_dir_all(data.join("rgb")).expect("folder");
    fs::write(data.join("rgb/000000.png"), "half").expect("file");
    let error = write(&out, &small(1), 1, Options::default()).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::OutputExists);
    assert!(error.to_string().contains("interrupted"), "{error}");
    assert!(data.join("rgb/000000.png").exists());
    write(&out, &small(1), 1, replacing()).expect("replaced");
    assert!(!out.join(PARTIAL).exists());
}

#[test]
fn two_writers_in_one_folder_are_one_too_many() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let first = DatasetWriter::create(&out, small(1), Box::new(Frames::new()), Options::default())
        .expect("first");
    for options in [Options::default(), replacing()] {
        let error = write(&out, &small(1), 1, options).expect_err("second");
        assert_eq!(error.kind(), ErrorKind::InUse);
    }
    first.finish().expect("ended");
}

#[test]
fn a_crash_while_the_set_is_moved_to_its_place_is_made_good() {
    // The moves in their order: the old entries away, then the new ones in. The
    // crash comes after each number of them.
    let folder = tempfile::tempdir().expect("folder");
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    write(&old, &small(3), 3, Options::default()).expect("written");
    let mut depth_only = small(1);
    depth_only.modalities = synthcap::Modality::Depth.into();
    write(&new, &depth_only, 1, Options::default()).expect("written");
    let expected = contents(&new);
    let names = |set: &Path| -> Vec<String> {
        serde_json::from_value(manifest(set)["entries"].clone()).expect("names")
    };
    let (old_names, new_names) = (names(&old), names(&new));
    for moves in 0..=old_names.len() + new_names.len() {
        let out = folder.path().join(format!("crash_{moves}"));
        let partial = out.join(PARTIAL);
        fs::create_dir_all(partial.join("replaced")).expect("folder");
        copy(&old, &out);
        copy(&new, &partial.join("data"));
        let journal = json!({ "old": old_names, "new": new_names });
        fs::write(partial.join("commit.json"), journal.to_string()).expect("journal");
        let away = old_names
            .iter()
            .map(|n| (out.join(n), partial.join("replaced").join(n)));
        // The manifest comes last.
        let (last, first): (Vec<_>, Vec<_>) = new_names.iter().partition(|n| *n == "manifest.json");
        let back = first
            .into_iter()
            .chain(last)
            .map(|n| (partial.join("data").join(n), out.join(n)));
        for (from, to) in away.chain(back).take(moves) {
            fs::rename(from, to).expect("moved");
        }
        let error = write(&out, &small(1), 1, Options::default()).expect_err("a set is there");
        assert_eq!(error.kind(), ErrorKind::OutputExists);
        assert_eq!(contents(&out), expected, "after {moves} moves");
    }
}

fn copy(from: &Path, to: &Path) {
    for name in files(from) {
        let target = to.join(&name);
        fs::create_dir_all(target.parent().expect("parent")).expect("folder");
        fs::copy(from.join(&name), target).expect("copied");
    }
}

#[test]
fn an_output_that_cannot_be_a_folder_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("file");
    fs::write(&file, "x").expect("file");
    let error = write(&file, &small(1), 1, Options::default()).expect_err("a file");
    assert_eq!(error.kind(), ErrorKind::OutputExists);
    let below = file.join("set");
    let error = write(&below, &small(1), 1, Options::default()).expect_err("below a file");
    assert_eq!(error.kind(), ErrorKind::Unwritable);
    assert!(error.to_string().contains("set"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_unwritable_folder_is_named() {
    // Nobody may make folders here, not even root.
    let out = Path::new("/proc/synthcap");
    let error = write(out, &small(1), 1, Options::default()).expect_err("unwritable");
    assert_eq!(error.kind(), ErrorKind::Unwritable);
    assert!(error.to_string().contains("/proc/synthcap"), "{error}");
}
