//! How fast the formats write. `just bench-writers` runs it, with the usual Python
//! script on the same frames beside it.
//!
//! Usage: writers FRAMES OUT SAMPLES FORMAT...
//!
//! FRAMES is a set in the frames layout with rgb, depth and segmentation; its samples
//! are written again and again under new indices. For each format: samples/s, bytes
//! for each, the time of a sample in the first and in the last tenth, and the memory
//! after a tenth and at the end.

use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;
use synthcap::{
    Box2, Box3, Convention, Intrinsics, Label, Modality, ObjectState, ObjectView, Transform, Vec3,
    frame::{Depth, Rgb, Segmentation},
};
use synthcap_dataset::{
    DatasetWriter, Options, Plan, PlannedCamera, Records, Sample, SampleRecord, SampleView, writer,
};

fn main() {
    // `cargo bench` adds a flag of its own.
    let args: Vec<_> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let [frames, out, samples, formats @ ..] = &args[..] else {
        println!("usage: writers FRAMES OUT SAMPLES FORMAT... (see `just bench-writers`)");
        return;
    };
    let replay = load(Path::new(frames));
    let samples: u64 = samples.parse().expect("a number of samples");
    for format in formats {
        let out = Path::new(out).join(format.replace([':', '='], "_"));
        let _ = fs::remove_dir_all(&out);
        write(format, &out, &replay, samples);
        let _ = fs::remove_dir_all(&out);
    }
}

fn write(format: &str, out: &Path, replay: &[Sample], samples: u64) {
    let lens = replay[0].views[0].intrinsics.expect("intrinsics");
    let camera = PlannedCamera::new(&replay[0].views[0].camera, lens.width, lens.height);
    let modalities = Modality::Rgb | Modality::Depth | Modality::Segmentation;
    let format_writer = writer(format).expect("format");
    let mut plan = Plan::new(vec![camera], modalities, samples, 0);
    plan.max_instance_id = Some(60_000);
    let mut set =
        DatasetWriter::create(out, plan, format_writer, Options::default()).expect("created");
    let tenth = (samples / 10).max(1);
    let mut marks = Vec::new();
    let start = Instant::now();
    for index in 0..samples {
        if index % tenth == 0 {
            marks.push((start.elapsed(), resident_bytes()));
        }
        let mut sample = replay[index as usize % replay.len()].clone();
        sample.index = index;
        set.push(sample).expect("pushed");
    }
    marks.push((start.elapsed(), resident_bytes()));
    let pushed = start.elapsed();
    let summary = set.finish().expect("finished");
    let took = start.elapsed();
    assert_eq!(summary.samples, samples);
    let each = |from: usize, to: usize| {
        let span: Duration = marks[to].0 - marks[from].0;
        span.as_secs_f64() * 1e3 / tenth as f64
    };
    let last = marks.len() - 1;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "{format:<24} {:8.1} samples/s  {:7.3} MiB each  first tenth {:.3} ms, last {:.3} ms  \
         end of set {:.2} s  memory {:.0} MiB after a tenth, {:.0} at the end",
        samples as f64 / took.as_secs_f64(),
        mib(summary.bytes) / samples as f64,
        // The queue fills first.
        each(1, 2),
        each(last - 1, last),
        (took - pushed).as_secs_f64(),
        mib(marks[1].1),
        mib(resident_bytes()),
    );
}

/// Memory that the process holds.
fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

fn load(set: &Path) -> Vec<Sample> {
    let records = Records::at(set.join("frames.jsonl"));
    let records = records.read().expect("a set in the frames layout");
    records
        .map(|record| load_sample(set, &record.expect("record")))
        .collect()
}

fn load_sample(set: &Path, record: &SampleRecord) -> Sample {
    let view = &record.views[0];
    let path = |modality: &str| set.join(&view.files[modality].path);
    let lens = view.intrinsics.expect("intrinsics");
    let (width, height) = (lens.width, lens.height);
    let labels: Vec<Label> = record
        .objects
        .iter()
        .map(|object| Label {
            instance_id: object.instance_id,
            object: object.name.as_str().into(),
            class_id: object.class_id,
            class_name: object.class_name.clone(),
        })
        .collect();
    let rgb = png(&path("rgb"));
    let rgba: Vec<u8> = rgb
        .chunks(3)
        .flat_map(|p| [p[0], p[1], p[2], 255])
        .collect();
    let ids = png(&path("segmentation"));
    let ids: Vec<u32> = ids
        .chunks(2)
        .map(|p| u16::from_be_bytes([p[0], p[1]]).into())
        .collect();
    let depth = fs::read(path("depth")).expect("depth");
    // After NumPy's header, whose length is its bytes 8 and 9.
    let start = 10 + usize::from(u16::from_le_bytes([depth[8], depth[9]]));
    let (depth, _) = depth[start..].as_chunks();
    let depth: Vec<_> = depth.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let mut seen = SampleView::new(
        view.camera.as_str(),
        vec![
            Rgb::new(width, height, rgba).expect("size").into(),
            Depth::new(width, height, depth).expect("size").into(),
            Segmentation::new(width, height, ids, labels.clone())
                .expect("size")
                .into(),
        ],
    );
    let pose = view.camera_to_world_opencv.expect("pose");
    let pose = pose.map(|row| row.map(|n| n.0));
    seen.pose = Some(Transform::from_camera_to_world(pose, Convention::OpenCv));
    seen.intrinsics = Some(Intrinsics {
        fx: lens.fx,
        fy: lens.fy,
        cx: lens.cx,
        cy: lens.cy,
        width,
        height,
    });
    let mut sample = Sample::new(record.index, 0, vec![seen]);
    let objects = record.objects.iter().zip(labels);
    sample.objects = objects
        .map(|(object, label)| {
            let rows = object.box_3d.box_to_world.map(|row| row.map(|n| n.0));
            let place = Transform::from_camera_to_world(rows, Convention::Ros);
            let half = object.box_3d.size_m.map(|edge| (edge.0 * 50.0) as f32);
            ObjectState {
                label,
                transform: place,
                box_3d: Box3 {
                    center: place.location,
                    half_extent: Vec3::new(half[0], half[1], half[2]),
                    rotation: place.rotation,
                },
                views: object.views.iter().map(view_of).collect(),
                dynamic: false,
            }
        })
        .collect();
    sample
        .randomization
        .insert("replay".into(), Value::from(record.index));
    sample
}

fn view_of(seen: &synthcap_dataset::ObjectViewRecord) -> ObjectView {
    let edges = |[x0, y0, x1, y1]: [f64; 4]| Box2 {
        x_min: x0 as f32,
        y_min: y0 as f32,
        x_max: x1 as f32,
        y_max: y1 as f32,
    };
    ObjectView {
        visible_box: seen.visible_box.map(edges),
        full_box: seen.full_box.map(edges),
        visible_pixels: seen.visible_pixels,
        visibility: seen.visibility.unwrap_or_default() as f32,
    }
}

fn png(path: &Path) -> Vec<u8> {
    let file = File::open(path).expect("picture");
    let mut reader = png::Decoder::new(BufReader::new(file))
        .read_info()
        .expect("PNG");
    let mut data = vec![0; reader.output_buffer_size().expect("size")];
    reader.next_frame(&mut data).expect("picture");
    data
}
