//! Rays that get their colours together, so that they share the search for what
//! stands before the sun.

use glam::{Vec2, Vec3A};

use super::{
    Block,
    color::{Picture, tone},
    face::Faces,
    patch::{Patch, corners, is_alike},
    shade::{Likely, Surface},
    sight::{Question, Sight, View},
};
use crate::{
    camera::pixel_center,
    trace::{Hit, Tracer},
    tree::Ray,
};

/// Blocks that are as small as this in each direction are not divided further.
const SMALL: u32 = 4;
/// Blocks of sky whose corners differ by no more than this share of white, as the eye
/// sees it, have no edge in them that shows.
const EVEN_SKY: f32 = 0.03;

/// Where the sun is.
#[derive(Debug)]
pub(super) struct Sun {
    /// The third points to it.
    axes: [Vec3A; 3],
}

impl Sun {
    /// In a unit direction.
    pub(super) fn new(toward: Vec3A) -> Self {
        let (a, b) = toward.any_orthonormal_pair();
        Self {
            axes: [a, b, toward],
        }
    }

    /// The place of a point in the sun's own picture.
    pub(super) fn place(&self, point: Vec3A) -> Vec3A {
        let [a, b, toward] = self.axes;
        Vec3A::new(point.dot(a), point.dot(b), point.dot(toward))
    }

    fn look(&self, sight: &mut Sight, tracer: &Tracer) {
        sight.look(tracer, View::Along(&self.axes));
    }
}

/// A ray that gets a colour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) pixel: (u32, u32),
    /// Image position.
    pub(super) at: Vec2,
    pub(super) hit: Hit,
}

/// A sample on a surface.
struct Point {
    sample: Sample,
    slot: usize,
    ray: Ray,
    surface: Surface,
    /// Whether the sun shines on it; `None` if it cannot.
    sun: Option<Question>,
}

/// Rays that get their colours together.
pub(super) struct Batch<'b> {
    picture: &'b Picture<'b>,
    sight: Sight,
    likely: Likely,
    faces: Faces<'b>,
    patches: Vec<Patch>,
    points: Vec<Point>,
    colors: Vec<Vec3A>,
}

impl<'b> Batch<'b> {
    pub(super) fn new(picture: &'b Picture<'b>) -> Self {
        Self {
            picture,
            sight: Sight::default(),
            likely: Likely::default(),
            faces: Faces::new(picture.shader),
            patches: Vec::new(),
            points: Vec::new(),
            colors: Vec::new(),
        }
    }

    /// Display light (linear, 0 to 1) at the centres of the pixels of an area, row
    /// by row.
    pub(super) fn area(&mut self, area: &Block, step: u32) -> Vec<Vec3A> {
        self.sight.clear();
        self.likely = Likely::default();
        self.patches.clear();
        self.points.clear();
        self.colors = vec![Vec3A::ZERO; area.len()];
        for block in area.split(step) {
            self.part();
            self.add_block(&block, step, area);
        }
        self.look();
        self.shade_points();
        for patch in &self.patches {
            let memory = (&self.sight, &mut self.faces);
            patch.show(self.picture, memory, |(x, y), color| {
                self.colors[area.index(x, y)] = color;
            });
        }
        std::mem::take(&mut self.colors)
    }

    /// What is added from here on lies elsewhere in the image.
    pub(super) fn part(&mut self) {
        self.sight.part();
    }

    /// Adds a ray; its colour is the next of [`colors`](Self::colors).
    pub(super) fn add(&mut self, sample: Sample) {
        self.colors.push(Vec3A::ZERO);
        self.add_to(self.colors.len() - 1, sample);
    }

    /// Display light (linear, 0 to 1) of the added rays.
    pub(super) fn colors(mut self) -> Vec<Vec3A> {
        self.look();
        self.shade_points();
        self.colors
    }

    /// Adds the pixels of a block of up to `size` in each direction.
    fn add_block(&mut self, block: &Block, size: u32, area: &Block) {
        let small = size <= SMALL;
        let memory = (&mut self.sight, &mut self.likely, &mut self.faces);
        if let Some(patch) = Patch::find(self.picture, block, small, memory) {
            self.patches.push(patch);
        } else if !small {
            for part in block.split(size / 2) {
                self.add_block(&part, size / 2, area);
            }
        } else if !self.add_sky(block, area) {
            let picture = self.picture;
            block.pixels().for_each(|(x, y)| {
                let sample = Sample {
                    pixel: (x, y),
                    at: pixel_center(x, y),
                    hit: *picture.shot.hit(x, y),
                };
                self.add_to(area.index(x, y), sample);
            });
        }
    }

    /// Fills a block that shows nothing but even sky, if it does.
    fn add_sky(&mut self, block: &Block, area: &Block) -> bool {
        let Picture { shot, shader, .. } = self.picture;
        if !block.pixels().all(|(x, y)| shot.hit(x, y).is_miss()) {
            return false;
        }
        let rays = corners(block).map(|(x, y)| shot.eye.ray(pixel_center(x, y)));
        if shader.may_see_sun(&rays) {
            return false;
        }
        let shown = rays.map(|ray| tone(shader.background(&ray) * shader.lights.exposure));
        if !is_alike(&shown, EVEN_SKY) {
            return false;
        }
        let [left_top, right_top, left_bottom, right_bottom] = shown;
        for (x, y) in block.pixels() {
            let (across, down) = block.shares(x, y);
            let left = left_top.lerp(left_bottom, down);
            let right = right_top.lerp(right_bottom, down);
            self.colors[area.index(x, y)] = left.lerp(right, across);
        }
        true
    }

    fn add_to(&mut self, slot: usize, sample: Sample) {
        let Picture { shot, shader, .. } = self.picture;
        let ray = shot.eye.ray(sample.at);
        if sample.hit.is_miss() {
            self.colors[slot] = tone(shader.background(&ray) * shader.lights.exposure);
            return;
        }
        let face = self.faces.of(&sample.hit);
        let surface = face.surface(&ray, &sample.hit, self.picture.cone());
        let spot = &surface.spot;
        let sun = shader.faces_sun(spot).then(|| {
            let place = self.picture.sun.place(spot.lifted);
            self.sight.ask(spot.ground, place)
        });
        self.points.push(Point {
            sample,
            slot,
            ray,
            surface,
            sun,
        });
    }

    fn look(&mut self) {
        let picture = self.picture;
        picture.sun.look(&mut self.sight, picture.shot.tracer);
    }

    fn shade_points(&mut self) {
        let Picture {
            shader, occlusion, ..
        } = self.picture;
        for point in &self.points {
            let Point {
                sample,
                ray,
                surface,
                ..
            } = point;
            let (x, y) = sample.pixel;
            let open = occlusion.open(x, y, surface.spot.point, surface.spot.flat);
            let sunlit = point.sun.is_some_and(|q| !self.sight.is_hidden(q));
            let radiance = shader.radiance(ray, surface, (open, sunlit), &mut self.likely);
            let seen = shader.through_air(ray, sample.hit.t, radiance);
            self.colors[point.slot] = tone(seen * shader.lights.exposure);
        }
    }
}
