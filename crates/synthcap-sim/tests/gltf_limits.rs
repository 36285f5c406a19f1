//! What a glTF file may ask for.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use serde_json::{Value, json};
use synthcap::{Command, ErrorCode, Transform, server::Engine};
use synthcap_sim::{SimConfig, Simulator};

fn simulator(assets: &Path) -> Simulator {
    let config = SimConfig {
        scene: "shapes".into(),
        assets_dir: Some(assets.to_owned()),
        ..SimConfig::default()
    };
    Simulator::new(config).expect("a valid configuration")
}

fn check(simulator: &Simulator, asset: &str) -> Result<(), synthcap::server::EngineError> {
    simulator.check(&Command::SpawnObject {
        object: "asset".into(),
        asset: asset.into(),
        transform: Transform::IDENTITY.into(),
    })
}

/// A triangle in the first 36 bytes of "positions.bin", so many times.
fn triangles(primitive: &Value, count: usize) -> Value {
    json!({
        "asset": { "version": "2.0" },
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0 }],
        "meshes": [{ "primitives": vec![primitive; count] }],
        "buffers": [{ "uri": "positions.bin", "byteLength": 36 }],
        "bufferViews": [{ "buffer": 0, "byteLength": 36 }],
        "accessors": [{
            "bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
            "min": [0, 0, 0], "max": [1, 1, 0],
        }],
    })
}

fn write_positions(dir: &Path) {
    let positions: [f32; 9] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    let bytes: Vec<u8> = positions.iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(dir.join("positions.bin"), bytes).expect("a file");
}

/// A file of a size that hardly takes room on disk, with something at its start.
fn write_large(path: &Path, start: &[u8], size: u64) {
    let mut file = File::create(path).expect("a file");
    file.write_all(start).expect("written");
    file.set_len(size).expect("a size");
}

#[test]
fn more_triangles_than_fit_are_refused_though_none_has_an_area() {
    let dir = tempfile::tempdir().expect("a directory");
    write_positions(dir.path());
    const INDICES: u64 = 3_000_000;
    write_large(&dir.path().join("indices.bin"), &[], INDICES);
    let primitive = json!({ "attributes": { "POSITION": 0 }, "indices": 1 });
    let simulator = simulator(dir.path());
    // A million triangles, all in one point, times two and times six.
    for (count, why) in [(2, "no triangles"), (6, "more than 5000000 triangles")] {
        let mut document = triangles(&primitive, count);
        let mut add = |list: &str, item: Value| {
            document[list].as_array_mut().expect("a list").push(item);
        };
        add(
            "buffers",
            json!({ "uri": "indices.bin", "byteLength": INDICES }),
        );
        add("bufferViews", json!({ "buffer": 1, "byteLength": INDICES }));
        add(
            "accessors",
            json!({ "bufferView": 1, "componentType": 5121, "count": INDICES, "type": "SCALAR" }),
        );
        fs::write(dir.path().join("many.gltf"), document.to_string()).expect("a file");
        let error = check(&simulator, "many.gltf").expect_err("too many");
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
        assert!(error.message.contains(why), "{error}");
    }
}

#[test]
fn a_file_may_refer_to_so_many_bytes_in_all() {
    let dir = tempfile::tempdir().expect("a directory");
    write_positions(dir.path());
    // By itself it might be read; with the positions before it, it is too much.
    write_large(&dir.path().join("large.bin"), &[], 512 << 20);
    let mut document = triangles(&json!({ "attributes": { "POSITION": 0 } }), 1);
    let buffers = document["buffers"].as_array_mut().expect("a list");
    buffers.push(json!({ "uri": "large.bin", "byteLength": 1 }));
    fs::write(dir.path().join("much.gltf"), document.to_string()).expect("a file");
    let error = check(&simulator(dir.path()), "much.gltf").expect_err("too much");
    assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
    assert!(error.message.contains("512 MiB"), "{error}");
}

#[test]
fn a_picture_that_materials_share_is_read_once() {
    let dir = tempfile::tempdir().expect("a directory");
    write_positions(dir.path());
    let path = dir.path().join("picture.png");
    image::RgbImage::from_pixel(2, 2, image::Rgb([200, 100, 50]))
        .save(&path)
        .expect("a picture");
    // Four times this would be too much to refer to.
    let picture = fs::read(&path).expect("a picture");
    write_large(&path, &picture, 140 << 20);
    let primitive =
        |material: usize| json!({ "attributes": { "POSITION": 0 }, "material": material });
    let mut document = triangles(&primitive(0), 4);
    document["meshes"][0]["primitives"] = (0..4).map(primitive).collect();
    let material = json!({ "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 } } });
    document["materials"] = vec![material; 4].into();
    document["textures"] = json!([{ "source": 0 }]);
    document["images"] = json!([{ "uri": "picture.png" }]);
    fs::write(dir.path().join("shared.gltf"), document.to_string()).expect("a file");
    check(&simulator(dir.path()), "shared.gltf").expect("a good file");
}
