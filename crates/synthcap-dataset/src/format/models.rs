//! The models of a BOP set: the different boxes of its objects.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value, json};

use crate::{Error, ErrorKind, ObjectRecord, Records, Result, Staging};

/// Names of models have six digits.
const MOST: usize = 999_999;

/// A box: its class, and its edges in tenths of a millimetre.
type Shape = (u32, [i64; 3]);

/// The models of a set, numbered by class and size.
#[derive(Debug, Default)]
pub(super) struct Models(BTreeMap<Shape, Model>);

#[derive(Debug)]
struct Model {
    id: usize,
    class_name: String,
    size_mm: [f64; 3],
}

fn shape(object: &ObjectRecord) -> Shape {
    let size = object
        .box_3d
        .size_m
        .map(|edge| (edge.0 * 10_000.0).round() as i64);
    (object.class_id, size)
}

impl Models {
    pub(super) fn of(records: &Records) -> Result<Self> {
        let mut models = BTreeMap::new();
        for record in records.read()? {
            for object in record?.objects {
                models.entry(shape(&object)).or_insert_with(|| Model {
                    id: 0,
                    size_mm: object.box_3d.size_m.map(|edge| edge.0 * 1000.0),
                    class_name: object.class_name,
                });
                if models.len() > MOST {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        format!(
                            "the scene has more than {MOST} different boxes, which the format bop cannot name"
                        ),
                        "vary the sizes of objects less, or choose another format",
                    ));
                }
            }
        }
        for (id, model) in (1..).zip(models.values_mut()) {
            model.id = id;
        }
        Ok(Self(models))
    }

    pub(super) fn id(&self, object: &ObjectRecord) -> usize {
        self.0.get(&shape(object)).map_or(0, |model| model.id)
    }

    pub(super) fn write(&self, output: &mut Staging) -> Result<()> {
        let mut info = Map::new();
        for (shape, model) in &self.0 {
            let name = format!("models/obj_{:06}.ply", model.id);
            output.write(&name, &[mesh(model.size_mm).as_bytes()])?;
            let [x, y, z] = model.size_mm;
            info.insert(
                model.id.to_string(),
                json!({
                    "diameter": x.hypot(y).hypot(z),
                    "min_x": -x / 2.0, "min_y": -y / 2.0, "min_z": -z / 2.0,
                    "size_x": x, "size_y": y, "size_z": z,
                    "class_id": shape.0, "class": model.class_name,
                }),
            );
        }
        let text = serde_json::to_vec_pretty(&Value::Object(info))
            .map_err(|e| Error::internal("index", &e))?;
        output.write("models/models_info.json", &[&text])
    }
}

/// A box around the origin, as text.
fn mesh(size_mm: [f64; 3]) -> String {
    const FACES: [[u8; 3]; 12] = [
        [0, 2, 1],
        [1, 2, 3],
        [4, 5, 6],
        [5, 7, 6],
        [0, 1, 4],
        [1, 5, 4],
        [2, 6, 3],
        [3, 6, 7],
        [0, 4, 2],
        [2, 4, 6],
        [1, 3, 5],
        [3, 7, 5],
    ];
    let mut text = String::from(
        "ply\nformat ascii 1.0\nelement vertex 8\nproperty float x\nproperty float y\n\
         property float z\nelement face 12\nproperty list uchar int vertex_indices\nend_header\n",
    );
    for corner in 0..8 {
        let at = |axis: usize| match corner >> axis & 1 {
            0 => -size_mm[axis] / 2.0,
            _ => size_mm[axis] / 2.0,
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {} {}", at(0), at(1), at(2));
    }
    for [a, b, c] in FACES {
        let _ = writeln!(text, "3 {a} {b} {c}");
    }
    text
}
