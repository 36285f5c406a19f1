//! What neighbouring pixels share when they look for the sun and the lamp.

use glam::Vec3A;

use crate::{
    beam::{Beam, Region},
    light::Lights,
    trace::Tracer,
    tree::Ray,
};

/// What neighbouring pixels share: the occluders that they found, and those
/// that can stand between them and the sun.
#[derive(Debug)]
pub(super) struct Neighbours {
    sun: Option<u32>,
    pub(super) lamp: Option<u32>,
    /// Axes of which the third points to the sun.
    axes: [Vec3A; 3],
    /// Bounds in these axes of the points for which the beam holds.
    low: Vec3A,
    high: Vec3A,
    /// What no ray to the sun from one of these points meets.
    own: Option<u32>,
    /// Made when first needed.
    beam: Option<Beam>,
    last: usize,
}

impl Neighbours {
    /// For points with these bounds in the axes of [`sun_axes`], and a little
    /// around them; no ray from one of them to the sun meets the instance `own`.
    pub(super) fn new(axes: [Vec3A; 3], bounds: Option<(Vec3A, Vec3A)>, own: Option<u32>) -> Self {
        // Without points, nothing lies between these.
        let (low, high) = bounds.unwrap_or((Vec3A::ONE, Vec3A::ZERO));
        let reach = Vec3A::splat(0.002 * ((high - low).max_element() + 1.0));
        Self {
            sun: None,
            lamp: None,
            axes,
            low: low - reach,
            high: high + reach,
            own,
            beam: None,
            last: 0,
        }
    }

    /// `own` is an instance that the ray does not meet.
    pub(super) fn blocked_from_sun(
        &mut self,
        tracer: &Tracer,
        from: Vec3A,
        own: Option<u32>,
    ) -> bool {
        let ray = Ray::new(from, self.axes[2], 0.0, f32::INFINITY);
        let place = in_axes(&self.axes, from);
        // Points from elsewhere, such as those seen in mirrors, have no beam.
        let inside = (place.cmpge(self.low) & place.cmple(self.high)).all();
        if !inside || (self.own.is_some() && self.own != own) {
            return tracer.blocked(ray, own, &mut self.sun);
        }
        let region = || Region::ahead(self.axes, self.low, self.high);
        let beam = self
            .beam
            .get_or_insert_with(|| Beam::new(tracer, region(), self.own, self.axes[2].extend(0.0)));
        !beam.is_clear() && beam.blocked(tracer, ray, own, &mut self.last)
    }
}

/// Axes of which the third points to the sun.
pub(super) fn sun_axes(lights: &Lights) -> [Vec3A; 3] {
    let toward = lights.sun_direction;
    let (a, b) = toward.any_orthonormal_pair();
    [a, b, toward]
}

/// A point in other axes.
pub(super) fn in_axes([a, b, c]: &[Vec3A; 3], p: Vec3A) -> Vec3A {
    Vec3A::new(p.dot(*a), p.dot(*b), p.dot(*c))
}
