//! The frames layout: what is written is what was captured.

use std::{fs, path::Path};

use crate::common::{manifest, plan, records, sample, write};
use proptest::prelude::*;
use serde_json::{Value, json};
use synthcap::{
    Modality, Pixels,
    frame::{Depth, Flow, FlowDirection, Segmentation},
};
use synthcap_dataset::{
    DatasetWriter, EncodedFile, ErrorKind, Frames, Options, Plan, PlannedCamera, Sample, SampleView,
};

fn png(path: &Path) -> (png::OutputInfo, Vec<u8>) {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).expect("file")));
    let mut reader = decoder.read_info().expect("PNG");
    let mut data = vec![0; reader.output_buffer_size().expect("size")];
    let info = reader.next_frame(&mut data).expect("image");
    (info, data)
}

/// The shape and the numbers of a C-ordered array of 32-bit ones. Read as NumPy
/// describes its format: a Python dictionary, its length in bytes 8 and 9, then the numbers.
fn npy<T>(path: &Path, types: &str, number: fn([u8; 4]) -> T) -> (Vec<usize>, Vec<T>) {
    let bytes = fs::read(path).expect("file");
    assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00");
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..start]).expect("ASCII");
    let dictionary = format!("{{'descr': '{types}', 'fortran_order': False, 'shape': (");
    let header = header.strip_prefix(&dictionary).expect(header);
    let (shape, end) = header.split_once(')').expect("a tuple");
    assert_eq!(end.trim_end(), ", }");
    let shape: Vec<_> = shape
        .split_terminator(',')
        .map(|length| length.trim().parse().expect("a length"))
        .collect();
    let (words, rest) = bytes[start..].as_chunks();
    assert!(rest.is_empty());
    assert_eq!(words.len(), shape.iter().product::<usize>());
    (shape, words.iter().map(|word| number(*word)).collect())
}

fn floats(path: &Path) -> (Vec<usize>, Vec<f32>) {
    npy(path, "<f4", f32::from_le_bytes)
}

/// Writes one sample with one image.
fn write_one(
    out: &Path,
    pixels: Pixels,
    max_instance_id: Option<u32>,
) -> synthcap_dataset::Result<()> {
    use synthcap::frame::PixelData as _;
    let camera = PlannedCamera::new("main", pixels.width(), pixels.height());
    let mut plan = Plan::new(vec![camera], pixels.modality().into(), 1, 0);
    plan.max_instance_id = max_instance_id;
    let mut options = Options::default();
    options.preview = false;
    let mut writer = DatasetWriter::create(out, plan, Box::new(Frames::new()), options)?;
    writer.push(Sample::new(
        0,
        0,
        vec![SampleView::new("main", vec![pixels])],
    ))?;
    let summary = writer.finish()?;
    summary.failure.map_or(Ok(()), Err)
}

#[test]
fn every_image_reads_back_as_captured() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plan = plan(&["main"], 40, 30, 3);
    write(&out, &plan, 3, Options::default()).expect("written");
    for index in 0..3 {
        let sample = sample(&plan, index);
        let file = |modality: &str, extension: &str| {
            out.join(format!("{modality}/{index:06}.{extension}"))
        };
        for pixels in &sample.views[0].images {
            match pixels {
                Pixels::Rgb(rgb) => {
                    let (info, data) = png(&file("rgb", "png"));
                    assert_eq!((info.width, info.height), (40, 30));
                    assert_eq!(info.color_type, png::ColorType::Rgb);
                    let (rgba, _) = rgb.as_rgba().as_chunks::<4>();
                    let expected: Vec<u8> = rgba.iter().flat_map(|p| p[..3].to_vec()).collect();
                    assert_eq!(data, expected);
                }
                Pixels::Depth(depth) => {
                    let (shape, data) = floats(&file("depth", "npy"));
                    assert_eq!((&shape[..], &data[..]), (&[30, 40][..], depth.metres()));
                    assert!(data.contains(&f32::INFINITY), "the sky is background");
                }
                Pixels::Segmentation(ids) => {
                    let (info, data) = png(&file("segmentation", "png"));
                    assert_eq!(info.bit_depth, png::BitDepth::Sixteen);
                    assert_eq!(info.color_type, png::ColorType::Grayscale);
                    let (pairs, _) = data.as_chunks::<2>();
                    let read: Vec<u32> = pairs
                        .iter()
                        .map(|p| u16::from_be_bytes(*p).into())
                        .collect();
                    assert_eq!(read, ids.ids());
                }
                Pixels::Normals(normals) => {
                    let (shape, data) = floats(&file("normals", "npy"));
                    assert_eq!(shape, [30, 40, 3]);
                    assert_eq!(data, normals.vectors().as_flattened());
                }
                Pixels::Flow(flow) => {
                    let (shape, data) = floats(&file("flow", "npy"));
                    assert_eq!(shape, [30, 40, 3]);
                    let (triples, _) = data.as_chunks::<3>();
                    for (i, [u, v, valid]) in triples.iter().enumerate() {
                        assert_eq!([*u, *v], flow.vectors()[i]);
                        assert_eq!(*valid, f32::from(flow.validity()[i]));
                    }
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }
}

#[test]
fn the_index_describes_the_sample_and_its_files() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let plan = plan(&["main"], 40, 30, 2);
    write(&out, &plan, 2, Options::default()).expect("written");
    let records = records(&out);
    assert_eq!(records.len(), 2);
    for (record, index) in records.iter().zip(0_u64..) {
        let sample = sample(&plan, index);
        assert_eq!(record["index"], json!(index));
        assert_eq!(record["tick"], json!(index + 1));
        assert_eq!(record["seed"], json!(7));
        assert_eq!(record["randomization"]["sun"], json!(0.5 + index as f64));
        let view = &record["views"][0];
        assert_eq!(view["camera"], "main");
        assert_eq!(view["flow_direction"], "backward");
        for modality in Modality::ALL {
            let file = &view["files"][modality.name()];
            let path = file["path"].as_str().expect("path");
            let content = fs::read(out.join(path)).expect("the file is there");
            assert_eq!(file["bytes"], json!(content.len()));
            let hash = EncodedFile::new(String::new(), Vec::new(), content);
            assert_eq!(file["sha256"], hash.sha256());
        }
        for (object, state) in record["objects"]
            .as_array()
            .expect("objects")
            .iter()
            .zip(&sample.objects)
        {
            assert_eq!(object["instance_id"], json!(state.label.instance_id));
            assert_eq!(object["class"], json!(state.label.class_name));
            assert_eq!(
                object["views"][0]["visible_pixels"],
                json!(state.views[0].visible_pixels)
            );
        }
    }
}

#[test]
fn boxes_in_the_index_hold_exactly_the_pixels_of_their_instance() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    write(&out, &plan(&["main"], 64, 48, 1), 1, Options::default()).expect("written");
    let (_, data) = png(&out.join("segmentation/000000.png"));
    let (pairs, _) = data.as_chunks::<2>();
    let ids: Vec<u16> = pairs.iter().map(|p| u16::from_be_bytes(*p)).collect();
    let mut seen = 0;
    for object in records(&out)[0]["objects"].as_array().expect("objects") {
        let id = object["instance_id"].as_u64().expect("ID");
        let pixels = (0..).zip(&ids).filter(|(_, i)| u64::from(**i) == id);
        let (xs, ys): (Vec<_>, Vec<_>) = pixels.map(|(i, _): (u32, _)| (i % 64, i / 64)).unzip();
        let around = xs.iter().min().map(|x_min| {
            let x_max = xs.iter().max().expect("some") + 1;
            json!([
                f64::from(*x_min),
                f64::from(*ys.iter().min().expect("some")),
                f64::from(x_max),
                f64::from(*ys.iter().max().expect("some") + 1),
            ])
        });
        assert_eq!(
            object["views"][0]["visible_box"],
            around.unwrap_or(Value::Null)
        );
        seen += usize::from(!xs.is_empty());
    }
    assert!(seen > 10, "most spheres are in view");
}

#[test]
fn pose_intrinsics_and_3d_box_project_to_the_2d_box() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    write(&out, &plan(&["main"], 160, 120, 1), 1, Options::default()).expect("written");
    let record = &records(&out)[0];
    let matrix =
        |value: &Value| -> Vec<Vec<f64>> { serde_json::from_value(value.clone()).expect("matrix") };
    let camera = matrix(&record["views"][0]["camera_to_world_opencv"]);
    let k = matrix(&record["views"][0]["intrinsics"]["k"]);
    // Only numbers of the index are used, as a Python reader would.
    let mut checked = 0;
    for object in &record["objects"].as_array().expect("objects")[1..] {
        let view = &object["views"][0];
        let Some(edges) = view["visible_box"].as_array() else {
            continue;
        };
        let edges: Vec<f64> = edges.iter().map(|e| e.as_f64().expect("number")).collect();
        let world = matrix(&object["box_3d"]["box_to_world"]);
        let center: Vec<f64> = (0..3).map(|row| world[row][3] - camera[row][3]).collect();
        let local: Vec<f64> = (0..3)
            .map(|axis| (0..3).map(|row| camera[row][axis] * center[row]).sum())
            .collect();
        let u = k[0][0] * local[0] / local[2] + k[0][2];
        let v = k[1][1] * local[1] / local[2] + k[1][2];
        assert!(local[2] > 0.0, "in front of the camera");
        // Some are partly hidden; the centre of those may lie a little outside.
        let (w, h) = (edges[2] - edges[0], edges[3] - edges[1]);
        assert!((edges[0] - w..edges[2] + w).contains(&u), "{u} {edges:?}");
        assert!((edges[1] - h..edges[3] + h).contains(&v), "{v} {edges:?}");
        let size = object["box_3d"]["size_m"][0].as_f64().expect("number");
        let half = object["box_3d"]["half_extent_cm"][0]
            .as_f64()
            .expect("number");
        assert!((size - half / 50.0).abs() < 1e-9);
        checked += 1;
    }
    assert!(checked > 10);
}

#[test]
fn several_cameras_have_folders_of_their_own() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    write(
        &out,
        &plan(&["left", "right eye"], 20, 16, 1),
        1,
        Options::default(),
    )
    .expect("written");
    for camera in ["left", "right_eye"] {
        for file in [
            "rgb/000000.png",
            "depth/000000.npy",
            "segmentation/000000.png",
            "flow/000000.npy",
        ] {
            assert!(out.join(camera).join(file).exists(), "{camera}/{file}");
        }
    }
    let record = &records(&out)[0];
    assert_eq!(record["views"][1]["camera"], "right eye");
    assert_eq!(
        record["views"][1]["files"]["rgb"]["path"],
        "right_eye/rgb/000000.png"
    );
    assert_eq!(
        record["objects"][0]["views"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn the_manifest_says_what_the_set_is() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let summary = write(&out, &plan(&["main"], 20, 16, 2), 2, Options::default()).expect("written");
    let manifest = manifest(&out);
    assert_eq!(manifest["format"], "frames");
    assert_eq!(manifest["complete"], true);
    assert_eq!(
        (summary.samples, summary.files, summary.complete),
        (2, 10, true)
    );
    assert_eq!(manifest["samples"], 2);
    assert_eq!(manifest["source"]["engine"], "spheres");
    assert_eq!(manifest["settings"]["path"], "orbit");
    let class = &manifest["classes"][0];
    assert_eq!(class["name"], "floor");
    // Visible in both samples.
    let counts = ["id", "instances", "labels"].map(|key| &class[key]);
    assert_eq!(counts, [&json!(1), &json!(1), &json!(2)]);
    assert_eq!(manifest["created"], Value::Null);
    let mut entries: Vec<_> = fs::read_dir(&out)
        .expect("folder")
        .map(|e| e.expect("entry").file_name().into_string().expect("plain"))
        .collect();
    entries.sort();
    assert_eq!(manifest["entries"], json!(entries));
}

#[test]
fn an_id_that_breaks_the_plan_s_promise_ends_the_set() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let ids = Segmentation::new(2, 1, vec![1, 70_000], Vec::new()).expect("size");
    let error = write_one(&out, ids.into(), Some(40)).expect_err("70,000 is too much");
    assert_eq!(error.kind(), ErrorKind::InvalidSample);
    assert!(error.to_string().contains("70000"), "{error}");
    assert!(!out.exists(), "no sample, no set");
}

#[test]
fn unknown_pose_and_boxes_are_null() {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let depth = Depth::new(1, 1, vec![1.5]).expect("size");
    write_one(&out, depth.into(), None).expect("written");
    let record = &records(&out)[0];
    assert_eq!(record["tick"], Value::Null);
    assert_eq!(record["views"][0]["pose"], Value::Null);
    assert_eq!(record["views"][0]["camera_to_world_opencv"], Value::Null);
    assert_eq!(record["objects"], json!([]));
}

#[test]
fn hashes_are_sha_256() {
    // The standard's own example.
    let file = EncodedFile::new("x", b"a".to_vec(), "bc");
    assert_eq!(
        file.sha256(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

fn size_and<T: std::fmt::Debug + Clone + 'static>(
    pixel: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = (u32, u32, Vec<T>)> {
    (1_u32..20, 1_u32..20).prop_flat_map(move |(w, h)| {
        let count = (w * h) as usize;
        (
            Just(w),
            Just(h),
            prop::collection::vec(pixel.clone(), count),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn ids_of_16_bits_survive((w, h, ids) in size_and(any::<u16>().prop_map(u32::from))) {
        let folder = tempfile::tempdir().expect("folder");
        let out = folder.path().join("set");
        let pixels = Segmentation::new(w, h, ids.clone(), Vec::new()).expect("size");
        write_one(&out, pixels.into(), Some(65_535)).expect("written");
        let (info, data) = png(&out.join("segmentation/000000.png"));
        prop_assert_eq!((info.width, info.height), (w, h));
        let (pairs, _) = data.as_chunks::<2>();
        let read: Vec<u32> = pairs.iter().map(|p| u16::from_be_bytes(*p).into()).collect();
        prop_assert_eq!(read, ids);
    }

    #[test]
    fn ids_of_32_bits_survive((w, h, ids) in size_and(any::<u32>())) {
        let folder = tempfile::tempdir().expect("folder");
        let out = folder.path().join("set");
        let pixels = Segmentation::new(w, h, ids.clone(), Vec::new()).expect("size");
        write_one(&out, pixels.into(), None).expect("written");
        let (shape, read) = npy(
            &out.join("segmentation/000000.npy"),
            "<u4",
            u32::from_le_bytes,
        );
        prop_assert_eq!(shape, [h as usize, w as usize]);
        prop_assert_eq!(read, ids);
    }

    #[test]
    fn flow_survives((w, h, pixels) in size_and((any::<[f32; 2]>(), 0_u8..2))) {
        let folder = tempfile::tempdir().expect("folder");
        let out = folder.path().join("set");
        let (uv, valid): (Vec<_>, Vec<_>) = pixels.into_iter().unzip();
        let flow = Flow::new(w, h, &uv, &valid, FlowDirection::Forward).expect("size");
        write_one(&out, flow.into(), None).expect("written");
        let (shape, read) = floats(&out.join("flow/000000.npy"));
        prop_assert_eq!(shape, [h as usize, w as usize, 3]);
        let (triples, _) = read.as_chunks::<3>();
        for ((uv, valid), read) in uv.iter().zip(&valid).zip(triples) {
            // Bit by bit: NaN stays NaN.
            let expected = [uv[0], uv[1], f32::from(*valid)].map(f32::to_bits);
            prop_assert_eq!(read.map(f32::to_bits), expected);
        }
        prop_assert_eq!(&records(&out)[0]["views"][0]["flow_direction"], "forward");
    }
}
