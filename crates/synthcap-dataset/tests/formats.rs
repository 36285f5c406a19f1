//! What holds for every format, and what each refuses.

use std::{fs, num::NonZeroUsize, path::Path};

use crate::common::{files, manifest, plan, records, sample};
use synthcap::{Modality, ModalitySet, Pixels, frame::Segmentation};
use synthcap_dataset::{
    DatasetWriter, ErrorKind, FORMATS, Options, Plan, Result, Sample, Summary, writer,
};

/// Every format, with files of two samples where they hold several.
fn specs() -> Vec<String> {
    let mut specs: Vec<_> = FORMATS
        .iter()
        .map(|(name, _)| match *name {
            "webdataset" | "hf-parquet" | "mcap" => format!("{name}:samples=2"),
            other => other.to_owned(),
        })
        .collect();
    specs.push("frames:depth=exr,flow=flo,normals=exr".to_owned());
    specs.push("frames:depth=kitti,flow=kitti".to_owned());
    specs.push("webdataset:samples=2,segmentation=npy".to_owned());
    specs
}

/// A plan with what the format can carry.
fn plan_for(spec: &str, cameras: &[&str], samples: u64) -> Plan {
    let mut plan = plan(cameras, 24, 18, samples);
    plan.modalities = writer(spec).expect("known").modalities();
    plan
}

fn write(out: &Path, spec: &str, plan: &Plan, samples: &[u64], encoders: usize) -> Result<Summary> {
    let mut options = Options::default();
    options.preview = false;
    options.encoders = NonZeroUsize::new(encoders).expect("not zero");
    let mut writer = DatasetWriter::create(out, plan.clone(), writer(spec)?, options)?;
    for index in samples {
        writer.push(sample(plan, *index))?;
    }
    writer.finish()
}

fn contents(set: &Path) -> Vec<(String, Vec<u8>)> {
    let names = files(set).into_iter();
    names
        .map(|name| (name.clone(), fs::read(set.join(name)).expect("file")))
        .collect()
}

#[test]
fn the_same_samples_give_the_same_bytes_on_any_number_of_threads() {
    for spec in specs() {
        let folder = tempfile::tempdir().expect("folder");
        let plan = plan_for(&spec, &["left", "right"], 5);
        let all = [0, 1, 2, 3, 4];
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let summary = write(&a, &spec, &plan, &all, 1).expect("written");
        write(&b, &spec, &plan, &all, 4).expect("written");
        assert!(summary.complete && summary.failure.is_none(), "{spec}");
        let (a, b) = (contents(&a), contents(&b));
        let names: Vec<_> = a.iter().map(|(name, _)| name).collect();
        assert!(
            names.iter().all(|name| !name.ends_with(".tmp")),
            "{names:?}"
        );
        assert!(a == b, "{spec}: {names:?}");
    }
}

#[test]
fn a_part_from_a_border_on_has_the_files_of_the_whole() {
    for spec in specs() {
        let folder = tempfile::tempdir().expect("folder");
        let plan = plan_for(&spec, &["main"], 6);
        let (whole, part) = (folder.path().join("whole"), folder.path().join("part"));
        write(&whole, &spec, &plan, &[0, 1, 2, 3, 4, 5], 2).expect("written");
        write(&part, &spec, &plan, &[2, 3], 2).expect("written");
        let lines = |set: &Path| fs::read_to_string(set.join("frames.jsonl")).expect("index");
        let (all, some) = (lines(&whole), lines(&part));
        let expected: Vec<_> = all.lines().skip(2).take(2).collect();
        assert_eq!(some.lines().collect::<Vec<_>>(), expected, "{spec}");
        // What the records name is there with the same content.
        for record in records(&part) {
            let paths = match record["shard"].as_str() {
                Some(shard) => vec![shard.to_owned()],
                None => {
                    let images = record["views"][0]["files"].as_object().expect("files");
                    let others = record["files"].as_array().into_iter().flatten();
                    let all = images.values().chain(others);
                    all.map(|f| f["path"].as_str().expect("path").to_owned())
                        .collect()
                }
            };
            for path in paths {
                let read = |set: &Path| fs::read(set.join(&path)).expect("file");
                assert!(read(&whole) == read(&part), "{spec}: {path}");
            }
        }
    }
}

#[test]
fn a_set_that_ends_early_is_whole_in_itself() {
    for spec in specs() {
        let folder = tempfile::tempdir().expect("folder");
        let plan = plan_for(&spec, &["main"], 9);
        let out = folder.path().join("set");
        let summary = write(&out, &spec, &plan, &[0, 1, 2], 2).expect("written");
        assert_eq!((summary.samples, summary.complete), (3, false), "{spec}");
        assert_eq!(manifest(&out)["complete"], false);
        assert_eq!(records(&out).len(), 3);
    }
}

/// The reason for which a set is refused before anything is written.
fn refused(spec: &str, plan: &Plan) -> String {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let error = write(&out, spec, plan, &[], 1).expect_err(spec);
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{spec}: {error}");
    assert!(!out.exists(), "{spec}");
    error.to_string()
}

#[test]
fn images_that_a_format_cannot_carry_or_lacks_are_refused_before_the_capture() {
    let needed = Modality::Rgb | Modality::Segmentation;
    for (spec, modalities, named) in [
        ("yolo", ModalitySet::ALL, "depth"),
        ("yolo-seg", needed | Modality::Flow, "flow"),
        ("mcap", needed | Modality::Normals, "normals"),
        ("imagefolder", needed | Modality::Flow, "flow"),
        ("bop", ModalitySet::ALL, "normals"),
        ("coco", Modality::Rgb | Modality::Depth, "segmentation"),
        ("yolo", Modality::Rgb.into(), "segmentation"),
        ("bop", needed, "depth"),
        ("imagefolder", Modality::Depth.into(), "rgb"),
    ] {
        let mut plan = plan(&["main"], 8, 8, 1);
        plan.modalities = modalities;
        let line = refused(spec, &plan);
        let format = spec.split(':').next().expect("name");
        assert!(line.contains(format) && line.contains(named), "{line}");
        assert!(line.contains("choose another format"), "{line}");
    }
}

#[test]
fn more_ids_than_a_format_can_hold_are_refused_before_the_capture() {
    for (spec, highest) in [
        ("coco", 1 << 24),
        ("hf-parquet", 65_536),
        ("imagefolder", 65_536),
        ("mcap", 65_536),
    ] {
        let mut plan = plan_for(spec, &["main"], 1);
        plan.max_instance_id = Some(highest);
        let line = refused(spec, &plan);
        assert!(line.contains(&highest.to_string()), "{line}");
        plan.max_instance_id = Some(highest - 1);
        let folder = tempfile::tempdir().expect("folder");
        write(&folder.path().join("set"), spec, &plan, &[0], 1).expect("just fits");
    }
    let mut plan = plan_for("yolo", &["main"], 1);
    plan.classes.insert(10_001, "last".to_owned());
    assert!(refused("yolo", &plan).contains("10001"));
}

#[test]
fn poses_that_a_server_does_not_tell_are_refused_before_the_capture() {
    let mut plan = plan_for("bop", &["main"], 1);
    plan.describes_objects = false;
    assert!(refused("bop", &plan).contains("poses"));
}

/// How a set ends whose second sample is spoilt.
fn spoilt(spec: &str, spoil: impl Fn(&mut Sample)) -> Summary {
    let folder = tempfile::tempdir().expect("folder");
    let mut plan = plan_for(spec, &["main"], 3);
    plan.max_instance_id = None;
    let mut options = Options::default();
    options.preview = false;
    let format = writer(spec).expect("known");
    let out = folder.path().join("set");
    let mut writer = DatasetWriter::create(&out, plan.clone(), format, options).expect("created");
    for index in 0..3 {
        let mut sample = sample(&plan, index);
        if index == 1 {
            spoil(&mut sample);
        }
        if writer.push(sample).is_err() {
            break;
        }
    }
    let summary = writer.finish().expect("what is complete is kept");
    assert_eq!(records(&out).len(), 1, "{spec}");
    summary
}

fn replace_ids(sample: &mut Sample, id: u32) {
    let images = &mut sample.views[0].images;
    for image in images {
        if let Pixels::Segmentation(old) = image {
            let mut ids = old.ids().to_vec();
            ids[0] = id;
            let labels = old.labels().to_vec();
            *image = Segmentation::new(24, 18, ids, labels).expect("size").into();
        }
    }
}

#[test]
fn an_object_without_a_class_ends_the_set_before_the_sample() {
    for spec in ["coco", "yolo", "yolo-seg", "bop"] {
        let summary = spoilt(spec, |sample| replace_ids(sample, 500));
        let error = summary.failure.expect("instance 500 has no class");
        assert_eq!(error.kind(), ErrorKind::InvalidSample);
        assert!(
            error.to_string().contains("instance 500 in sample 1"),
            "{error}"
        );
    }
}

#[test]
fn an_id_beyond_the_format_ends_the_set_before_the_sample() {
    for spec in ["coco", "hf-parquet", "imagefolder"] {
        let summary = spoilt(spec, |sample| replace_ids(sample, 1 << 24));
        let error = summary.failure.expect("too large");
        assert_eq!(error.kind(), ErrorKind::InvalidSample);
        assert!(error.to_string().contains("16777216"), "{error}");
    }
}

#[test]
fn a_camera_without_a_pose_ends_a_set_of_poses_before_the_sample() {
    let summary = spoilt("bop", |sample| sample.views[0].pose = None);
    let error = summary.failure.expect("no pose");
    assert_eq!(error.kind(), ErrorKind::InvalidSample);
}

#[test]
fn unknown_formats_and_options_are_named_with_what_there_is() {
    for (spec, said) in [
        ("tar", "frames, webdataset, coco"),
        ("coco:samples=3", "no option \"samples\""),
        ("webdataset:samples=0", "from 1 up"),
        ("frames:depth=jpg", "npy, kitti"),
        ("webdataset:segmentation=png", "npy.gz, npy"),
        ("frames:depth", "KEY=VALUE"),
    ] {
        let error = writer(spec).err().expect(spec);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(said), "{error}");
    }
}
