//! What a bundle of neighbouring rays can meet, found once for all of them.
//!
//! Most of a ray's time goes into finding the few triangles that lie near it.
//! Rays through a block of pixels, or from a block's points to the sun, share
//! that search: it is done with the region that holds them all, and leaves each
//! ray with a short list to look through.

use glam::{Vec2, Vec3A};

use crate::{
    camera::Eye,
    trace::{Hit, Instance, Tracer},
    tree::{Ray, meets_box},
};

/// With more leaves of a mesh than this, each ray searches that mesh itself.
const MAX_LEAVES: usize = 6;
/// With more instances than this, each ray searches all by itself.
const MAX_ITEMS: usize = 40;

/// A convex region: where `normal . p + offset >= 0` for each plane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) planes: [(Vec3A, f32); 5],
}

impl Region {
    /// What an eye sees between two image positions up to a depth in metres.
    pub(crate) fn frustum(eye: &Eye, low: Vec2, high: Vec2, depth: f32) -> Self {
        let [left, right, top, bottom] = eye.side_planes(low, high);
        let through_eye = |normal: Vec3A| {
            let normal = normal.normalize();
            (normal, -normal.dot(eye.center))
        };
        let end = eye.forward.dot(eye.center) + depth;
        Self {
            planes: [
                through_eye(left),
                through_eye(right),
                through_eye(top),
                through_eye(bottom),
                (-eye.forward, end.min(f32::MAX)),
            ],
        }
    }

    /// Everything ahead of points in a unit direction. The points lie between
    /// `low` and `high` in `axes`, whose third is that direction.
    pub(crate) fn ahead(axes: [Vec3A; 3], low: Vec3A, high: Vec3A) -> Self {
        let [a, b, ahead] = axes;
        Self {
            planes: [
                (a, -low.x),
                (-a, high.x),
                (b, -low.y),
                (-b, high.y),
                (ahead, -low.z),
            ],
        }
    }

    /// Grown by a distance in metres, which makes up for rounding.
    fn grown(self, by: f32) -> Self {
        let planes = self.planes.map(|(normal, offset)| (normal, offset + by));
        Self { planes }
    }

    /// The region in an instance's own space.
    fn local(&self, instance: &Instance) -> Self {
        let matrix = instance.to_world.matrix3.transpose();
        let translation = instance.to_world.translation;
        let local =
            |(normal, offset): (Vec3A, f32)| (matrix * normal, offset + normal.dot(translation));
        Self {
            planes: self.planes.map(local),
        }
    }
}

/// The instances, and in them the leaves, that rays in a region can meet.
#[derive(Debug, Default)]
pub(crate) struct Beam {
    /// Nearest first.
    items: Vec<Item>,
    leaves: Vec<u32>,
    /// Too many for a list.
    many: bool,
    /// All that is in the region lies in one plane.
    flat: bool,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    instance: u32,
    /// A ray's parameter before which it does not meet the instance.
    nearest: f32,
    /// A range of the beam's leaves; `None`: the whole mesh.
    leaves: Option<(u32, u32)>,
}

impl Beam {
    /// For rays within a region.
    pub(crate) fn new(tracer: &Tracer, region: Region) -> Self {
        Self::list(tracer, region, |_, _| 0.0)
    }

    /// For the rays of an eye between two image positions; `depths` are those
    /// before which each instance does not begin, metres.
    pub(crate) fn of_eye(
        tracer: &Tracer,
        eye: &Eye,
        (low, high): (Vec2, Vec2),
        depths: &[f32],
    ) -> Self {
        let region = Region::frustum(eye, low, high, f32::INFINITY);
        let corners = [
            low,
            Vec2::new(high.x, low.y),
            high,
            Vec2::new(low.x, high.y),
        ];
        let corners = corners.map(|at| eye.ray(at));
        Self::list(tracer, region, |index, leaves| match leaves {
            Some(leaves) => {
                let instance = &tracer.instances()[index as usize];
                let local = corners.each_ref().map(|ray| instance.local(ray));
                // A little less, for rounding.
                0.9999 * instance.mesh.nearest_of(&local, leaves)
            }
            None => depths[index as usize],
        })
    }

    /// `nearest` gives for an instance, or for some of its leaves, a parameter
    /// before which no ray of the region meets it.
    fn list(tracer: &Tracer, region: Region, nearest: impl Fn(u32, Option<&[u32]>) -> f32) -> Self {
        let mut beam = Self::default();
        let region = region.grown(2e-4 + 4e-6 * tracer.reach());
        tracer.visit_region(&region, |index| {
            let start = beam.leaves.len();
            let instance = &tracer.instances()[index as usize];
            let local = region.local(instance);
            let few = instance
                .mesh
                .leaves_in(&local, MAX_LEAVES, &mut beam.leaves);
            if !few {
                beam.leaves.truncate(start);
            }
            let found = few.then_some(&beam.leaves[start..]);
            if found.is_none_or(|leaves| !leaves.is_empty()) {
                beam.items.push(Item {
                    instance: index,
                    nearest: nearest(index, found),
                    leaves: few.then_some((start as u32, beam.leaves.len() as u32)),
                });
            }
            beam.many = beam.items.len() > MAX_ITEMS;
            beam.many
        });
        beam.items.sort_by(|a, b| a.nearest.total_cmp(&b.nearest));
        beam.flat = !beam.many && beam.is_flat(tracer, &region);
        beam
    }

    fn is_flat(&self, tracer: &Tracer, region: &Region) -> bool {
        match self.items[..] {
            [] => true,
            [
                Item {
                    instance,
                    leaves: Some(range),
                    ..
                },
            ] => {
                let instance = &tracer.instances()[instance as usize];
                instance
                    .mesh
                    .is_flat_in(&region.local(instance), self.leaves(range))
            }
            _ => false,
        }
    }

    /// Whether nothing in the region can stand before a point of a surface in
    /// it: what lies in one plane does not hide itself.
    #[inline]
    pub(crate) fn is_clear(&self) -> bool {
        self.flat
    }

    fn leaves(&self, (from, to): (u32, u32)) -> &[u32] {
        &self.leaves[from as usize..to as usize]
    }

    /// The nearest hit of a ray of the region.
    #[inline]
    pub(crate) fn closest(&self, tracer: &Tracer, mut ray: Ray) -> Hit {
        if self.many {
            return tracer.closest(ray);
        }
        let mut best = Hit::MISS;
        for item in &self.items {
            if item.nearest >= ray.tmax {
                break;
            }
            let instance = &tracer.instances()[item.instance as usize];
            let hit = match item.leaves {
                Some(range) => {
                    let leaves = self.leaves(range);
                    instance.mesh.closest_in(instance.local(&ray), leaves)
                }
                None if meets_box(&ray, tracer.bounds(item.instance)) => {
                    instance.mesh.closest(instance.local(&ray))
                }
                None => None,
            };
            if let Some(hit) = hit {
                ray.tmax = hit.t;
                best = hit.of(item.instance);
            }
        }
        best
    }

    /// Whether anything lies on a ray of the region. `last` is the place in the
    /// list to begin with, and becomes that of what was found: neighbouring rays
    /// mostly agree.
    #[inline]
    pub(crate) fn blocked(&self, tracer: &Tracer, ray: Ray, last: &mut usize) -> bool {
        if self.many {
            return tracer.blocked(ray, &mut None);
        }
        if let Some(item) = self.items.get(*last)
            && self.blocks(item, tracer, &ray)
        {
            return true;
        }
        let mut others = (0..self.items.len()).filter(|i| i != last);
        let found = others.find(|&i| self.blocks(&self.items[i], tracer, &ray));
        *last = found.unwrap_or(*last);
        found.is_some()
    }

    #[inline(always)]
    fn blocks(&self, item: &Item, tracer: &Tracer, ray: &Ray) -> bool {
        let instance = &tracer.instances()[item.instance as usize];
        match item.leaves {
            Some(range) => instance
                .mesh
                .blocks_in(&instance.local(ray), self.leaves(range)),
            None => meets_box(ray, tracer.bounds(item.instance)) && instance.blocks(ray),
        }
    }
}
