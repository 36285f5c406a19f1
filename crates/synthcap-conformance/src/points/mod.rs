//! Every point, in the order in which they are looked at: what others rest on
//! first.

mod batch;
mod cameras;
mod control;
mod depth;
mod errors;
mod flow;
mod freshness;
mod info;
mod lens;
mod limits;
mod normals;
mod plain;
mod scene;
mod shared_memory;
mod subscribe;
mod time;

use crate::point::Point;

/// A point that an async function looks at.
macro_rules! point {
    ($level:ident, $id:literal, $look:path, $promise:literal $(, needs $($need:literal),+)?) => {
        $crate::point::Point {
            id: $id,
            level: $crate::report::Level::$level,
            promise: $promise,
            needs: &[$($($need),+)?],
            look: |bench| Box::pin($look(bench)),
        }
    };
}
use point;

/// All points.
pub(crate) fn all() -> Vec<Point> {
    [
        plain::points(),
        info::points(),
        freshness::points(),
        lens::points(),
        depth::points(),
        normals::points(),
        flow::points(),
        time::points(),
        batch::points(),
        cameras::points(),
        scene::points(),
        subscribe::points(),
        control::points(),
        limits::points(),
        errors::points(),
        shared_memory::points(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_rests_only_on_points_before_it() {
        let mut seen = Vec::new();
        for point in all() {
            assert!(!seen.contains(&point.id), "{} is there twice", point.id);
            for need in point.needs {
                assert!(seen.contains(need), "{} rests on {need}", point.id);
            }
            seen.push(point.id);
        }
    }
}
