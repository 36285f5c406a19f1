//! Spawning from glTF files.

use std::{fs, path::Path};

use crate::common::{self, take};
use base64::Engine as _;
use synthcap::{Command, ErrorCode, Rotator, Transform, Vec3, server::Engine};
use synthcap_sim::{SimConfig, Simulator};

/// A quad in glTF's axes, 2 m wide (X) and 1 m high (Y), facing Z, red.
fn quad(uri: &str, indices: [u16; 6]) -> (String, Vec<u8>) {
    let positions: [[f32; 3]; 4] = [
        [-1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [1.0, 1.0, 0.0],
        [-1.0, 1.0, 0.0],
    ];
    let mut buffer: Vec<u8> = positions
        .iter()
        .flatten()
        .flat_map(|f| f.to_le_bytes())
        .collect();
    buffer.extend(indices.iter().flat_map(|i| i.to_le_bytes()));
    let uri = match uri {
        "" => String::new(),
        "data" => {
            let data = base64::engine::general_purpose::STANDARD.encode(&buffer);
            format!(r#""uri":"data:application/octet-stream;base64,{data}","#)
        }
        file => format!(r#""uri":"{file}","#),
    };
    let json = format!(
        r#"{{"asset":{{"version":"2.0"}},"scene":0,"scenes":[{{"nodes":[0]}}],
        "nodes":[{{"mesh":0,"translation":[0,0.5,0]}}],
        "meshes":[{{"primitives":[{{"attributes":{{"POSITION":0}},"indices":1,"material":0}}]}}],
        "materials":[{{"pbrMetallicRoughness":{{"baseColorFactor":[1,0,0,1],"metallicFactor":0}}}}],
        "buffers":[{{{uri}"byteLength":60}}],
        "bufferViews":[{{"buffer":0,"byteLength":48}},{{"buffer":0,"byteOffset":48,"byteLength":12}}],
        "accessors":[{{"bufferView":0,"componentType":5126,"count":4,"type":"VEC3",
          "min":[-1,0,0],"max":[1,1,0]}},
          {{"bufferView":1,"componentType":5123,"count":6,"type":"SCALAR"}}]}}"#
    );
    (json, buffer)
}

const WHOLE: [u16; 6] = [0, 1, 2, 0, 2, 3];

fn glb(json: &str, buffer: &[u8]) -> Vec<u8> {
    let pad = |mut bytes: Vec<u8>, with: u8| {
        bytes.resize(bytes.len().next_multiple_of(4), with);
        bytes
    };
    let (json, buffer) = (pad(json.into(), b' '), pad(buffer.into(), 0));
    let total = 12 + 8 + json.len() + 8 + buffer.len();
    let mut file = b"glTF".to_vec();
    file.extend(
        [2_u32, total as u32, json.len() as u32]
            .iter()
            .flat_map(|n| n.to_le_bytes()),
    );
    file.extend(b"JSON");
    file.extend(json);
    file.extend((buffer.len() as u32).to_le_bytes());
    file.extend(b"BIN\0");
    file.extend(buffer);
    file
}

fn simulator(assets: &Path) -> Simulator {
    let config = SimConfig {
        scene: "shapes".into(),
        width: common::WIDTH,
        height: common::HEIGHT,
        assets_dir: Some(assets.to_owned()),
        ..SimConfig::default()
    };
    Simulator::new(config).expect("a valid configuration")
}

fn spawn(simulator: &mut Simulator, asset: &str) -> Result<(), synthcap::server::EngineError> {
    let transform = Transform::new(Vec3::new(-100.0, 0.0, 30.0), Rotator::new(0.0, 180.0, 0.0));
    let command = Command::SpawnObject {
        object: "asset".into(),
        asset: asset.into(),
        transform: transform.into(),
    };
    // What the check lets pass must run, and the other way round.
    let checked = simulator.check(&command);
    let spawned = simulator.spawn_object(&"asset".into(), asset, &transform);
    assert_eq!(checked, spawned);
    spawned
}

#[test]
fn files_of_each_kind_are_spawned() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("sub")).expect("a directory");
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).expect("a file");
    let (json, buffer) = quad("", WHOLE);
    write("red_quad.glb", &glb(&json, &buffer));
    write("sub/embedded.gltf", quad("data", WHOLE).0.as_bytes());
    write("sub/apart.gltf", quad("a%20part.bin", WHOLE).0.as_bytes());
    write("sub/a part.bin", &buffer);
    for (asset, class) in [
        ("red_quad.glb", "red_quad"),
        ("sub/embedded.gltf", "embedded"),
        ("sub/apart.gltf", "apart"),
    ] {
        let mut simulator = simulator(dir.path());
        spawn(&mut simulator, asset).expect("a good file");
        let image = take(&mut simulator, "main");
        let object = image.object("asset");
        assert_eq!(object.label.class_name, class);
        // glTF's width lies along Y here, its height along Z; the node lifts it.
        let half = object.box_3d.half_extent;
        assert!(half.x < 0.01 && (half.y - 100.0).abs() < 0.01 && (half.z - 50.0).abs() < 0.01);
        assert!(
            (object.box_3d.center.z - 130.0).abs() < 0.01,
            "{:?}",
            object.box_3d
        );
        assert!(object.views[0].visible_pixels > 500);
        let rgb = image.rgb();
        let ids = image.segmentation();
        let red = common::pixels().filter(|&(x, y)| {
            let i = (y * common::WIDTH + x) as usize * 4;
            ids.at(x, y) == Some(object.label.instance_id)
                && rgb.as_rgba()[i] / 2 > rgb.as_rgba()[i + 1]
        });
        assert!(red.count() > 300);
        // It is solid enough for physics.
        simulator.tick();
        take(&mut simulator, "main");
    }
}

#[test]
fn a_path_that_leaves_the_directory_is_refused() {
    let outer = tempfile::tempdir().expect("a directory");
    let assets = outer.path().join("assets");
    fs::create_dir(&assets).expect("a directory");
    let (json, buffer) = quad("", WHOLE);
    let secret = outer.path().join("secret.glb");
    fs::write(&secret, glb(&json, &buffer)).expect("a file");
    fs::write(outer.path().join("secret.bin"), &buffer).expect("a file");
    let mut simulator = simulator(&assets);
    let absolute = secret.to_str().expect("plain").to_owned();
    for asset in [
        "../secret.glb",
        absolute.as_str(),
        "./secret.glb",
        "a/../../secret.glb",
        "",
    ] {
        let error = spawn(&mut simulator, asset).expect_err("outside");
        assert_ne!(error.code, ErrorCode::Internal, "{asset}: {error}");
        assert!(
            !simulator
                .object_names()
                .iter()
                .any(|n| n.as_str() == "asset")
        );
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, assets.join("link.glb")).expect("a link");
        let error = spawn(&mut simulator, "link.glb").expect_err("outside");
        assert_eq!(error.code, ErrorCode::PermissionDenied, "{error}");
    }
    // Nor may a file inside refer to one outside.
    fs::write(assets.join("sly.gltf"), quad("../secret.bin", WHOLE).0).expect("a file");
    let error = spawn(&mut simulator, "sly.gltf").expect_err("outside");
    assert_eq!(error.code, ErrorCode::PermissionDenied, "{error}");
}

#[test]
fn a_bad_file_is_a_clear_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).expect("a file");
    let (json, buffer) = quad("", WHOLE);
    let whole = glb(&json, &buffer);
    write("noise.glb", b"not a model at all");
    write("empty.glb", b"");
    write("index.gltf", quad("data", [0, 1, 9, 0, 2, 3]).0.as_bytes());
    write(
        "short.gltf",
        json.replace("\"byteLength\":60", "\"byteLength\":10")
            .as_bytes(),
    );
    write(
        "long.glb",
        &glb(&json.replace("\"count\":4", "\"count\":4000"), &buffer),
    );
    write("nothing.gltf", br#"{"asset":{"version":"2.0"}}"#);
    let mut nan = buffer.clone();
    nan[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    write("nan.glb", &glb(&json, &nan));
    fs::create_dir(dir.path().join("folder.glb")).expect("a directory");
    let mut simulator = simulator(dir.path());
    for asset in [
        "noise.glb",
        "empty.glb",
        "index.gltf",
        "short.gltf",
        "long.glb",
        "nothing.gltf",
        "nan.glb",
        "folder.glb",
    ] {
        let error = spawn(&mut simulator, asset).expect_err(asset);
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{asset}: {error}");
        assert!(
            error.message.contains(asset) && !error.message.contains('\n'),
            "{error}"
        );
    }
    // What the readers of accessors take for granted.
    let index_type = |code: u32| json.replace("5123", &code.to_string());
    let with_attribute =
        |attribute: &str| json.replace("\"POSITION\":0", &format!("\"POSITION\":0,{attribute}"));
    let positions = |was: &str, now: &str| json.replace(was, now);
    for (case, json) in [
        ("indices of floats", index_type(5126)),
        ("indices of signed bytes", index_type(5120)),
        ("indices of signed shorts", index_type(5122)),
        ("indices of pairs", json.replace("SCALAR", "VEC2")),
        (
            "positions that are not there",
            positions("\"POSITION\":0", "\"POSITION\":99"),
        ),
        (
            "positions of bytes",
            positions("5126", "5121")
                .replace("\"byteLength\":48}", "\"byteLength\":48,\"byteStride\":4}"),
        ),
        ("positions of pairs", positions("VEC3", "VEC2")),
        (
            "positions of nothing",
            positions("\"count\":4", "\"count\":0"),
        ),
        ("normals of indices", with_attribute("\"NORMAL\":1")),
        ("coordinates in space", with_attribute("\"TEXCOORD_0\":0")),
        ("coordinates of indices", with_attribute("\"TEXCOORD_0\":1")),
    ] {
        write("odd.glb", &glb(&json, &buffer));
        let error = spawn(&mut simulator, "odd.glb").expect_err(case);
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{case}: {error}");
    }
    let mut short = whole.clone();
    short[8..12].copy_from_slice(&3_u32.to_le_bytes());
    write("header.glb", &short);
    let error = spawn(&mut simulator, "header.glb").expect_err("a short header");
    assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
    // Cut anywhere, a file is refused without a panic.
    for end in (0..whole.len()).step_by(7) {
        write("cut.glb", &whole[..end]);
        spawn(&mut simulator, "cut.glb").expect_err("cut");
    }
    let error = spawn(&mut simulator, "missing.glb").expect_err("missing");
    assert_eq!(error.code, ErrorCode::NotFound);
}

#[test]
fn nodes_that_are_no_tree_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (json, _) = quad("data", WHOLE);
    let with_nodes = |nodes: &str| {
        let own = r#""nodes":[{"mesh":0,"translation":[0,0.5,0]}]"#;
        assert!(json.contains(own));
        json.replace(own, &format!(r#""nodes":[{nodes}]"#))
    };
    // 2^60 ways from the first node to the last.
    let shared: Vec<String> = (1..=60)
        .map(|i| format!(r#"{{"children":[{i},{i}]}}"#))
        .collect();
    let mut simulator = simulator(dir.path());
    for (case, nodes) in [
        ("shared children", shared.join(",") + r#",{"mesh":0}"#),
        (
            "a node in itself",
            r#"{"mesh":0,"children":[0]}"#.to_owned(),
        ),
        (
            "two parents",
            r#"{"children":[1,2]},{"children":[3]},{"children":[3]},{"mesh":0}"#.to_owned(),
        ),
    ] {
        fs::write(dir.path().join("nodes.gltf"), with_nodes(&nodes)).expect("a file");
        let error = spawn(&mut simulator, "nodes.gltf").expect_err(case);
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{case}: {error}");
        assert!(error.message.contains("no tree"), "{case}: {error}");
    }
    // A mesh may be in many nodes.
    let twice = r#"{"children":[1,2]},{"mesh":0},{"mesh":0,"translation":[0,2,0]}"#;
    fs::write(dir.path().join("nodes.gltf"), with_nodes(twice)).expect("a file");
    spawn(&mut simulator, "nodes.gltf").expect("a good file");
}
