//! What a document must hold before it is read: the readers of the `gltf` crate
//! trust it, and panic where it is wrong.

use std::fmt::Display;

use gltf::{
    Accessor, Document, Gltf, Semantic,
    accessor::{DataType, Dimensions},
    json::{Root, mesh, validation::Checked},
};

/// Of another's message no more characters than this are passed on: it may quote the
/// file.
const MESSAGE_LENGTH: usize = 300;

/// What somebody else says of a file, in short.
fn brief(message: impl Display) -> String {
    message.to_string().chars().take(MESSAGE_LENGTH).collect()
}

/// Parses a file, and checks that what it refers to is there; the error says why not.
pub(super) fn parse(bytes: &[u8]) -> Result<Gltf, String> {
    let no_gltf = |why: &str| format!("it is no glTF 2.0 file: {why}");
    if has_short_header(bytes) {
        return Err(no_gltf("its header says that it is shorter than that"));
    }
    let Gltf { document, blob } =
        Gltf::from_slice_without_validation(bytes).map_err(|e| no_gltf(&brief(e)))?;
    let root = document.into_json();
    check_positions(&root)?;
    let document = Document::from_json(root).map_err(|e| match e {
        // One is enough for a message, and there may be a million.
        gltf::Error::Validation(errors) => {
            let first = errors.into_iter().next();
            let first = first.map_or_else(String::new, |(path, e)| format!("{path}: {e}"));
            no_gltf(&brief(first))
        }
        e => no_gltf(&brief(e)),
    })?;
    Ok(Gltf { document, blob })
}

/// Whether a binary file states less than the length of its own header.
fn has_short_header(bytes: &[u8]) -> bool {
    const HEADER: u32 = 12;
    let stated = bytes.get(8..12).and_then(|field| field.try_into().ok());
    bytes.starts_with(b"glTF") && stated.is_some_and(|n| u32::from_le_bytes(n) < HEADER)
}

/// Validation itself looks up the positions of each primitive.
fn check_positions(root: &Root) -> Result<(), String> {
    let positions = Checked::Valid(Semantic::Positions);
    let is_there = |primitive: &mesh::Primitive| {
        let index = primitive.attributes.get(&positions);
        index.is_none_or(|index| index.value() < root.accessors.len())
    };
    let all_there = root.meshes.iter().flat_map(|m| &m.primitives).all(is_there);
    let missing = || "a primitive's positions are in an accessor that is not there".to_owned();
    all_there.then_some(()).ok_or_else(missing)
}

/// Checks the ranges of all accessors.
pub(super) fn check_ranges(document: &Document, buffers: &[Vec<u8>]) -> Result<(), String> {
    for accessor in document.accessors() {
        if accessor.sparse().is_some() {
            return Err("sparse accessors are not supported".to_owned());
        }
        let Some(view) = accessor.view() else {
            continue;
        };
        let element = accessor.size();
        let stride = view.stride().unwrap_or(element);
        let last = accessor
            .count()
            .checked_sub(1)
            .and_then(|n| n.checked_mul(stride));
        let end = last.and_then(|l| l.checked_add(accessor.offset())?.checked_add(element));
        let within_view = end.is_some_and(|end| end <= view.length());
        let view_end = view.offset().checked_add(view.length());
        let buffer = buffers.get(view.buffer().index()).map_or(0, Vec::len);
        if stride < element || !within_view || view_end.is_none_or(|end| end > buffer) {
            return Err("an accessor reaches beyond its buffer".to_owned());
        }
    }
    Ok(())
}

/// What an accessor is read as, and what it must hold for that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    name: &'static str,
    types: &'static [DataType],
    dimensions: Dimensions,
}

impl Layout {
    pub(super) const POSITIONS: Self = Self {
        name: "positions",
        types: &[DataType::F32],
        dimensions: Dimensions::Vec3,
    };
    pub(super) const NORMALS: Self = Self {
        name: "normals",
        ..Self::POSITIONS
    };
    pub(super) const TEXTURE_COORDINATES: Self = Self {
        name: "texture coordinates",
        types: &[DataType::U8, DataType::U16, DataType::F32],
        dimensions: Dimensions::Vec2,
    };
    pub(super) const INDICES: Self = Self {
        name: "indices",
        types: &[DataType::U8, DataType::U16, DataType::U32],
        dimensions: Dimensions::Scalar,
    };

    /// Checks what an accessor holds; the error says what it should.
    pub(super) fn check(&self, accessor: &Accessor<'_>) -> Result<(), String> {
        let (data_type, dimensions) = (accessor.data_type(), accessor.dimensions());
        if self.types.contains(&data_type) && dimensions == self.dimensions {
            return Ok(());
        }
        Err(format!(
            "its {} are {dimensions:?} of {data_type:?} instead of {:?} of {:?}",
            self.name, self.dimensions, self.types
        ))
    }
}
