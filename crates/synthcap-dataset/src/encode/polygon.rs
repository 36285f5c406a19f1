//! The outline of a mask as one polygon.

use super::rle::Run;

/// A corner between pixels.
type Point = [i32; 2];

/// Steps to the next corner: right, down, left, up.
const STEPS: [Point; 4] = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/// Outline points may lie this far from the true outline, in pixels.
const TOLERANCE: f64 = 0.75;

/// The outline of the pixels in these runs, in pixels from the image's corner, as one
/// polygon: separate pieces, and holes, are joined by lines that are gone both ways
/// and so have no area. `bbox` is x, y, width, height around the pixels.
pub(crate) fn outline(runs: &[Run], bbox: [u32; 4], image_height: u32) -> Vec<Point> {
    let mut loops = Corners::of(runs, bbox, image_height).loops();
    // The longest piece comes first, so that the others are joined to it.
    loops.sort_by_key(|points| std::cmp::Reverse(points.len()));
    let mut loops = loops.into_iter().map(|points| simplified(&points));
    let mut joined = loops.next().unwrap_or_default();
    for piece in loops {
        joined = bridged(&joined, &piece);
    }
    let [left, top, ..] = bbox.map(|edge| edge as i32);
    joined
        .into_iter()
        .map(|[x, y]| [x + left, y + top])
        .collect()
}

/// The edges between mask and rest, by the corner that they leave. The mask is to
/// the right of each.
struct Corners {
    columns: usize,
    /// A bit per direction.
    leaving: Vec<u8>,
}

impl Corners {
    fn of(runs: &[Run], [left, top, width, height]: [u32; 4], image_height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        let mut mask = vec![false; width * height];
        for run in runs {
            for at in run.start..run.start + run.len {
                let (x, y) = (at / image_height - left, at % image_height - top);
                mask[y as usize * width + x as usize] = true;
            }
        }
        let inside = |x: i32, y: i32| {
            let within = (0..width as i32).contains(&x) && (0..height as i32).contains(&y);
            within && mask[y as usize * width + x as usize]
        };
        let mut corners = Self {
            columns: width + 1,
            leaving: vec![0; (width + 1) * (height + 1)],
        };
        for y in 0..height as i32 {
            for x in 0..width as i32 {
                if !inside(x, y) {
                    continue;
                }
                // The corner where the edge on each side begins, going round clockwise.
                let sides = [
                    ([x, y - 1], [x, y], 0),
                    ([x + 1, y], [x + 1, y], 1),
                    ([x, y + 1], [x + 1, y + 1], 2),
                    ([x - 1, y], [x, y + 1], 3),
                ];
                for ([nx, ny], from, direction) in sides {
                    if !inside(nx, ny) {
                        let place = corners.place(from);
                        corners.leaving[place] |= 1 << direction;
                    }
                }
            }
        }
        corners
    }

    fn place(&self, [x, y]: Point) -> usize {
        y as usize * self.columns + x as usize
    }

    /// Takes all edges out, as closed loops of corners where the direction changes.
    fn loops(mut self) -> Vec<Vec<Point>> {
        let mut loops = Vec::new();
        for place in 0..self.leaving.len() {
            while self.leaving[place] != 0 {
                let start = [(place % self.columns) as i32, (place / self.columns) as i32];
                loops.push(self.take_loop(start));
            }
        }
        loops
    }

    fn take_loop(&mut self, start: Point) -> Vec<Point> {
        let mut points = Vec::new();
        let mut at = start;
        let mut heading = None;
        loop {
            let place = self.place(at);
            let bits = self.leaving[place];
            // Where two pixels touch at a corner only: the right turn stays with the
            // pixel at hand.
            let order = heading.map_or([0, 1, 2, 3], |h: usize| [h + 1, h, h + 3, h + 2]);
            let next = order
                .map(|d| d % 4)
                .into_iter()
                .find(|d| bits & (1 << d) != 0);
            let Some(next) = next else {
                return points;
            };
            self.leaving[place] &= !(1 << next);
            if heading != Some(next) {
                points.push(at);
            }
            heading = Some(next);
            at = [at[0] + STEPS[next][0], at[1] + STEPS[next][1]];
            if at == start && self.leaving[self.place(at)] == 0 {
                return points;
            }
        }
    }
}

/// The loop without the points that the tolerance makes needless.
fn simplified(points: &[Point]) -> Vec<Point> {
    let count = points.len();
    // The two halves between the first point and the one farthest from it.
    let far = (0..count)
        .max_by_key(|i| distance_squared(points[0], points[*i]))
        .unwrap_or_default();
    if count < 5 || far == 0 {
        return points.to_vec();
    }
    let mut closed = points.to_vec();
    closed.push(points[0]);
    let mut keep = vec![false; count + 1];
    keep[0] = true;
    keep[far] = true;
    let mut spans = vec![(0, far), (far, count)];
    while let Some((from, to)) = spans.pop() {
        let worst = (from + 1..to)
            .map(|i| (distance_to_line(closed[i], closed[from], closed[to]), i))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((distance, i)) = worst.filter(|(distance, _)| *distance > TOLERANCE) {
            debug_assert!(distance.is_finite());
            keep[i] = true;
            spans.extend([(from, i), (i, to)]);
        }
    }
    let kept: Vec<_> = (0..count).filter(|i| keep[*i]).map(|i| points[i]).collect();
    // A line has no area.
    if kept.len() < 3 {
        points.to_vec()
    } else {
        kept
    }
}

fn distance_squared(a: Point, b: Point) -> i64 {
    let [dx, dy] = [i64::from(a[0] - b[0]), i64::from(a[1] - b[1])];
    dx * dx + dy * dy
}

/// Distance of a point to the line between two others.
fn distance_to_line(p: Point, a: Point, b: Point) -> f64 {
    let to = |q: Point| [f64::from(q[0] - a[0]), f64::from(q[1] - a[1])];
    let ([px, py], [bx, by]) = (to(p), to(b));
    let length = bx.hypot(by);
    if length == 0.0 {
        return px.hypot(py);
    }
    (px * by - py * bx).abs() / length
}

/// Two loops as one, over the line between their nearest points.
fn bridged(a: &[Point], b: &[Point]) -> Vec<Point> {
    let pairs = (0..a.len()).flat_map(|i| (0..b.len()).map(move |j| (i, j)));
    let nearest = pairs.min_by_key(|(i, j)| distance_squared(a[*i], b[*j]));
    let Some((i, j)) = nearest else {
        return a.to_vec();
    };
    [&a[..=i], &b[j..], &b[..=j], &a[i..]].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode::rle;

    fn outline_of(ids: &[u32], width: usize, height: usize) -> Vec<Point> {
        let runs = rle::runs(ids, width, height);
        outline(&runs, [0, 0, width as u32, height as u32], height as u32)
    }

    /// Twice the area that a polygon goes round clockwise.
    fn doubled_area(points: &[Point]) -> i32 {
        let next = points.iter().cycle().skip(1);
        let sum = points
            .iter()
            .zip(next)
            .map(|(a, b)| a[0] * b[1] - a[1] * b[0]);
        sum.sum()
    }

    #[test]
    fn a_rectangle_has_four_corners() {
        #[rustfmt::skip]
        let ids = [
            0, 0, 0, 0,
            0, 1, 1, 0,
            0, 1, 1, 0,
        ];
        assert_eq!(outline_of(&ids, 4, 3), [[1, 1], [3, 1], [3, 3], [1, 3]]);
    }

    #[test]
    fn pieces_and_holes_are_one_polygon_of_the_same_area() {
        #[rustfmt::skip]
        let ids = [
            1, 1, 1, 1, 0, 1,
            1, 0, 0, 1, 0, 1,
            1, 0, 0, 1, 0, 1,
            1, 1, 1, 1, 0, 1,
        ];
        assert_eq!(doubled_area(&outline_of(&ids, 6, 4)), 2 * 16);
    }

    proptest! {
        #[test]
        fn unsimplified_loops_have_the_area_of_the_mask(
            (width, height, ids) in (1_usize..12, 1_usize..12).prop_flat_map(|(w, h)| {
                (Just(w), Just(h), prop::collection::vec(0_u32..2, w * h))
            })
        ) {
            let runs = rle::runs(&ids, width, height);
            let bbox = [0, 0, width as u32, height as u32];
            let loops = Corners::of(&runs, bbox, height as u32).loops();
            let area: i32 = loops.iter().map(|points| doubled_area(points)).sum();
            prop_assert_eq!(area, 2 * ids.iter().sum::<u32>() as i32);
        }
    }
}
