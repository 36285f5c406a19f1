//! How much of the sky each point sees past nearby things.
//!
//! Every fourth pixel in each direction is a site that sends a few short rays
//! over its hemisphere. The rays of 4 x 4 neighbouring sites interleave to one
//! even pattern, so that averaging over them leaves little noise and no grain.

use std::f32::consts::TAU;

use glam::{Vec3, Vec3A};

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
        let low = -i64::from(PATTERN) / 2;
        for dy in low..low + i64::from(PATTERN) {
            for dx in low..low + i64::from(PATTERN) {
                let other = self.at(x + dx, y + dy);
                let w = likeness(other, here.point, here.normal);
                sum += w * other.open;
                weight += w;
            }
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
        let (left, top) = (i64::from(x / SPACING), i64::from(y / SPACING));
        // Nearer sites count more.
        let share = |a: u32| (a % SPACING) as f32 / SPACING as f32;
        let weigh = |side: i64, share: f32| if side == 0 { 1.0 - share } else { share };
        let (mut sum, mut weight) = (0.0, 0.0);
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let site = self.at(left + dx, top + dy);
            let (across, down) = (weigh(dx, share(x)), weigh(dy, share(y)));
            let near = 0.02 + across * down;
            let w = near * (1e-4 + likeness(site, point, normal));
            if site.open >= 0.0 {
                sum += w * site.open;
                weight += w;
            }
        }
        if weight > 0.0 { sum / weight } else { 1.0 }
    }
}

/// How much a site tells about another point: 1 on the same plane, 0 elsewhere.
fn likeness(site: &Site, point: Vec3A, normal: Vec3A) -> f32 {
    if site.open < 0.0 {
        return 0.0;
    }
    let off_plane = (site.point - point).dot(normal).abs();
    let turned = site.normal.dot(normal);
    (1.0 - off_plane / 0.006).max(0.0) * ((turned - 0.6) / 0.4).clamp(0.0, 1.0)
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
