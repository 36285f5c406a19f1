//! Puts triangles together into a mesh.

use glam::{Affine3A, Mat4, Vec2, Vec3, Vec3A};

use super::{Collider, Corners, Mesh, Triangle, closed::closed, normal_matrix};
use crate::material::Material;

/// Collects triangles; every `add` gives them the part that is current.
#[derive(Debug, Default)]
pub(crate) struct MeshBuilder {
    triangles: Vec<Triangle>,
    /// Where the triangles' corners are, to the bit.
    places: Vec<[Vec3; 3]>,
    corners: Vec<Corners>,
    /// The material of each triangle.
    parts: Vec<u32>,
    colliders: Vec<Collider>,
    materials: Vec<Material>,
}

/// A corner of a triangle before it is part of a mesh.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vertex {
    pub(crate) position: Vec3,
    pub(crate) normal: Vec3,
    pub(crate) uv: Vec2,
}

impl MeshBuilder {
    /// An empty mesh.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Starts a part with a material of its own.
    pub(crate) fn part(mut self, material: Material) -> Self {
        self.materials.push(material);
        self
    }

    /// Adds a solid, moved.
    pub(crate) fn solid(mut self, solid: &Solid, place: Affine3A) -> Self {
        let normals = normal_matrix(&Mat4::from(place));
        let moved = |v: &Vertex| Vertex {
            position: place.transform_point3(v.position),
            normal: (normals * v.normal).normalize_or_zero(),
            uv: v.uv,
        };
        for triangle in &solid.triangles {
            self.add(triangle.each_ref().map(moved));
        }
        self
    }

    /// What physics takes it for; without one, its bounding box.
    pub(crate) fn collider(mut self, collider: Collider) -> Self {
        self.colliders.push(collider);
        self
    }

    /// Adds one triangle; one without an area is left out, for it has no normal.
    pub(crate) fn add(&mut self, [a, b, c]: [Vertex; 3]) {
        let edge1 = Vec3A::from(b.position - a.position);
        let edge2 = Vec3A::from(c.position - a.position);
        let flat = edge1.cross(edge2).normalize_or_zero();
        if flat == Vec3A::ZERO && edge1.is_finite() && edge2.is_finite() {
            return;
        }
        let smooth = |n: Vec3| if n == Vec3::ZERO { flat.into() } else { n };
        self.places.push([a.position, b.position, c.position]);
        self.triangles.push(Triangle {
            corner: a.position.into(),
            edge1,
            edge2,
        });
        self.corners.push(Corners {
            normals: [smooth(a.normal), smooth(b.normal), smooth(c.normal)],
            uvs: [a.uv, b.uv, c.uv],
        });
        self.parts
            .push(self.materials.len().saturating_sub(1) as u32);
    }

    /// The triangles so far.
    pub(super) fn triangles(&self) -> &[Triangle] {
        &self.triangles
    }

    /// Whether all numbers of the triangles from one on are finite and of a size that
    /// squares well.
    pub(super) fn is_usable_from(&self, first: usize) -> bool {
        const MAX_M: f32 = 1e5;
        let usable = |v: Vec3A| v.abs().max_element() < MAX_M && v.is_finite();
        let corner = |c: &Corners| {
            c.normals.iter().all(|n| n.is_finite()) && c.uvs.iter().all(|uv| uv.is_finite())
        };
        let triangle = |t: &Triangle| usable(t.corner) && usable(t.edge1) && usable(t.edge2);
        self.triangles[first..].iter().all(triangle) && self.corners[first..].iter().all(corner)
    }

    /// How many triangles there are.
    pub(crate) fn len(&self) -> usize {
        self.triangles.len()
    }

    /// The mesh. No surface may cut through itself.
    pub(crate) fn build(self) -> Mesh {
        let closed = closed(&self.places);
        self.build_with(&closed)
    }

    /// The mesh, of which both sides may be seen from anywhere.
    pub(super) fn build_two_sided(self) -> Mesh {
        let closed = vec![false; self.len()];
        self.build_with(&closed)
    }

    fn build_with(mut self, closed: &[bool]) -> Mesh {
        if self.materials.is_empty() {
            self.materials.push(Material::default());
        }
        let Self {
            triangles,
            corners,
            parts,
            colliders,
            materials,
            ..
        } = self;
        Mesh::new(triangles, corners, &parts, closed, colliders, materials)
    }
}

/// A surface to be put into meshes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Solid {
    pub(crate) triangles: Vec<[Vertex; 3]>,
}

impl Solid {
    /// A grid of vertices, (columns + 1) x (rows + 1) of them, as quads.
    pub(crate) fn grid(
        columns: usize,
        rows: usize,
        vertex: impl Fn(usize, usize) -> Vertex,
    ) -> Self {
        let mut triangles = Vec::with_capacity(columns * rows * 2);
        for row in 0..rows {
            for column in 0..columns {
                let a = vertex(column, row);
                let b = vertex(column + 1, row);
                let c = vertex(column + 1, row + 1);
                let d = vertex(column, row + 1);
                triangles.push([a, b, c]);
                triangles.push([a, c, d]);
            }
        }
        Self { triangles }
    }

    /// The surface with its other side outside.
    pub(crate) fn turned(mut self) -> Self {
        self.triangles.iter_mut().for_each(|t| t.swap(1, 2));
        self
    }

    /// Both surfaces as one.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.triangles.extend(other.triangles);
        self
    }
}

/// A place without a turn; metres.
pub(super) fn at(x: f32, y: f32, z: f32) -> Affine3A {
    Affine3A::from_translation(Vec3::new(x, y, z))
}

/// A collider that is a box; metres.
pub(super) fn box_collider(center: Vec3, half_extent: Vec3) -> Collider {
    Collider::Block {
        center,
        half_extent,
    }
}
