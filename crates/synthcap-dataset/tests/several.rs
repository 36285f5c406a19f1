//! Several formats of one capture.

use std::{fs, sync::Arc};

use crate::common::{self, files, manifest, plan, records, sample};
use serde_json::json;
use synthcap::ModalitySet;
use synthcap_dataset::{
    Card, DatasetWriter, Encoded, EncodedFile, Encoder, Error, ErrorKind, Existing, Formats,
    Frames, Options, Plan, Records, Result, Sample, Staging, Writer,
};

/// Writes the index of each sample in a file of its own, and their sum at the end.
#[derive(Clone, Default)]
struct Numbers {
    fails_at: Option<u64>,
}

impl Writer for Numbers {
    fn format(&self) -> &'static str {
        "numbers"
    }

    fn modalities(&self) -> ModalitySet {
        ModalitySet::ALL
    }

    fn open(&mut self, _: &Arc<Plan>, _: &mut Staging) -> Result<Arc<dyn Encoder>> {
        Ok(Arc::new(self.clone()))
    }

    fn append(&mut self, encoded: &Encoded, output: &mut Staging) -> Result<()> {
        if self.fails_at == Some(encoded.index) {
            return Err(Error::new(ErrorKind::DiskFull, "full", "free some space"));
        }
        output.write_all(&encoded.files)
    }

    fn finish(&mut self, records: &Records, output: &mut Staging) -> Result<Card> {
        let details = records.read()?.map(|record| record?.detail::<u64>());
        let sum: u64 = details.sum::<Result<_>>()?;
        output.write("sum.txt", &[sum.to_string().as_bytes()])?;
        Ok(Card::new("numbers", 1, json!({})))
    }
}

impl Encoder for Numbers {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        let text = sample.index.to_string();
        let file = EncodedFile::new(format!("{text}.txt"), Vec::new(), text.clone());
        let mut encoded = Encoded::new(sample.index, vec![file]);
        encoded.detail = json!(sample.index);
        Ok(encoded)
    }
}

fn both(fails_at: Option<u64>) -> Vec<Box<dyn Writer>> {
    vec![Box::new(Frames::new()), Box::new(Numbers { fails_at })]
}

#[test]
fn each_format_has_a_folder_that_is_a_set_of_its_own() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plan = plan(&["main"], 24, 18, 3);
    let mut writer =
        DatasetWriter::create(&out, plan.clone(), both(None), Options::default()).expect("created");
    for index in 0..3 {
        writer.push(sample(&plan, index)).expect("pushed");
    }
    let summary = writer.finish().expect("finished");
    assert!(summary.complete);
    assert_eq!(summary.files, 3 * 5 + 3);
    assert_eq!(manifest(&out)["formats"], json!(["frames", "numbers"]));
    for part in ["frames", "numbers"] {
        let set = out.join(part);
        assert_eq!(manifest(&set)["format"], part);
        assert_eq!(manifest(&set)["samples"], 3);
        assert_eq!(records(&set).len(), 3);
    }
    let sum = fs::read_to_string(out.join("numbers/sum.txt")).expect("sum");
    assert_eq!(sum, "3");
    let tops = ["README.md", "manifest.json", "preview.png"];
    for name in tops {
        assert!(out.join(name).exists(), "{name}");
    }
    assert_eq!(manifest(&out)["entries"].as_array().map(Vec::len), Some(5));
}

#[test]
fn a_sample_that_one_format_cannot_write_is_in_none() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plan = plan(&["main"], 24, 18, 4);
    let mut writer = DatasetWriter::create(&out, plan.clone(), both(Some(2)), Options::default())
        .expect("created");
    let refused = (0..4).find_map(|index| writer.push(sample(&plan, index)).err());
    let summary = writer.finish().expect("what is complete is kept");
    let failure = summary.failure.expect("told to");
    for error in refused.iter().chain([&failure]) {
        assert_eq!(error.kind(), ErrorKind::DiskFull);
    }
    assert_eq!(summary.samples, 2);
    assert_eq!(records(&out.join("frames")).len(), 2);
    assert_eq!(records(&out.join("numbers")).len(), 2);
    let names = files(&out.join("frames"));
    assert!(names.contains(&"rgb/000001.png".to_owned()), "{names:?}");
    assert!(names.iter().all(|n| !n.contains("000002")), "{names:?}");
}

#[test]
fn a_set_of_other_formats_is_not_replaced() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plan = plan(&["main"], 24, 18, 1);
    common::write(&out, &plan, 1, Options::default()).expect("written");
    let before = files(&out);
    let mut options = Options::default();
    options.existing = Existing::Replace;
    let formats: [Formats; 2] = [Box::new(Numbers::default()).into(), both(None).into()];
    for formats in formats {
        let early = DatasetWriter::check(&out, &formats, Existing::Replace).expect_err("early");
        let error =
            DatasetWriter::create(&out, plan.clone(), formats, options.clone()).expect_err("late");
        assert_eq!(early.kind(), ErrorKind::OtherFormat);
        assert_eq!(error.kind(), ErrorKind::OtherFormat);
        assert!(error.to_string().contains("the format frames"), "{error}");
    }
    assert_eq!(files(&out), before);
    common::write(&out, &plan, 1, options).expect("the same format is replaced");
}

#[test]
fn the_same_format_twice_and_none_at_all_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let twice: Vec<Box<dyn Writer>> = vec![Box::new(Frames::new()), Box::new(Frames::new())];
    for formats in [twice, Vec::new()] {
        let plan = plan(&["main"], 8, 8, 1);
        let error =
            DatasetWriter::create(&out, plan, formats, Options::default()).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidPlan);
        assert!(!out.exists());
    }
}

#[test]
fn a_class_that_the_plan_knows_without_a_name_is_refused_before_the_capture() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let mut plan = plan(&["main"], 8, 8, 1);
    plan.classes.insert(3, String::new());
    let error =
        DatasetWriter::create(&out, plan, both(None), Options::default()).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidPlan);
    assert!(error.to_string().contains("class 3"), "{error}");
    assert!(!out.exists());
}

#[test]
fn the_card_says_units_classes_and_what_the_numbers_are() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let mut plan = plan(&["main"], 24, 18, 2);
    plan.license = "CC-BY-4.0".to_owned();
    common::write(&out, &plan, 2, Options::default()).expect("written");
    let card = fs::read_to_string(out.join("README.md")).expect("card");
    for said in [
        "license: \"cc-by-4.0\"",
        "metres along the optical axis",
        "| 1 | floor |",
        "spheres 1.2",
        "| Seed | 7 |",
        "depth, metres",
    ] {
        assert!(card.contains(said), "{said} is not in\n{card}");
    }
    let manifest = manifest(&out);
    assert_eq!(manifest["license"], "CC-BY-4.0");
    let (mut least, mut pixels) = (f32::INFINITY, 0);
    for index in 0..2 {
        for image in &sample(&plan, index).views[0].images {
            match image {
                synthcap::Pixels::Depth(d) => {
                    least = d.metres().iter().fold(least, |a, b| a.min(*b))
                }
                synthcap::Pixels::Segmentation(s) => {
                    pixels += s.ids().iter().filter(|id| **id == 1).count();
                }
                _ => {}
            }
        }
    }
    assert_eq!(
        manifest["statistics"]["depth_m"]["min"],
        json!(f64::from(least))
    );
    assert_eq!(manifest["classes"][0]["pixels"], json!(pixels));
}
