//! Damaged glTF files: whatever is wrong with one, it is refused or shown.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use base64::Engine as _;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use synthcap::{
    Command, ErrorCode, ModalitySet, Transform,
    server::{Engine, ResolvedView},
};
use synthcap_sim::{SimConfig, Simulator};

/// A file with some of everything that is read: a quad with normals, two kinds of
/// texture coordinates, indices of two kinds, pictures of two sources, nested nodes.
fn whole() -> Value {
    let floats =
        |numbers: &[f32]| -> Vec<u8> { numbers.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8 * 80, y as u8 * 90, 120]))
        .write_to(&mut png, image::ImageFormat::Png)
        .expect("a picture");
    let png = png.into_inner();
    let mut buffer = Vec::new();
    let mut views = Vec::new();
    for part in [
        floats(&[-1., 0., 0., 1., 0., 0., 1., 1., 0., -1., 1., 0.5]),
        floats(&[0., 0., 1., 0., 0., 1., 0., 0., 1., 0., 0., 1.]),
        floats(&[0., 1., 1., 1., 1., 0., 0., 0.]),
        vec![0, 0, 9, 9, 255, 0, 9, 9, 255, 255, 9, 9, 0, 255, 9, 9],
        [0_u16, 1, 2, 0, 2, 3]
            .iter()
            .flat_map(|i| i.to_le_bytes())
            .collect(),
        vec![0, 1, 2, 3],
        png.clone(),
    ] {
        views.push(json!({ "buffer": 0, "byteOffset": buffer.len(), "byteLength": part.len() }));
        buffer.extend(part);
        buffer.resize(buffer.len().next_multiple_of(4), 0);
    }
    views[3]["byteStride"] = json!(4);
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let textured = |index: usize, set: u32| {
        json!({ "emissiveFactor": [0, 0.1, 0], "pbrMetallicRoughness": {
            "baseColorFactor": [1, 0.5, 0.2, 1], "metallicFactor": 0.5, "roughnessFactor": 0.5,
            "baseColorTexture": { "index": index, "texCoord": set } } })
    };
    json!({
        "asset": { "version": "2.0" },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [
            { "children": [1, 2], "translation": [0, 0.5, 0], "rotation": [0, 0, 0.6, 0.8], "scale": [1, 2, 1] },
            { "mesh": 0 },
            { "mesh": 0, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 3, 0, 0, 1] },
        ],
        "meshes": [{ "primitives": [
            { "attributes": { "POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2 }, "indices": 4, "material": 0 },
            { "attributes": { "POSITION": 0, "TEXCOORD_1": 3 }, "indices": 5, "material": 1, "mode": 5 },
        ] }],
        "materials": [textured(0, 0), textured(1, 1)],
        "textures": [{ "source": 0, "sampler": 0 }, { "source": 1 }],
        "samplers": [{ "wrapS": 10497, "magFilter": 9729 }],
        "images": [
            { "bufferView": 6, "mimeType": "image/png" },
            { "uri": format!("data:image/png;base64,{}", encode(&png)) },
        ],
        "buffers": [{
            "uri": format!("data:application/octet-stream;base64,{}", encode(&buffer)),
            "byteLength": buffer.len(),
        }],
        "bufferViews": views,
        "accessors": [
            { "bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3",
              "min": [-1, 0, 0], "max": [1, 1, 0.5] },
            { "bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC3", "byteOffset": 0 },
            { "bufferView": 2, "componentType": 5126, "count": 4, "type": "VEC2" },
            { "bufferView": 3, "componentType": 5121, "count": 4, "type": "VEC2", "normalized": true },
            { "bufferView": 4, "componentType": 5123, "count": 6, "type": "SCALAR" },
            { "bufferView": 5, "componentType": 5121, "count": 4, "type": "SCALAR" },
        ],
    })
}

/// What a value is replaced by, each in its turn; the last times it is left out.
fn values() -> Vec<Option<Value>> {
    let mut values = vec![None, Some(Value::Null), Some(json!([])), Some(json!({}))];
    let numbers = [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        12,
        99,
        252,
        253,
        -1,
        u32::MAX.into(),
        i64::MAX,
    ];
    values.extend(numbers.map(|n| Some(json!(n))));
    values.extend([5120, 5121, 5122, 5123, 5125, 5126].map(|n| Some(json!(n))));
    values.extend([u64::MAX, u64::MAX - 2].map(|n| Some(json!(n))));
    values.extend([0.0, -0.5, 1e-30, 1e30, 1e300].map(|n| Some(json!(n))));
    values.extend(
        ["", "SCALAR", "VEC2", "VEC3", "MAT4", "data:;base64,AAAA"].map(|s| Some(json!(s))),
    );
    let sparse = json!({ "count": 1, "indices": { "bufferView": 5, "componentType": 5121 },
        "values": { "bufferView": 0 } });
    values.push(Some(sparse));
    values
}

/// The places of all values in a document, as JSON pointers.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    let keys: Vec<String> = match value {
        Value::Object(map) => map.keys().cloned().collect(),
        Value::Array(items) => (0..items.len()).map(|i| i.to_string()).collect(),
        _ => Vec::new(),
    };
    for key in keys {
        let place = format!("{at}/{key}");
        if let Some(inner) = value.pointer(&place[at.len()..]) {
            places(inner, &place, into);
        }
        into.push(place);
    }
}

/// Replaces a value, or takes it away.
fn damage(document: &mut Value, place: &str, by: Option<&Value>) {
    match by {
        Some(by) => {
            if let Some(value) = document.pointer_mut(place) {
                *value = by.clone();
            }
        }
        None => {
            let (parent, key) = place.rsplit_once('/').expect("a place has a parent");
            match document.pointer_mut(parent) {
                Some(Value::Object(map)) => drop(map.remove(key)),
                Some(Value::Array(items)) => {
                    let index = key.parse().unwrap_or(usize::MAX);
                    if index < items.len() {
                        items.remove(index);
                    }
                }
                _ => {}
            }
        }
    }
}

/// A place for one file, and who reads it.
struct Reader {
    simulator: Simulator,
    dir: tempfile::TempDir,
}

impl Reader {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self {
            simulator: simulator(dir.path()),
            dir,
        }
    }

    /// Spawns a document, shows it and takes it away again, if it is not refused.
    fn read(&mut self, document: &Value) -> bool {
        fs::write(self.dir.path().join("it.gltf"), document.to_string()).expect("a file");
        let transform = Transform::IDENTITY;
        let command = Command::SpawnObject {
            object: "it".into(),
            asset: "it.gltf".into(),
            transform: transform.into(),
        };
        if let Err(error) = self.simulator.check(&command) {
            assert_ne!(error.code, ErrorCode::Internal, "{error}");
            assert!(error.message.len() < 500, "{error}");
            return false;
        }
        let name = "it".into();
        self.simulator
            .spawn_object(&name, "it.gltf", &transform)
            .expect("checked");
        self.simulator.tick();
        let view = ResolvedView {
            camera: "main".into(),
            width: 24,
            height: 18,
            modalities: ModalitySet::ALL,
        };
        self.simulator.capture(&[view], true).expect("an image");
        self.simulator.destroy_object(&name).expect("there");
        true
    }
}

fn simulator(assets: &Path) -> Simulator {
    let config = SimConfig {
        scene: "shapes".into(),
        assets_dir: Some(assets.to_owned()),
        rgb_samples: 1,
        ..SimConfig::default()
    };
    Simulator::new(config).expect("a valid configuration")
}

#[test]
fn one_wrong_value_is_refused_or_shown() {
    let whole = whole();
    let mut reader = Reader::new();
    assert!(reader.read(&whole), "the whole file is good");
    let mut all = Vec::new();
    places(&whole, "", &mut all);
    let (mut shown, mut refused) = (0, 0);
    for place in &all {
        for by in &values() {
            let mut document = whole.clone();
            damage(&mut document, place, by.as_ref());
            match catch_unwind(AssertUnwindSafe(|| reader.read(&document))) {
                Ok(true) => shown += 1,
                Ok(false) => refused += 1,
                Err(_) => panic!("the above is of {place} = {by:?}"),
            }
        }
    }
    assert!(
        shown > 500 && refused > 500,
        "{shown} shown, {refused} refused"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn some_wrong_values_are_refused_or_shown(
        damages in proptest::collection::vec((any::<Index>(), any::<Index>()), 2..5),
    ) {
        let mut document = whole();
        let mut all = Vec::new();
        places(&document, "", &mut all);
        let values = values();
        for (place, by) in damages {
            damage(&mut document, place.get::<String>(&all), by.get(&values).as_ref());
        }
        Reader::new().read(&document);
    }
}
