//! Meshes from glTF files.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::Engine as _;
use glam::{Affine3A, Mat3A, Mat4, Vec2, Vec3, Vec3A, vec3};
use gltf::{Document, Gltf, buffer, image::Source, mesh::Mode};
use synthcap::{ErrorCode, server::EngineError};

use super::{
    Collider, Mesh, MeshBuilder,
    builder::{Solid, Vertex},
};
use crate::{
    material::Material,
    texture::{Picture, Texture},
};

/// Files larger than this are refused.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// Meshes with more triangles than this are refused.
const MAX_TRIANGLES: usize = 5_000_000;
/// Pictures with more texels than this in one direction are refused.
const MAX_PICTURE_SIZE: u32 = 8192;
/// A collider's hull is made of at most about so many points.
const HULL_POINTS: usize = 400;

/// glTF is right-handed with Y up and its front towards Z; here X is the front,
/// Y right and Z up.
const AXES: Affine3A = Affine3A {
    matrix3: Mat3A::from_cols(
        Vec3A::new(0.0, -1.0, 0.0),
        Vec3A::new(0.0, 0.0, 1.0),
        Vec3A::new(1.0, 0.0, 0.0),
    ),
    translation: Vec3A::ZERO,
};

/// Loads the mesh of a file in the assets directory.
///
/// All meshes of the file's scene become one, in metres, in the places of their
/// nodes, each with the colour, roughness, metalness, emission and colour
/// picture of its material. Animations, skins and cameras are ignored.
pub(crate) fn load(assets: &Path, asset: &str) -> Result<Mesh, EngineError> {
    let path = resolve(assets, assets, asset)?;
    let file = AssetFile {
        assets,
        folder: path.parent().unwrap_or(assets).to_owned(),
        asset,
    };
    file.load(&read(&path, asset)?)
}

/// The real path of `relative`, which must name a file in `folder` and must not
/// lead out of `assets`, neither by itself nor through a link.
fn resolve(assets: &Path, folder: &Path, relative: &str) -> Result<PathBuf, EngineError> {
    let outside = || {
        let message = format!(
            "the asset path {relative:?} leaves the assets directory; give a path relative to it, without \"..\""
        );
        EngineError::new(ErrorCode::PermissionDenied, message)
    };
    let plain = |part| matches!(part, std::path::Component::Normal(_));
    if relative.contains('\\') || !Path::new(relative).components().all(plain) {
        return Err(outside());
    }
    let missing = |_| {
        EngineError::not_found(format!(
            "there is no asset {relative:?} in the assets directory"
        ))
    };
    let root = assets.canonicalize().map_err(missing)?;
    let path = folder.join(relative).canonicalize().map_err(missing)?;
    if !path.starts_with(&root) {
        return Err(outside());
    }
    Ok(path)
}

fn read(path: &Path, asset: &str) -> Result<Vec<u8>, EngineError> {
    let unreadable = |e: std::io::Error| bad(asset, &format!("it cannot be read: {e}"));
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(bad(asset, "it is not a file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(bad(asset, "it is larger than 512 MiB"));
    }
    fs::read(path).map_err(unreadable)
}

fn bad(asset: &str, why: &str) -> EngineError {
    EngineError::invalid(format!("the asset {asset:?} cannot be used: {why}"))
}

/// A file being loaded.
struct AssetFile<'a> {
    assets: &'a Path,
    /// Where files that it refers to are looked up.
    folder: PathBuf,
    /// The name in messages.
    asset: &'a str,
}

impl AssetFile<'_> {
    fn bad(&self, why: impl AsRef<str>) -> EngineError {
        bad(self.asset, why.as_ref())
    }

    fn load(&self, bytes: &[u8]) -> Result<Mesh, EngineError> {
        let Gltf { document, blob } = Gltf::from_slice(bytes)
            .map_err(|e| self.bad(format!("it is no glTF 2.0 file: {e}")))?;
        let buffers = self.buffers(&document, blob)?;
        self.check_accessors(&document, &buffers)?;
        let scene = document
            .default_scene()
            .or_else(|| document.scenes().next());
        let scene = scene.ok_or_else(|| self.bad("it has no scene"))?;
        let mut builder = MeshBuilder::new();
        let mut reached = vec![false; document.nodes().len()];
        let mut nodes: Vec<_> = scene.nodes().map(|node| (node, AXES, 0)).collect();
        // In the file's order, depth first.
        nodes.reverse();
        while let Some((node, parent, depth)) = nodes.pop() {
            // Shared children would make a small file ask for any number of them.
            if std::mem::replace(&mut reached[node.index()], true) {
                return Err(self.bad(format!(
                    "its nodes are no tree: node {} is in it twice",
                    node.index()
                )));
            }
            if depth > 64 {
                return Err(self.bad("its nodes are nested too deep"));
            }
            let place =
                parent * Affine3A::from_mat4(Mat4::from_cols_array_2d(&node.transform().matrix()));
            for primitive in node.mesh().iter().flat_map(gltf::Mesh::primitives) {
                builder = self.add(builder, &primitive, &buffers, place)?;
            }
            let children: Vec<_> = node.children().map(|c| (c, place, depth + 1)).collect();
            nodes.extend(children.into_iter().rev());
        }
        if builder.len() == 0 {
            return Err(self.bad("it has no triangles"));
        }
        let points = builder.sample_points(HULL_POINTS);
        Ok(builder.collider(Collider::Hull(points)).build_two_sided())
    }

    /// The bytes that a URI stands for: in itself, or in a file beside this one.
    fn fetch(&self, uri: &str) -> Result<Vec<u8>, EngineError> {
        if let Some(data) = uri.strip_prefix("data:") {
            let encoded = data.split_once(";base64,").map(|(_, encoded)| encoded);
            let encoded = encoded.ok_or_else(|| self.bad("it has a data URI without base64"))?;
            let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
            return decoded.map_err(|e| self.bad(format!("it has a broken data URI: {e}")));
        }
        let name: Cow<'_, str> = urlencoding::decode(uri)
            .map_err(|_| self.bad("it refers to a file whose name is not UTF-8"))?;
        read(&resolve(self.assets, &self.folder, &name)?, self.asset)
    }

    fn buffers(
        &self,
        document: &Document,
        blob: Option<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, EngineError> {
        let mut blob = blob;
        let load = |buffer: gltf::Buffer<'_>| {
            let bytes = match buffer.source() {
                buffer::Source::Bin => blob
                    .take()
                    .ok_or_else(|| self.bad("its binary chunk is missing"))?,
                buffer::Source::Uri(uri) => self.fetch(uri)?,
            };
            if bytes.len() < buffer.length() {
                return Err(self.bad("a buffer is shorter than it says"));
            }
            Ok(bytes)
        };
        document.buffers().map(load).collect()
    }

    /// Readers of accessors trust their ranges, so these are checked first.
    fn check_accessors(&self, document: &Document, buffers: &[Vec<u8>]) -> Result<(), EngineError> {
        for accessor in document.accessors() {
            if accessor.sparse().is_some() {
                return Err(self.bad("sparse accessors are not supported"));
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
                return Err(self.bad("an accessor reaches beyond its buffer"));
            }
        }
        Ok(())
    }

    fn add(
        &self,
        builder: MeshBuilder,
        primitive: &gltf::Primitive<'_>,
        buffers: &[Vec<u8>],
        place: Affine3A,
    ) -> Result<MeshBuilder, EngineError> {
        if !matches!(
            primitive.mode(),
            Mode::Triangles | Mode::TriangleStrip | Mode::TriangleFan
        ) {
            return Ok(builder);
        }
        let vertices = self.vertices(primitive, buffers)?;
        let reader = primitive.reader(|buffer| buffers.get(buffer.index()).map(Vec::as_slice));
        let indices: Vec<u32> = match reader.read_indices() {
            Some(indices) => indices.into_u32().collect(),
            None => (0..vertices.len() as u32).collect(),
        };
        let corner = |i: u32| {
            let vertex = vertices.get(i as usize).copied();
            vertex.ok_or_else(|| self.bad(format!("it has no vertex {i}")))
        };
        let mut solid = Solid::default();
        for [a, b, c] in triples(primitive.mode(), &indices) {
            solid.triangles.push([corner(a)?, corner(b)?, corner(c)?]);
        }
        if builder.len() + solid.triangles.len() > MAX_TRIANGLES {
            return Err(self.bad(format!("it has more than {MAX_TRIANGLES} triangles")));
        }
        let material = self.material(&primitive.material(), buffers)?;
        let built = builder.part(material).solid(&solid, place);
        if !built.is_usable() {
            return Err(self.bad("a coordinate is not a number or beyond 100 km"));
        }
        Ok(built)
    }

    fn vertices(
        &self,
        primitive: &gltf::Primitive<'_>,
        buffers: &[Vec<u8>],
    ) -> Result<Vec<Vertex>, EngineError> {
        let reader = primitive.reader(|buffer| buffers.get(buffer.index()).map(Vec::as_slice));
        let positions = reader.read_positions();
        let positions = positions.ok_or_else(|| self.bad("a primitive has no positions"))?;
        let mut normals = reader.read_normals().into_iter().flatten();
        let set = primitive
            .material()
            .pbr_metallic_roughness()
            .base_color_texture()
            .map_or(0, |t| t.tex_coord());
        let mut uvs = reader
            .read_tex_coords(set)
            .map(|t| t.into_f32())
            .into_iter()
            .flatten();
        let vertex = |position: [f32; 3]| Vertex {
            position: position.into(),
            // Without normals, zero asks for flat ones.
            normal: normals.next().map_or(Vec3::ZERO, Vec3::from),
            uv: uvs.next().map_or(Vec2::ZERO, Vec2::from),
        };
        Ok(positions.map(vertex).collect())
    }

    fn material(
        &self,
        material: &gltf::Material<'_>,
        buffers: &[Vec<u8>],
    ) -> Result<Material, EngineError> {
        let surface = material.pbr_metallic_roughness();
        let [r, g, b, _] = surface.base_color_factor();
        let clamp = |c: Vec3| c.clamp(Vec3::ZERO, Vec3::ONE);
        let picture = surface.base_color_texture().map(|info| {
            let source = info.texture().source().source();
            self.picture(&source, buffers)
        });
        Ok(Material {
            metallic: surface.metallic_factor().clamp(0.0, 1.0),
            emissive: Vec3::from(material.emissive_factor()).max(Vec3::ZERO),
            texture: match picture.transpose()? {
                Some(picture) => Texture::Picture(Arc::new(picture)),
                None => Texture::None,
            },
            ..Material::plain(
                clamp(vec3(r, g, b)),
                surface.roughness_factor().clamp(0.0, 1.0),
            )
        })
    }

    fn picture(&self, source: &Source<'_>, buffers: &[Vec<u8>]) -> Result<Picture, EngineError> {
        let bytes = match source {
            Source::Uri { uri, .. } => Cow::Owned(self.fetch(uri)?),
            Source::View { view, .. } => {
                let end = view.offset().checked_add(view.length());
                let buffer = buffers.get(view.buffer().index());
                let slice = buffer
                    .zip(end)
                    .and_then(|(b, end)| b.get(view.offset()..end));
                Cow::Borrowed(slice.ok_or_else(|| self.bad("a picture reaches beyond its buffer"))?)
            }
        };
        let broken =
            |e: &dyn std::fmt::Display| self.bad(format!("a picture cannot be decoded: {e}"));
        let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| broken(&e))?;
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(MAX_PICTURE_SIZE);
        limits.max_image_height = Some(MAX_PICTURE_SIZE);
        reader.limits(limits);
        let image = reader.decode().map_err(|e| broken(&e))?;
        Ok(Picture::from_srgb(&image.to_rgb8()))
    }
}

/// The triangles that indices make up.
fn triples(mode: Mode, indices: &[u32]) -> Vec<[u32; 3]> {
    match mode {
        Mode::TriangleStrip => indices.windows(3).map(|w| [w[0], w[1], w[2]]).collect(),
        Mode::TriangleFan => {
            let first = indices.first().copied().unwrap_or_default();
            let rest = indices.get(1..).unwrap_or_default();
            rest.windows(2).map(|w| [first, w[0], w[1]]).collect()
        }
        _ => indices
            .chunks_exact(3)
            .map(|c| [c[0], c[1], c[2]])
            .collect(),
    }
}

impl MeshBuilder {
    /// About so many corners, spread evenly over the triangles, and those that
    /// lie outermost along each axis.
    fn sample_points(&self, count: usize) -> Vec<Vec3> {
        let all = || {
            self.triangles()
                .iter()
                .flat_map(|t| [t.corner, t.corner + t.edge1, t.corner + t.edge2])
        };
        let stride = (self.len() * 3 / count).max(1);
        let mut points: Vec<Vec3> = all().step_by(stride).map(Vec3::from).collect();
        for axis in [Vec3A::X, Vec3A::Y, Vec3A::Z] {
            let along = |a: &Vec3A, b: &Vec3A| a.dot(axis).total_cmp(&b.dot(axis));
            points.extend(all().min_by(along).map(Vec3::from));
            points.extend(all().max_by(along).map(Vec3::from));
        }
        points
    }
}
