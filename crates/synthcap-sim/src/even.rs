//! What changes evenly over a picture.

use glam::{Vec2, Vec4};

/// Four numbers that change evenly over a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Even {
    /// In the place that columns and rows count from.
    pub(crate) start: Vec4,
    pub(crate) per_column: Vec4,
    pub(crate) per_row: Vec4,
}

impl Even {
    pub(crate) const ZERO: Self = Self {
        start: Vec4::ZERO,
        per_column: Vec4::ZERO,
        per_row: Vec4::ZERO,
    };

    /// The numbers so many columns and rows on.
    #[inline(always)]
    pub(crate) fn at(&self, column: f32, row: f32) -> Vec4 {
        self.start + self.per_column * column + self.per_row * row
    }

    /// The greatest of each number between two places.
    #[inline(always)]
    pub(crate) fn greatest(&self, low: Vec2, high: Vec2) -> Vec4 {
        self.start
            + (self.per_column * low.x).max(self.per_column * high.x)
            + (self.per_row * low.y).max(self.per_row * high.y)
    }

    #[inline(always)]
    pub(crate) fn minus(&self, other: &Self) -> Self {
        self.plus(&other.times(-1.0))
    }

    #[inline(always)]
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self {
            start: self.start + other.start,
            per_column: self.per_column + other.per_column,
            per_row: self.per_row + other.per_row,
        }
    }

    #[inline(always)]
    pub(crate) fn times(&self, factor: f32) -> Self {
        Self {
            start: self.start * factor,
            per_column: self.per_column * factor,
            per_row: self.per_row * factor,
        }
    }
}
