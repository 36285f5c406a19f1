//! How much of the sky each point sees past nearby things.
//!
//! Every fourth pixel in each direction is a site that sends a few short rays
//! over its hemisphere. The rays of 4 x 4 neighbouring sites interleave to one
//! even pattern, so that averaging over them leaves little noise and no grain.

use std::{array, f32::consts::TAU};

use glam::{Vec3, Vec3A, Vec4};

use super::{Shot, per_pixel};
use crate::{camera::pixel_center, tree::Ray};

/// Pixels from one site to the next, in each direction.
const SPACING: u32 = 4;
/// Rays of each site.
const RAYS: u32 = 1;
/// Sites whose rays interleave, in each direction.
const PATTERN: u32 = 4;
/// Things further away than this hide nothing, metres.
const REACH_M: f32 = 0.45;

#[derive(Clone, Copy, Debug)]
struct Site {
    point: Vec3A,
    normal: Vec3A,
    /// Share of the sky it sees, 0 to 1; negative where nothing is.
    open: f32,
}

const EMPTY: Site = Site {
    point: Vec3A::ZERO,
    normal: Vec3A::ZERO,
    open: -1.0,
};

/// Openness at all sites of a shot.
#[derive(Debug)]
pub(super) struct Occlusion {
    columns: u32,
    rows: u32,
    sites: Vec<Site>,
}

impl Occlusion {
    pub(super) fn new(shot: &Shot<'_>) -> Self {
        let columns = shot.eye.width.div_ceil(SPACING);
        let rows = shot.eye.height.div_ceil(SPACING);
        let raw = per_pixel(columns, rows, EMPTY, |_| (), |(), x, y| site(shot, x, y));
        let rough = Self {
            columns,
            rows,
            sites: raw,
        };
        let sites = per_pixel(
            columns,
            rows,
            EMPTY,
            |_| (),
            |(), x, y| rough.smoothed(x, y),
        );
        Self { sites, ..rough }
    }

    fn at(&self, x: i64, y: i64) -> &Site {
        let x = x.clamp(0, i64::from(self.columns) - 1);
        let y = y.clamp(0, i64::from(self.rows) - 1);
        &self.sites[(y * i64::from(self.columns) + x) as usize]
    }

    /// A site averaged with the neighbours that lie on the same surface.
    fn smoothed(&self, x: u32, y: u32) -> Site {
        let (x, y) = (i64::from(x), i64::from(y));
        let here = *self.at(x, y);
        if here.open < 0.0 {
            return here;
        }
        let (mut sum, mut weight) = (0.0, 0.0);
        const { assert!(PATTERN == 4, "a row of the pattern is one vector") };
        let low = -i64::from(PATTERN) / 2;
        for dy in low..low + i64::from(PATTERN) {
            let others = array::from_fn(|dx| self.at(x + low + dx as i64, y + dy));
            let weights = likeness(&others, here.point, here.normal);
            sum += weights.dot(Vec4::from_array(others.map(|site| site.open)));
            weight += weights.element_sum();
        }
        let open = if weight > 0.0 {
            sum / weight
        } else {
            here.open
        };
        Site { open, ..here }
    }

    /// Openness at a point seen at a pixel, from the sites around it.
    pub(super) fn open(&self, x: u32, y: u32, point: Vec3A, normal: Vec3A) -> f32 {
        let (left, top) = (x / SPACING, y / SPACING);
        let right = (left + 1).min(self.columns - 1);
        let bottom = (top + 1).min(self.rows - 1);
        let sites = [(left, top), (right, top), (left, bottom), (right, bottom)]
            .map(|(column, row)| &self.sites[(row * self.columns + column) as usize]);
        // Nearer sites count more.
        let share = |a: u32| (a % SPACING) as f32 / SPACING as f32;
        let (across, down) = (share(x), share(y));
        let near = Vec4::new(1.0 - across, across, 1.0 - across, across)
            * Vec4::new(1.0 - down, 1.0 - down, down, down);
        let open = Vec4::from_array(sites.map(|site| site.open));
        let likeness = likeness(&sites, point, normal);
        let weights = (near + Vec4::splat(0.02)) * (likeness + Vec4::splat(1e-4));
        let weights = Vec4::select(open.cmpge(Vec4::ZERO), weights, Vec4::ZERO);
        let weight = weights.element_sum();
        if weight > 0.0 {
            weights.dot(open) / weight
        } else {
            1.0
        }
    }
}

/// How much sites tell about another point: 1 on the same plane, 0 elsewhere and where
/// nothing is.
fn likeness(sites: &[&Site; 4], point: Vec3A, normal: Vec3A) -> Vec4 {
    let open = Vec4::from_array(sites.map(|site| site.open));
    let off_plane = Vec4::from_array(sites.map(|site| (site.point - point).dot(normal)));
    let turned = Vec4::from_array(sites.map(|site| site.normal.dot(normal)));
    let near = (Vec4::ONE - off_plane.abs() / 0.006).max(Vec4::ZERO);
    let facing = ((turned - Vec4::splat(0.6)) / 0.4).clamp(Vec4::ZERO, Vec4::ONE);
    Vec4::select(open.cmpge(Vec4::ZERO), near * facing, Vec4::ZERO)
}

fn site(shot: &Shot<'_>, column: u32, row: u32) -> Site {
    let (x, y) = (column * SPACING, row * SPACING);
    let hit = shot.hit(x, y);
    if hit.is_miss() {
        return EMPTY;
    }
    let instance = shot.tracer.instance(hit);
    let direction = shot.eye.direction(pixel_center(x, y));
    let normal = instance.flat_normal(hit, direction);
    let point = shot.eye.center + direction * hit.t;
    let slot = column % PATTERN + row % PATTERN * PATTERN;
    let origin = point + normal * (1e-4 * (1.0 + hit.t));
    let (tangent, across) = normal.any_orthonormal_pair();
    let open: f32 = (0..RAYS)
        .map(|k| {
            let d = cosine_direction(slot * RAYS + k);
            let ray = d.x * tangent + d.y * across + d.z * normal;
            let met = shot.tracer.closest(Ray::new(origin, ray, 0.0, REACH_M));
            // What is near hides more than what is far, down to nothing at the
            // end of the ray, so that the reach leaves no rim.
            (met.t / REACH_M).min(1.0).sqrt()
        })
        .sum();
    Site {
        point,
        normal,
        open: open / RAYS as f32,
    }
}

/// One of the pattern's directions around Z, more of them towards it.
fn cosine_direction(i: u32) -> Vec3 {
    let count = (RAYS * PATTERN * PATTERN) as f32;
    // Neighbouring slots get directions that lie far apart.
    let share = (i.wrapping_mul(11) % (RAYS * PATTERN * PATTERN)) as f32;
    let squared = (share + 0.5) / count;
    let angle = share * 0.618_034 * TAU;
    let ring = squared.sqrt();
    Vec3::new(
        ring * angle.cos(),
        ring * angle.sin(),
        (1.0 - squared).sqrt(),
    )
}
