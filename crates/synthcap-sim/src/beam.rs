//! What a bundle of neighbouring rays can meet, found once for all of them.
//!
//! Most of a ray's time goes into finding the few triangles that lie near it.
//! Rays from a block's points to the sun, or to where the camera was, share that
//! search: it is done with the region that holds them all, and leaves each ray
//! with a short list to look through, or with nothing that could stand before it.

use glam::{Vec2, Vec3A, Vec4};

use crate::{
    camera::Eye,
    trace::{Instance, Tracer},
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
    pub(crate) fn grown(self, by: f32) -> Self {
        let planes = self.planes.map(|(normal, offset)| (normal, offset + by));
        Self { planes }
    }

    /// The region in an instance's own space.
    pub(crate) fn local(&self, instance: &Instance) -> Self {
        let translation = instance.to_world.translation;
        let local = |(normal, offset): (Vec3A, f32)| {
            (
                instance.local_plane(normal),
                offset + normal.dot(translation),
            )
        };
        Self {
            planes: self.planes.map(local),
        }
    }
}

/// The instances, and in them the leaves, that rays in a region can meet.
#[derive(Debug, Default)]
pub(crate) struct Beam {
    items: Vec<Item>,
    leaves: Vec<u32>,
    /// Too many for a list.
    many: bool,
    /// Nothing in the region hides anything else in it.
    clear: bool,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    instance: u32,
    /// A range of the beam's leaves; `None`: the whole mesh.
    leaves: Option<(u32, u32)>,
}

impl Beam {
    /// For rays within a region, none of which meets the instance `own`. All go
    /// to `toward`, a place if its last component is 1, or in that direction if it
    /// is 0.
    pub(crate) fn new(tracer: &Tracer, region: Region, own: Option<u32>, toward: Vec4) -> Self {
        let mut beam = Self::default();
        let region = region.grown(tracer.margin());
        tracer.visit_region(&region, |index| {
            if own != Some(index) {
                beam.add(tracer, index, &region);
            }
            beam.many = beam.items.len() > MAX_ITEMS;
            beam.many
        });
        // With `own` left out, whatever is there may stand before that.
        let alone = own.is_none() && !beam.many;
        beam.clear = beam.is_empty() || alone && beam.hides_itself_nowhere(tracer, &region, toward);
        beam
    }

    /// Adds what an instance has in a region.
    fn add(&mut self, tracer: &Tracer, index: u32, region: &Region) {
        let start = self.leaves.len();
        let instance = &tracer.instances()[index as usize];
        let local = region.local(instance);
        let few = instance
            .mesh
            .leaves_in(&local, MAX_LEAVES, &mut self.leaves);
        if !few {
            self.leaves.truncate(start);
        }
        if !few || self.leaves.len() > start {
            self.items.push(Item {
                instance: index,
                leaves: few.then_some((start as u32, self.leaves.len() as u32)),
            });
        }
    }

    /// Whether all that is there is of one instance, no part of which stands
    /// before another.
    fn hides_itself_nowhere(&self, tracer: &Tracer, region: &Region, toward: Vec4) -> bool {
        match self.items[..] {
            [
                Item {
                    instance,
                    leaves: Some(range),
                },
            ] => {
                let instance = &tracer.instances()[instance as usize];
                let local = if toward.w == 0.0 {
                    instance.local_way(Vec3A::from_vec4(toward)).extend(0.0)
                } else {
                    instance.local_place(Vec3A::from_vec4(toward)).extend(1.0)
                };
                let leaves = self.leaves(range);
                let region = region.local(instance);
                instance.mesh.is_clear_in(&region, leaves, local)
            }
            _ => false,
        }
    }

    /// Whether nothing is in the region.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether nothing in the region stands before a point of a surface in it:
    /// what lies in one plane, or bends away from where rays go, does not hide
    /// itself.
    #[inline]
    pub(crate) fn is_clear(&self) -> bool {
        self.clear
    }

    fn leaves(&self, (from, to): (u32, u32)) -> &[u32] {
        &self.leaves[from as usize..to as usize]
    }

    /// Whether anything lies on a ray of the region but `own`, which is known not
    /// to. `last` is the place in the list to begin with, and becomes that of what
    /// was found: neighbouring rays mostly agree.
    #[inline]
    pub(crate) fn blocked(
        &self,
        tracer: &Tracer,
        ray: Ray,
        own: Option<u32>,
        last: &mut usize,
    ) -> bool {
        if self.many {
            return tracer.blocked(ray, own, &mut None);
        }
        if let Some(item) = self.items.get(*last)
            && own != Some(item.instance)
            && self.blocks(item, tracer, &ray)
        {
            return true;
        }
        let other = |&i: &usize| i != *last && own != Some(self.items[i].instance);
        let mut others = (0..self.items.len()).filter(other);
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
