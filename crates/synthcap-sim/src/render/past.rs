//! Where surfaces of the present were at the previous tick, as the camera of that
//! time sees them.
//!
//! The points of a triangle need no way back of their own: place times depth, depth,
//! and 1, once they are divided by the depth at which the present camera sees a point,
//! change evenly from pixel to pixel of the present image.

use glam::{DAffine3, Mat3, Mat3A, Vec2, Vec3A, Vec4};

use crate::{
    camera::{Eye, NEAR_M, pixel_center},
    even::Even,
    trace::{Ground, Hit, Instance, Tracer},
};

/// A point counts as visible when nothing stands before it up to this share of
/// its distance. Together with [`LIFT`] it keeps a surface from hiding itself by
/// rounding, which grows with distance.
const REACH: f32 = 1.0 - 1e-4;
/// How far a point is lifted off its surface, as a share of its depth.
const LIFT: f32 = 1e-4;
/// So many triangles are remembered: neighbours mostly show the same few.
const KNOWN: usize = 32;

/// Where an instance of the present was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// Place among the instances of the previous tick.
    index: u32,
    /// Whether it has not moved.
    still: bool,
    /// Turns ways of the present into ways of then.
    turn: Mat3A,
    /// From the eye of then to where the present one would have been, had it been
    /// fixed to the instance.
    shift: Vec3A,
}

impl Link {
    pub(super) fn new(now: &Instance, then: &Tracer, [eye, eye_then]: [&Eye; 2]) -> Option<Self> {
        let index = then.index_of(now.id)?;
        let then = &then.instances()[index];
        let still = now.to_world == then.to_world;
        // Its small difference is worth the digits.
        let back = if still {
            DAffine3::IDENTITY
        } else {
            then.to_world.as_daffine3() * now.to_world.as_daffine3().inverse()
        };
        let center = back.transform_point3(eye.center.as_dvec3());
        let columns = back.matrix3.to_cols_array().map(|x| x as f32);
        Some(Self {
            index: index as u32,
            still,
            turn: Mat3::from_cols_array(&columns).into(),
            shift: (center - eye_then.center.as_dvec3()).as_vec3a(),
        })
    }
}

/// The scene and the camera at the previous tick.
#[derive(Debug)]
pub(crate) struct Before<'a> {
    pub(super) tracer: &'a Tracer,
    pub(super) eye: Eye,
    /// For each instance now, where it was: `None` if it was not there.
    links: Vec<Option<Link>>,
    /// When the camera stood still: what can hide a point that it now sees and
    /// that has not moved, which is only what has moved since.
    pub(super) movers: Option<Tracer>,
}

impl<'a> Before<'a> {
    /// `now_eye` is the present camera.
    pub(crate) fn new(now: &Tracer, now_eye: &Eye, tracer: &'a Tracer, eye: Eye) -> Self {
        let link = |instance: &Instance| Link::new(instance, tracer, [now_eye, &eye]);
        let links = now.instances().iter().map(link).collect();
        let stood = *now_eye == eye;
        Self {
            tracer,
            eye,
            links,
            movers: stood.then(|| Tracer::new(movers(now, tracer))),
        }
    }
}

/// What stood elsewhere at the previous tick, or is gone.
fn movers(now: &Tracer, before: &Tracer) -> Vec<Instance> {
    let moved = |old: &&Instance| {
        let index = now.index_of(old.id);
        index.is_none_or(|i| now.instances()[i].to_world != old.to_world)
    };
    before.instances().iter().filter(moved).cloned().collect()
}

/// Where the points of a triangle were. Columns and rows count from one pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    /// Column and row, both times depth, depth, and 1; all divided by the present
    /// depth.
    numbers: Even,
    /// What lifting a point adds to its column and row before `nearer` is applied.
    lift: Vec2,
    nearer: f32,
    pub(super) ground: Ground,
    /// Whether neither the surface nor the camera moved.
    pub(super) still: bool,
}

impl Past {
    /// Where the point was that is now seen so many columns and rows from the pixel;
    /// and its place lifted off the surface, with the nearness of what does not hide
    /// it. `None` if it lay behind the camera or too near.
    #[inline(always)]
    pub(super) fn at(&self, column: f32, row: f32) -> Option<(Vec2, Vec3A)> {
        let numbers = self.numbers.at(column, row);
        if numbers.z < NEAR_M * numbers.w || numbers.is_nan() {
            return None;
        }
        let inverse = 1.0 / numbers.z;
        let position = Vec2::new(numbers.x, numbers.y) * inverse;
        let lifted = (position + self.lift) * self.nearer;
        let nearness = numbers.w * inverse * self.nearer / REACH;
        Some((position, Vec3A::new(lifted.x, lifted.y, nearness)))
    }
}

/// An instance's way back, for all of its triangles.
#[derive(Clone, Copy, Debug)]
struct Passage {
    link: Link,
    /// The present eye, and its direction to the pixel and how that changes per column
    /// and row, in the instance's own space.
    center: Vec3A,
    directions: [Vec3A; 3],
    /// What the eye of then makes of the shift and of these directions: column and row,
    /// both times depth, and depth.
    shift: Vec4,
    ways: [Vec4; 3],
}

/// The past of what an area of the present image shows.
pub(super) struct Pasts<'a> {
    now: &'a Tracer,
    eye: &'a Eye,
    before: &'a Before<'a>,
    /// The pixel that columns and rows count from.
    from: Vec2,
    /// The last one, and the instance it is of.
    passage: (u32, Option<Passage>),
    /// Instances, triangles and their past.
    known: [(u32, u32, Option<Past>); KNOWN],
}

const UNKNOWN: (u32, u32, Option<Past>) = (u32::MAX, u32::MAX, None);

impl<'a> Pasts<'a> {
    pub(super) fn new(now: &'a Tracer, eye: &'a Eye, before: &'a Before<'a>) -> Self {
        Self {
            now,
            eye,
            before,
            from: Vec2::ZERO,
            passage: (u32::MAX, None),
            known: [UNKNOWN; KNOWN],
        }
    }

    /// Counts from another pixel.
    pub(super) fn count_from(&mut self, x: u32, y: u32) {
        self.from = pixel_center(x, y);
        self.passage.0 = u32::MAX;
        self.known = [UNKNOWN; KNOWN];
    }

    /// The past of a hit's triangle; `None` where there is none that could be seen.
    #[inline(always)]
    pub(super) fn past(&mut self, hit: &Hit) -> Option<&Past> {
        let slot = hit.triangle as usize % KNOWN;
        let known = &self.known[slot];
        if (known.0, known.1) != (hit.instance, hit.triangle) {
            self.known[slot] = (hit.instance, hit.triangle, self.find(hit));
        }
        self.known[slot].2.as_ref()
    }

    fn find(&mut self, hit: &Hit) -> Option<Past> {
        if self.passage.0 != hit.instance {
            self.passage = (hit.instance, self.passage(hit.instance));
        }
        let Passage {
            link,
            center,
            directions,
            shift,
            ways,
        } = self.passage.1?;
        let now = self.now.instance(hit);
        let then = &self.before.tracer.instances()[link.index as usize];
        let triangle = now.mesh.triangle(hit.triangle);
        let normal = triangle.edge1.cross(triangle.edge2);
        let ahead = normal.dot(triangle.corner - center);
        let side = if ahead > 0.0 { -1.0 } else { 1.0 };
        let normal_then = side * then.world_normal(normal);
        let corner_then = then.to_world.transform_point3a(triangle.corner);
        if (corner_then - self.before.eye.center).dot(normal_then) >= 0.0 {
            return None;
        }
        // One by the depth.
        let nearness = directions.map(|d| normal.dot(d) / ahead);
        let numbers = |i: usize| shift * nearness[i] + ways[i];
        let lift = rows_of(&self.before.eye, self.from, normal_then) * LIFT;
        let still = link.still && self.before.movers.is_some();
        Some(Past {
            numbers: Even {
                start: numbers(0),
                per_column: numbers(1),
                per_row: numbers(2),
            },
            lift: Vec2::new(lift.x, lift.y),
            nearer: 1.0 / (1.0 + lift.z),
            ground: Ground {
                instance: link.index,
                // Among the movers things are numbered otherwise, and a still point is of
                // none of them.
                open: !still && then.is_open(hit, side),
            },
            still,
        })
    }

    fn passage(&self, instance: u32) -> Option<Passage> {
        let now = &self.now.instances()[instance as usize];
        let link = self.before.links[instance as usize]?;
        let directions = self.eye.directions(self.from);
        let seen = |way: Vec3A| rows_of(&self.before.eye, self.from, way);
        Some(Passage {
            link,
            center: now.local_place(self.eye.center),
            directions: directions.map(|d| now.local_way(d)),
            shift: seen(link.shift).extend(1.0),
            ways: directions.map(|d| seen(link.turn * d).extend(0.0)),
        })
    }
}

/// Column and row of a way from an eye, counted from an image position, both times
/// depth, and its depth.
fn rows_of(eye: &Eye, from: Vec2, way: Vec3A) -> Vec3A {
    eye.rows(from).map(|row| row.dot(way)).into()
}
