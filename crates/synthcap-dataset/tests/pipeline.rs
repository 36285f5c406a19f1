//! Order, limits and failures of the threads between `push` and the files.

use std::{
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::common::{self, plan, sample};
use serde_json::Value;
use synthcap::{Modality, ModalitySet, frame::Rgb};
use synthcap_dataset::{
    Card, DatasetWriter, Encoded, EncodedFile, Encoder, Error, ErrorKind, Frames, Options, Plan,
    PlannedCamera, Records, Result, Sample, SampleView, Staging, Writer,
};

/// A format that carries only colour, writes one file per sample, and fails where
/// it is told to.
#[derive(Clone, Default)]
struct Picky {
    fails_at: Option<u64>,
    panics_at: Option<u64>,
    /// Encoders of the first samples meet here, so that they end in any order.
    meet: Option<Arc<Barrier>>,
    encoding: Arc<AtomicUsize>,
    order: Arc<Mutex<Vec<u64>>>,
}

impl Writer for Picky {
    fn format(&self) -> &'static str {
        "picky"
    }

    fn modalities(&self) -> ModalitySet {
        Modality::Rgb.into()
    }

    fn open(&mut self, _: &Arc<Plan>, _: &mut Staging) -> Result<Arc<dyn Encoder>> {
        Ok(Arc::new(self.clone()))
    }

    fn append(&mut self, encoded: &Encoded, output: &mut Staging) -> Result<()> {
        output.write_all(&encoded.files)?;
        self.order.lock().expect("lock").push(encoded.index);
        Ok(())
    }

    fn finish(&mut self, _: &Records, _: &mut Staging) -> Result<Card> {
        Ok(Card::new("picky", 1, Value::Null))
    }
}

impl Encoder for Picky {
    fn encode(&self, sample: &Sample) -> Result<Encoded> {
        self.encoding.fetch_add(1, Ordering::SeqCst);
        if let Some(meet) = self.meet.as_ref().filter(|_| sample.index < 2) {
            meet.wait();
        }
        assert_ne!(self.panics_at, Some(sample.index), "told to");
        if self.fails_at == Some(sample.index) {
            return Err(Error::new(ErrorKind::InvalidSample, "no", "none"));
        }
        let name = format!("sample_{}", sample.index);
        let file = EncodedFile::new(name, Vec::new(), "x");
        Ok(Encoded::new(sample.index, vec![file]))
    }
}

fn tiny_plan(samples: u64) -> Plan {
    Plan::new(
        vec![PlannedCamera::new("main", 2, 2)],
        Modality::Rgb.into(),
        samples,
        0,
    )
}

fn tiny(index: u64) -> Sample {
    let rgb = Rgb::new(2, 2, vec![9; 16]).expect("size");
    Sample::new(index, 0, vec![SampleView::new("main", vec![rgb.into()])])
}

fn with(encoders: usize) -> Options {
    let mut options = Options::default();
    options.encoders = NonZeroUsize::new(encoders).expect("not zero");
    options
}

fn create(out: &Path, format: &Picky, samples: u64, options: Options) -> DatasetWriter {
    DatasetWriter::create(out, tiny_plan(samples), Box::new(format.clone()), options)
        .expect("created")
}

#[test]
fn samples_are_written_in_the_order_they_were_pushed() {
    let folder = tempfile::tempdir().expect("folder");
    let format = Picky {
        meet: Some(Arc::new(Barrier::new(2))),
        ..Picky::default()
    };
    let mut writer = create(&folder.path().join("set"), &format, 200, with(4));
    // Gaps are fine.
    let indices: Vec<u64> = (0..200).map(|i| i + i / 7).collect();
    for index in &indices {
        writer.push(tiny(*index)).expect("pushed");
    }
    assert!(writer.finish().expect("finished").complete);
    assert_eq!(*format.order.lock().expect("lock"), indices);
    let records = Records::at(folder.path().join("set/frames.jsonl"));
    let recorded = records
        .read()
        .expect("index")
        .map(|r| r.expect("record").index);
    assert_eq!(recorded.collect::<Vec<_>>(), indices);
}

#[test]
fn a_failed_sample_ends_the_set_before_it() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let format = Picky {
        fails_at: Some(3),
        ..Picky::default()
    };
    let mut writer = create(&out, &format, 10, with(2));
    let refused = (0..10).find_map(|index| writer.push(tiny(index)).err());
    if let Some(error) = refused {
        assert_eq!(error.kind(), ErrorKind::InvalidSample);
    }
    let summary = writer.finish().expect("what is complete is kept");
    assert_eq!(summary.samples, 3);
    assert!(!summary.complete);
    assert_eq!(
        summary.failure.map(|e| e.kind()),
        Some(ErrorKind::InvalidSample)
    );
    let names = common::files(&out);
    assert!(names.contains(&"sample_2".to_owned()));
    assert!(
        !names
            .iter()
            .any(|n| n.starts_with("sample_3") || n.starts_with("sample_4"))
    );
}

#[test]
fn a_panic_in_a_format_neither_hangs_nor_loses_what_is_complete() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let format = Picky {
        panics_at: Some(2),
        ..Picky::default()
    };
    let mut options = with(1);
    options.max_queued_samples = NonZeroUsize::MIN;
    let mut writer = create(&out, &format, 10, options);
    let error = (0..10).find_map(|index| writer.push(tiny(index)).err());
    assert_eq!(error.map(|e| e.kind()), Some(ErrorKind::Internal));
    let summary = writer.finish().expect("what is complete is kept");
    assert_eq!(summary.samples, 2);
    assert_eq!(summary.failure.map(|e| e.kind()), Some(ErrorKind::Internal));
}

#[test]
fn no_more_than_allowed_is_on_its_way() {
    let folder = tempfile::tempdir().expect("folder");
    let format = Picky {
        // The first encoder waits until the test has looked.
        meet: Some(Arc::new(Barrier::new(2))),
        ..Picky::default()
    };
    let mut options = with(1);
    options.max_queued_samples = NonZeroUsize::new(3).expect("not zero");
    let mut writer = create(&folder.path().join("set"), &format, 6, options);
    for index in 0..3 {
        writer.push(tiny(index)).expect("room for three");
    }
    let pusher = std::thread::spawn(move || {
        for index in 3..6 {
            writer.push(tiny(index)).expect("room in the end");
        }
        writer.finish().expect("finished")
    });
    // Whatever the pusher does meanwhile, only what was let in is encoded.
    assert!(format.encoding.load(Ordering::SeqCst) <= 3);
    let meet = format.meet.as_ref().expect("set above");
    meet.wait();
    meet.wait();
    assert_eq!(pusher.join().expect("no panic").samples, 6);
}

#[test]
fn a_format_refuses_what_it_cannot_carry_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let format = Box::new(Picky::default());
    let error = DatasetWriter::create(&out, plan(&["main"], 8, 8, 1), format, Options::default())
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("picky") && error.to_string().contains("depth"),
        "{error}"
    );
    assert!(!out.exists());
}

#[test]
fn senseless_plans_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let camera = |name: &str, size| PlannedCamera::new(name, size, size);
    let rgb = ModalitySet::from(Modality::Rgb);
    let plans = [
        Plan::new(Vec::new(), rgb, 1, 0),
        Plan::new(vec![camera("a", 4)], ModalitySet::EMPTY, 1, 0),
        Plan::new(vec![camera("a", 4)], rgb, 0, 0),
        Plan::new(vec![camera("a", 0)], rgb, 1, 0),
        Plan::new(vec![camera("a", 4), camera("a", 8)], rgb, 1, 0),
    ];
    for plan in plans {
        let error = DatasetWriter::create(&out, plan, Box::new(Frames::new()), Options::default())
            .expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidPlan);
        assert!(!out.exists());
    }
}

#[test]
fn samples_that_differ_from_the_plan_are_refused_and_others_may_follow() {
    let folder = tempfile::tempdir().expect("folder");
    let plan = plan(&["a", "b"], 12, 8, 1);
    let mut writer = DatasetWriter::create(
        folder.path().join("set"),
        plan.clone(),
        Box::new(Frames::new()),
        Options::default(),
    )
    .expect("created");
    let good = sample(&plan, 1);
    let spoil: [fn(&mut Sample); 6] = [
        |s| s.views.truncate(1),
        |s| s.views.swap(0, 1),
        |s| s.views[0].images.truncate(4),
        |s| {
            let again = s.views[1].images[0].clone();
            s.views[1].images.push(again);
        },
        |s| s.views[0].images[0] = Rgb::new(2, 2, vec![9; 16]).expect("size").into(),
        |s| s.objects[3].views.truncate(1),
    ];
    for spoil in spoil {
        let mut bad = good.clone();
        spoil(&mut bad);
        let error = writer.push(bad).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidSample, "{error}");
    }
    writer.push(good.clone()).expect("pushed");
    assert_eq!(
        writer.push(good).expect_err("again").kind(),
        ErrorKind::InvalidSample
    );
    assert!(writer.finish().expect("finished").complete);
}

#[test]
fn a_class_without_a_name_or_with_two_is_refused() {
    let spoil: [fn(&mut Sample); 2] = [
        |s| s.objects[2].label.class_name.clear(),
        |s| s.objects[2].label.class_name = "another".into(),
    ];
    for spoil in spoil {
        let folder = tempfile::tempdir().expect("folder");
        let plan = plan(&["main"], 12, 8, 2);
        let mut writer = DatasetWriter::create(
            folder.path().join("set"),
            plan.clone(),
            Box::new(Frames::new()),
            Options::default(),
        )
        .expect("created");
        writer.push(sample(&plan, 0)).expect("pushed");
        let mut bad = sample(&plan, 1);
        spoil(&mut bad);
        // The names are looked at in the background.
        writer.push(bad).expect("taken");
        let summary = writer.finish().expect("finished");
        assert_eq!(summary.samples, 1);
        assert_eq!(
            summary.failure.map(|e| e.kind()),
            Some(ErrorKind::InvalidSample)
        );
    }
}
