//! Finds free places for things on a surface.

use glam::Vec2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Discs that are taken, in metres.
#[derive(Debug, Default)]
pub(super) struct Layout {
    taken: Vec<(Vec2, f32)>,
}

impl Layout {
    /// Takes a disc, whether it is free or not.
    pub(super) fn take(&mut self, center: Vec2, radius: f32) {
        self.taken.push((center, radius));
    }

    /// Takes a free disc between two corners, drawn at random; `None` when none
    /// is found in a fair number of tries.
    pub(super) fn find(
        &mut self,
        rng: &mut ChaCha8Rng,
        (low, high): (Vec2, Vec2),
        radius: f32,
    ) -> Option<Vec2> {
        const TRIES: usize = 300;
        let (low, high) = (low + radius, high - radius);
        if low.x >= high.x || low.y >= high.y {
            return None;
        }
        for _ in 0..TRIES {
            let at = Vec2::new(
                rng.random_range(low.x..high.x),
                rng.random_range(low.y..high.y),
            );
            let free = |(center, other): &(Vec2, f32)| at.distance(*center) > radius + other;
            if self.taken.iter().all(free) {
                self.take(at, radius);
                return Some(at);
            }
        }
        None
    }
}
