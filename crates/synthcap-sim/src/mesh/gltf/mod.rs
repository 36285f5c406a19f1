//! Meshes from glTF files.

mod check;
mod file;

use std::{borrow::Cow, collections::HashMap, path::Path, rc::Rc, sync::Arc};

use glam::{Affine3A, Mat3A, Mat4, Vec2, Vec3, Vec3A, vec3};
use gltf::{Document, Gltf, Node, Primitive, Semantic, buffer, mesh::Mode};
use image::ImageDecoder as _;
use synthcap::server::EngineError;

use self::{
    check::Layout,
    file::{AssetFile, MAX_FILE_BYTES},
};
use super::{
    Collider, Mesh, MeshBuilder,
    builder::{Solid, Vertex},
};
use crate::{
    material::Material,
    texture::{Picture, Texture},
};

/// Meshes with more triangles than this are refused, parts counted as one at least.
const MAX_TRIANGLES: usize = 5_000_000;
/// Files with more vertices than this are refused.
const MAX_VERTICES: usize = 3 * MAX_TRIANGLES;
/// Pictures with more texels than this in one direction are refused.
const MAX_PICTURE_SIZE: u32 = 8192;
/// Files whose pictures have more texels than this in all are refused: two of the
/// largest.
const MAX_TEXELS: u64 = 1 << 27;
/// Nodes are nested at most so deep.
const MAX_DEPTH: usize = 64;
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
    let (mut file, bytes) = AssetFile::open(assets, asset)?;
    let Gltf { document, blob } = check::parse(&bytes).map_err(|why| file.bad(why))?;
    drop(bytes);
    let buffers = buffers(&mut file, &document, blob)?;
    check::check_ranges(&document, &buffers).map_err(|why| file.bad(why))?;
    let mut loader = Loader {
        file,
        document: &document,
        buffers: &buffers,
        triangles: 0,
        vertices: HashMap::new(),
        vertices_read: 0,
        pictures: HashMap::new(),
        texels: 0,
    };
    let builder = loader.scene()?;
    let points = builder.sample_points(HULL_POINTS);
    Ok(builder.collider(Collider::Hull(points)).build_two_sided())
}

fn buffers(
    file: &mut AssetFile<'_>,
    document: &Document,
    mut blob: Option<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, EngineError> {
    let load = |buffer: gltf::Buffer<'_>| {
        let bytes = match buffer.source() {
            buffer::Source::Bin => blob
                .take()
                .ok_or_else(|| file.bad("its binary chunk is missing"))?,
            buffer::Source::Uri(uri) => file.fetch(uri)?,
        };
        if bytes.len() < buffer.length() {
            return Err(file.bad("a buffer is shorter than it says"));
        }
        Ok(bytes)
    };
    document.buffers().map(load).collect()
}

/// A document being read. What its nodes share is read once, and what a file can ask
/// for is bounded before it is done.
struct Loader<'a> {
    file: AssetFile<'a>,
    document: &'a Document,
    buffers: &'a [Vec<u8>],
    /// Triangles asked for so far, those without an area too.
    triangles: usize,
    /// By the accessors of positions, normals and texture coordinates.
    vertices: HashMap<[Option<usize>; 3], Rc<[Vertex]>>,
    vertices_read: usize,
    /// By the index of the image.
    pictures: HashMap<usize, Arc<Picture>>,
    texels: u64,
}

impl<'a> Loader<'a> {
    /// All that the document's scene shows.
    fn scene(&mut self) -> Result<MeshBuilder, EngineError> {
        let document = self.document;
        let scene = document
            .default_scene()
            .or_else(|| document.scenes().next());
        let scene = scene.ok_or_else(|| self.file.bad("it has no scene"))?;
        let mut builder = MeshBuilder::new();
        let mut reached = vec![false; document.nodes().len()];
        let mut nodes: Vec<_> = scene.nodes().map(|node| (node, AXES, 0)).collect();
        // In the file's order, depth first.
        nodes.reverse();
        while let Some((node, parent, depth)) = nodes.pop() {
            // Shared children would make a small file ask for any number of them.
            if std::mem::replace(&mut reached[node.index()], true) {
                let why = format!(
                    "its nodes are no tree: node {} is in it twice",
                    node.index()
                );
                return Err(self.file.bad(why));
            }
            if depth > MAX_DEPTH {
                return Err(self.file.bad("its nodes are nested too deep"));
            }
            let place = parent * local_place(&node);
            for primitive in node.mesh().iter().flat_map(gltf::Mesh::primitives) {
                builder = self.add(builder, &primitive, place)?;
            }
            let children: Vec<_> = node.children().map(|c| (c, place, depth + 1)).collect();
            nodes.extend(children.into_iter().rev());
        }
        if builder.len() == 0 {
            return Err(self.file.bad("it has no triangles"));
        }
        Ok(builder)
    }

    fn add(
        &mut self,
        builder: MeshBuilder,
        primitive: &Primitive<'_>,
        place: Affine3A,
    ) -> Result<MeshBuilder, EngineError> {
        let positions = primitive.get(&Semantic::Positions);
        let positions = positions.ok_or_else(|| self.file.bad("a primitive has no positions"))?;
        let corners = primitive.indices().unwrap_or(positions).count();
        let triangles = count_triangles(primitive.mode(), corners);
        // Parts without triangles are not free either.
        self.triangles = self.triangles.saturating_add(triangles.max(1));
        if self.triangles > MAX_TRIANGLES {
            let why = format!("it has more than {MAX_TRIANGLES} triangles");
            return Err(self.file.bad(why));
        }
        if triangles == 0 {
            return Ok(builder);
        }
        let vertices = self.vertices(primitive)?;
        let indices = self.indices(primitive, vertices.len())?;
        let corner = |i: u32| {
            let vertex = vertices.get(i as usize).copied();
            vertex.ok_or_else(|| self.file.bad(format!("it has no vertex {i}")))
        };
        let mut solid = Solid::default();
        for [a, b, c] in triples(primitive.mode(), &indices) {
            solid.triangles.push([corner(a)?, corner(b)?, corner(c)?]);
        }
        let material = self.material(&primitive.material())?;
        let before = builder.len();
        let built = builder.part(material).solid(&solid, place);
        if !built.is_usable_from(before) {
            let why = "a coordinate is not a number or beyond 100 km";
            return Err(self.file.bad(why));
        }
        Ok(built)
    }

    fn indices(&self, primitive: &Primitive<'_>, vertices: usize) -> Result<Vec<u32>, EngineError> {
        if let Some(accessor) = primitive.indices() {
            self.check(Layout::INDICES, &accessor)?;
        }
        let reader = primitive.reader(|buffer| self.buffers.get(buffer.index()).map(Vec::as_slice));
        Ok(match reader.read_indices() {
            Some(indices) => indices.into_u32().collect(),
            None => (0..vertices as u32).collect(),
        })
    }

    fn check(&self, layout: Layout, accessor: &gltf::Accessor<'_>) -> Result<(), EngineError> {
        layout.check(accessor).map_err(|why| self.file.bad(why))
    }

    fn vertices(&mut self, primitive: &Primitive<'_>) -> Result<Rc<[Vertex]>, EngineError> {
        let set = primitive
            .material()
            .pbr_metallic_roughness()
            .base_color_texture()
            .map_or(0, |t| t.tex_coord());
        let sources = [
            (Semantic::Positions, Layout::POSITIONS),
            (Semantic::Normals, Layout::NORMALS),
            (Semantic::TexCoords(set), Layout::TEXTURE_COORDINATES),
        ];
        let accessors = sources.map(|(semantic, layout)| (primitive.get(&semantic), layout));
        let key = accessors
            .each_ref()
            .map(|(a, _)| a.as_ref().map(gltf::Accessor::index));
        if let Some(known) = self.vertices.get(&key) {
            return Ok(Rc::clone(known));
        }
        for (accessor, layout) in &accessors {
            if let Some(accessor) = accessor {
                self.check(*layout, accessor)?;
            }
        }
        let count = accessors[0].0.as_ref().map_or(0, gltf::Accessor::count);
        self.vertices_read = self.vertices_read.saturating_add(count);
        if self.vertices_read > MAX_VERTICES {
            let why = format!("it has more than {MAX_VERTICES} vertices");
            return Err(self.file.bad(why));
        }
        let vertices = self.read_vertices(primitive, set);
        self.vertices.insert(key, Rc::clone(&vertices));
        Ok(vertices)
    }

    /// The vertices of a primitive whose accessors are checked.
    fn read_vertices(&self, primitive: &Primitive<'_>, set: u32) -> Rc<[Vertex]> {
        let reader = primitive.reader(|buffer| self.buffers.get(buffer.index()).map(Vec::as_slice));
        let mut normals = reader.read_normals().into_iter().flatten();
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
        let positions = reader.read_positions().into_iter().flatten();
        positions.map(vertex).collect()
    }

    fn material(&mut self, material: &gltf::Material<'_>) -> Result<Material, EngineError> {
        let surface = material.pbr_metallic_roughness();
        let [r, g, b, _] = surface.base_color_factor();
        let clamp = |c: Vec3| c.clamp(Vec3::ZERO, Vec3::ONE);
        let texture = match surface.base_color_texture() {
            Some(info) => Texture::Picture(self.picture(info.texture().source().index())?),
            None => Texture::None,
        };
        Ok(Material {
            metallic: surface.metallic_factor().clamp(0.0, 1.0),
            emissive: Vec3::from(material.emissive_factor()).max(Vec3::ZERO),
            texture,
            ..Material::plain(
                clamp(vec3(r, g, b)),
                surface.roughness_factor().clamp(0.0, 1.0),
            )
        })
    }

    fn picture(&mut self, index: usize) -> Result<Arc<Picture>, EngineError> {
        if let Some(known) = self.pictures.get(&index) {
            return Ok(Arc::clone(known));
        }
        let bytes = self.picture_bytes(index)?;
        let picture = Arc::new(self.decode(&bytes)?);
        self.pictures.insert(index, Arc::clone(&picture));
        Ok(picture)
    }

    /// What an image's file holds.
    fn picture_bytes(&mut self, index: usize) -> Result<Cow<'a, [u8]>, EngineError> {
        // The crate's own way to it takes a kind of file for granted that need not be
        // stated.
        let image = self.document.as_json().images.get(index);
        let view = image.and_then(|image| image.buffer_view);
        if let Some(view) = view.and_then(|view| self.document.views().nth(view.value())) {
            let buffer = self.buffers.get(view.buffer().index());
            let end = view.offset().checked_add(view.length());
            let bytes = buffer
                .zip(end)
                .and_then(|(buffer, end)| buffer.get(view.offset()..end));
            let beyond = || self.file.bad("a picture reaches beyond its buffer");
            return bytes.map(Cow::Borrowed).ok_or_else(beyond);
        }
        match image.and_then(|image| image.uri.as_deref()) {
            Some(uri) => self.file.fetch(uri).map(Cow::Owned),
            None => Err(self.file.bad("a picture says not where it is")),
        }
    }

    fn decode(&mut self, bytes: &[u8]) -> Result<Picture, EngineError> {
        let file = &self.file;
        let broken = |e: image::ImageError| file.bad(format!("a picture cannot be decoded: {e}"));
        let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| broken(e.into()))?;
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(MAX_PICTURE_SIZE);
        limits.max_image_height = Some(MAX_PICTURE_SIZE);
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(broken)?;
        let (width, height) = decoder.dimensions();
        self.texels += u64::from(width) * u64::from(height);
        if self.texels > MAX_TEXELS || decoder.total_bytes() > MAX_FILE_BYTES {
            return Err(file.bad("its pictures are too large"));
        }
        let image = image::DynamicImage::from_decoder(decoder).map_err(broken)?;
        Ok(Picture::from_srgb(&image.to_rgb8()))
    }
}

/// Where a node lies in the one that holds it.
fn local_place(node: &Node<'_>) -> Affine3A {
    Affine3A::from_mat4(Mat4::from_cols_array_2d(&node.transform().matrix()))
}

/// How many triangles so many indices make up.
fn count_triangles(mode: Mode, indices: usize) -> usize {
    match mode {
        Mode::Triangles => indices / 3,
        Mode::TriangleStrip | Mode::TriangleFan => indices.saturating_sub(2),
        Mode::Points | Mode::Lines | Mode::LineLoop | Mode::LineStrip => 0,
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
