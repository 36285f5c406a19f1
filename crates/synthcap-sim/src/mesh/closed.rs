//! Which triangles are of closed surfaces. What looks at such a surface from outside
//! meets its front first, so that its back need not be looked at.

use std::collections::HashMap;

use glam::{DVec3, Vec3};

/// For each triangle whether it is of a closed surface that encloses what its normals
/// point away from. Corners are the same only if they are so to the bit.
///
/// Surfaces that cut through themselves are not told from others.
pub(super) fn closed(triangles: &[[Vec3; 3]]) -> Vec<bool> {
    let mut numbers = HashMap::new();
    let mut number = |place: Vec3| {
        let next = numbers.len();
        // Minus zero is zero.
        let key = (place + Vec3::ZERO).to_array().map(f32::to_bits);
        *numbers.entry(key).or_insert(next)
    };
    let corners: Vec<[usize; 3]> = triangles.iter().map(|t| t.map(&mut number)).collect();
    let mut surfaces = Surfaces((0..numbers.len()).collect());
    for &[a, b, c] in &corners {
        surfaces.join(a, b);
        surfaces.join(b, c);
    }
    let mut is_open = vec![false; numbers.len()];
    for corner in at_open_edges(&corners) {
        is_open[surfaces.of(corner)] = true;
    }
    let mut volumes = vec![0.0; numbers.len()];
    for (places, &[corner, ..]) in triangles.iter().zip(&corners) {
        let [a, b, c] = places.map(DVec3::from);
        volumes[surfaces.of(corner)] += a.dot(b.cross(c));
    }
    let is_closed = |&[corner, ..]: &[usize; 3]| {
        let surface = surfaces.of(corner);
        !is_open[surface] && volumes[surface] > 0.0
    };
    corners.iter().map(is_closed).collect()
}

/// A corner of each edge that triangles do not pass as often in one direction as in the
/// other.
fn at_open_edges(corners: &[[usize; 3]]) -> impl Iterator<Item = usize> {
    let mut passed: HashMap<(usize, usize), i32> = HashMap::new();
    for &[a, b, c] in corners {
        for (from, to) in [(a, b), (b, c), (c, a)] {
            let edge = (from.min(to), from.max(to));
            *passed.entry(edge).or_default() += if from < to { 1 } else { -1 };
        }
    }
    let open = passed.into_iter().filter(|(_, passed)| *passed != 0);
    open.map(|((corner, _), _)| corner)
}

/// Corners that hang together: each with another of its surface, or itself.
struct Surfaces(Vec<usize>);

impl Surfaces {
    /// The corner that stands for a corner's surface.
    fn of(&mut self, corner: usize) -> usize {
        let mut at = corner;
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.0[a] = b;
    }
}

#[cfg(test)]
mod tests {
    use glam::{Vec3A, vec3};

    use super::*;
    use crate::{
        mesh::{Mesh, Packet, SHAPE_NAMES, shape},
        noise,
        tree::Ray,
    };

    const TETRAHEDRON: [Vec3; 4] = [Vec3::ZERO, Vec3::X, Vec3::Y, Vec3::Z];
    const SIDES: [[usize; 3]; 4] = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];

    #[test]
    fn only_whole_surfaces_that_face_outward_are_closed() {
        let side = |corners: [usize; 3]| corners.map(|i| TETRAHEDRON[i]);
        let whole = SIDES.map(side);
        assert_eq!(closed(&whole), [true; 4]);
        assert_eq!(closed(&whole[1..]), [false; 3]);
        let inward = whole.map(|[a, b, c]| [a, c, b]);
        assert_eq!(closed(&inward), [false; 4]);
        let elsewhere = vec3(5.0, 0.0, 0.0);
        let loose = [whole[0].map(|p| p + elsewhere)];
        let both = [&whole[..], &loose].concat();
        assert_eq!(closed(&both), [true, true, true, true, false]);
    }

    fn random(i: u32) -> f32 {
        noise::unit(noise::hash(i)) * 2.0 - 1.0
    }

    /// Looks at a mesh from all around; returns how often it was met in a surface that
    /// is closed, and how often in its front.
    fn met(mesh: &Mesh) -> (usize, usize) {
        let (min, max) = mesh.bounds();
        let (center, size) = ((min + max) / 2.0, (max - min).length());
        let (mut in_closed, mut in_front) = (0, 0);
        for i in 0..4000 {
            let at = |k: u32| random(i * 6 + k);
            let from = vec3(at(0), at(1), at(2)).normalize() * 2.0 * size;
            let toward = vec3(at(3), at(4), at(5)) * 0.3 * size - from;
            let ray = Ray::new((center + from).into(), toward.into(), 0.0, f32::INFINITY);
            let Some(hit) = mesh.closest(ray) else {
                continue;
            };
            let triangle = mesh.triangle(hit.triangle);
            let normal = triangle.edge1.cross(triangle.edge2).normalize();
            if mesh.is_closed(hit.triangle / Packet::SIZE as u32) {
                in_closed += 1;
                in_front += usize::from(normal.dot(Vec3A::from(toward)) < 0.0);
            }
        }
        (in_closed, in_front)
    }

    #[test]
    fn closed_surfaces_show_their_front_first() {
        let closed = ["cube", "sphere", "torus", "cone", "bush", "block", "orange"];
        for name in SHAPE_NAMES.iter() {
            let mesh = shape(name).expect("a shape");
            let (in_closed, in_front) = met(&mesh);
            // A ray along an edge may find the other side of it.
            assert!(
                in_closed - in_front <= 2,
                "{name}: {in_front} of {in_closed}"
            );
            if closed.contains(name) {
                assert!(in_closed > 500, "{name} is not closed");
            }
        }
    }
}
