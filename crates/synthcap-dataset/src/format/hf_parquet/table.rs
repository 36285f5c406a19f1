//! The columns of the table and its files.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::Compression,
    column::writer::ColumnWriter,
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr},
        writer::SerializedFileWriter,
    },
    schema::{parser::parse_message_type, types::TypePtr},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use synthcap::{Modality, ModalitySet};

use crate::{Error, Result, format::sink::Sink};

/// A row: what one camera saw.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) camera: String,
    pub(super) sim_time_s: Option<f64>,
    /// fx, fy, cx, cy.
    pub(super) intrinsics: Option<[f64; 4]>,
    pub(super) camera_to_world_opencv: Option<[[f64; 4]; 4]>,
    /// The visible objects.
    pub(super) instance_id: Vec<i64>,
    pub(super) category: Vec<i64>,
    pub(super) name: Vec<String>,
    pub(super) bbox: Vec<[f64; 4]>,
    pub(super) visibility: Vec<f64>,
}

/// A row with its images.
#[derive(Debug)]
pub(super) struct FullRow {
    pub(super) index: u64,
    pub(super) row: Row,
    /// In the order of the modalities: the name and the content.
    pub(super) images: Vec<(String, Bytes)>,
}

/// Values with their levels: how often a value repeats, and how much of its path is
/// there.
struct Column<T> {
    values: Vec<T>,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

impl<T> Column<T> {
    fn new() -> Self {
        Self {
            values: Vec::new(),
            definition: Vec::new(),
            repetition: Vec::new(),
        }
    }

    fn push(&mut self, definition: i16, repetition: i16, value: Option<T>) {
        self.definition.push(definition);
        self.repetition.push(repetition);
        self.values.extend(value);
    }

    /// A value on its own, in this many optional places.
    fn flat(rows: &[FullRow], depth: i16, of: impl Fn(&FullRow) -> Option<T>) -> Self {
        let mut column = Self::new();
        for row in rows {
            let value = of(row);
            column.push(if value.is_some() { depth } else { depth - 1 }, 0, value);
        }
        column
    }

    /// A list in `outer` optional places, the list's own among them.
    fn list(rows: &[FullRow], outer: i16, of: impl Fn(&FullRow) -> Vec<T>) -> Self {
        let mut column = Self::new();
        for row in rows {
            let values = of(row);
            if values.is_empty() {
                column.push(outer, 0, None);
            }
            for (i, value) in values.into_iter().enumerate() {
                // The list's entry and the value in it are there.
                column.push(outer + 2, i16::from(i > 0), Some(value));
            }
        }
        column
    }

    /// A list of lists of at least one value.
    fn lists<const N: usize>(
        rows: &[FullRow],
        outer: i16,
        of: impl Fn(&FullRow) -> Vec<[T; N]>,
    ) -> Self {
        let mut column = Self::new();
        for row in rows {
            let lists = of(row);
            if lists.is_empty() {
                column.push(outer, 0, None);
            }
            for (i, list) in lists.into_iter().enumerate() {
                for (j, value) in list.into_iter().enumerate() {
                    let repetition = if j > 0 { 2 } else { i16::from(i > 0) };
                    column.push(outer + 4, repetition, Some(value));
                }
            }
        }
        column
    }
}

/// The schema: every place is optional, as the reader's own types are.
pub(super) fn schema(modalities: ModalitySet) -> Result<TypePtr> {
    let images = modalities.iter().map(|modality| match is_picture(modality) {
        true => format!(
            "optional group {modality} {{ optional binary bytes; optional binary path (STRING); }}"
        ),
        false => format!("optional binary {modality};"),
    });
    let images: String = images.collect();
    let list = |name: &str, element: &str| {
        format!("optional group {name} (LIST) {{ repeated group list {{ optional {element}; }} }}")
    };
    let numbers = list("element", "double element");
    let text = format!(
        "message row {{
            optional int64 index; optional binary camera (STRING); {images}
            optional double sim_time_s; {} {}
            optional group objects {{ {} {} {} {} {} }}
        }}",
        list("intrinsics", "double element"),
        nested("camera_to_world_opencv", &numbers),
        list("instance_id", "int64 element"),
        list("category", "int64 element"),
        list("name", "binary element (STRING)"),
        nested("bbox", &numbers),
        list("visibility", "double element"),
    );
    let schema = parse_message_type(&text).map_err(|e| failed(&e))?;
    Ok(Arc::new(schema))
}

fn nested(name: &str, element: &str) -> String {
    format!("optional group {name} (LIST) {{ repeated group list {{ {element} }} }}")
}

/// Whether a modality is a picture in the table, or an array's bytes.
pub(super) fn is_picture(modality: Modality) -> bool {
    matches!(modality, Modality::Rgb | Modality::Segmentation)
}

/// Nothing is compressed: pictures are already, and arrays had better stay readable
/// at full speed. Says which columns are pictures.
pub(super) fn properties(modalities: ModalitySet) -> WriterPropertiesPtr {
    let pictures = modalities.iter().filter(|m| is_picture(*m));
    let features: Map<_, _> = pictures
        .map(|m| (m.name().to_owned(), json!({ "_type": "Image" })))
        .collect();
    let about = json!({ "info": { "features": features } }).to_string();
    let properties = WriterProperties::builder()
        .set_created_by(format!("synthcap {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        // Pages end near a megabyte, not after a thousand images.
        .set_write_batch_size(1)
        .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), about)]))
        .build();
    Arc::new(properties)
}

pub(super) fn failed(error: &ParquetError) -> Error {
    Error::internal("table", error)
}

/// Writes rows as a row group.
pub(super) fn write(
    file: &mut SerializedFileWriter<Sink>,
    modalities: ModalitySet,
    rows: &[FullRow],
) -> Result<()> {
    row_group(file, modalities, rows).map_err(|e| failed(&e))
}

fn row_group(
    file: &mut SerializedFileWriter<Sink>,
    modalities: ModalitySet,
    rows: &[FullRow],
) -> parquet::errors::Result<()> {
    let mut group = file.next_row_group()?;
    let mut put = |column: Values| {
        let mut writer = group
            .next_column()?
            .ok_or_else(|| ParquetError::General("a column too many".into()))?;
        column.write(writer.untyped())?;
        writer.close()
    };
    put(Column::flat(rows, 1, |r| Some(r.index as i64)).into())?;
    put(Column::flat(rows, 1, |r| Some(text(&r.row.camera))).into())?;
    for (place, modality) in modalities.iter().enumerate() {
        let bytes = |r: &FullRow| Some(ByteArray::from(r.images.get(place)?.1.clone()));
        let path = |r: &FullRow| Some(text(&r.images.get(place)?.0));
        match is_picture(modality) {
            true => {
                put(Column::flat(rows, 2, bytes).into())?;
                put(Column::flat(rows, 2, path).into())?;
            }
            false => put(Column::flat(rows, 1, bytes).into())?,
        }
    }
    put(Column::flat(rows, 1, |r| r.row.sim_time_s).into())?;
    put(Column::list(rows, 1, |r| r.row.intrinsics.map_or(vec![], |k| k.to_vec())).into())?;
    let pose = |r: &FullRow| r.row.camera_to_world_opencv.map_or(vec![], |m| m.to_vec());
    put(Column::lists(rows, 1, pose).into())?;
    put(Column::list(rows, 2, |r| r.row.instance_id.clone()).into())?;
    put(Column::list(rows, 2, |r| r.row.category.clone()).into())?;
    let names = |r: &FullRow| r.row.name.iter().map(|name| text(name)).collect();
    put(Column::list(rows, 2, names).into())?;
    put(Column::lists(rows, 2, |r| r.row.bbox.clone()).into())?;
    put(Column::list(rows, 2, |r| r.row.visibility.clone()).into())?;
    group.close()?;
    Ok(())
}

fn text(text: &str) -> ByteArray {
    ByteArray::from(text)
}

/// A column of one of the types in use.
enum Values {
    Int(Column<i64>),
    Float(Column<f64>),
    Bytes(Column<ByteArray>),
}

impl From<Column<i64>> for Values {
    fn from(column: Column<i64>) -> Self {
        Self::Int(column)
    }
}

impl From<Column<f64>> for Values {
    fn from(column: Column<f64>) -> Self {
        Self::Float(column)
    }
}

impl From<Column<ByteArray>> for Values {
    fn from(column: Column<ByteArray>) -> Self {
        Self::Bytes(column)
    }
}

impl Values {
    fn write(&self, writer: &mut ColumnWriter<'_>) -> parquet::errors::Result<()> {
        match (self, writer) {
            (Self::Int(c), ColumnWriter::Int64ColumnWriter(w)) => {
                w.write_batch(&c.values, Some(&c.definition), Some(&c.repetition))?
            }
            (Self::Float(c), ColumnWriter::DoubleColumnWriter(w)) => {
                w.write_batch(&c.values, Some(&c.definition), Some(&c.repetition))?
            }
            (Self::Bytes(c), ColumnWriter::ByteArrayColumnWriter(w)) => {
                w.write_batch(&c.values, Some(&c.definition), Some(&c.repetition))?
            }
            _ => {
                return Err(ParquetError::General(
                    "a column of another type than the schema's".into(),
                ));
            }
        };
        Ok(())
    }
}
