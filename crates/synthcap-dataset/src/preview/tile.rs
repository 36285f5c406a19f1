//! One picture of the sheet.

use synthcap::Modality;

use super::{
    canvas::{Canvas, Color, Font, Rect},
    color,
    thumb::{ThumbObject, ThumbView},
};

/// What the colours of all pictures mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scales {
    /// Nearest and farthest depth that colours tell apart, metres.
    pub(super) near_m: f32,
    pub(super) far_m: f32,
    /// Flow of full colour, pixels of the image.
    pub(super) flow_px: f32,
}

impl Scales {
    /// Scales that fit most of these views' pixels.
    pub(super) fn of<'a>(views: impl Iterator<Item = &'a ThumbView> + Clone) -> Self {
        let depths = views.clone().flat_map(|view| view.depth_m.iter().flatten());
        let mut depths: Vec<f32> = depths
            .copied()
            .filter(|d| d.is_finite() && *d > 0.0)
            .collect();
        let flows = views.flat_map(|view| view.flow.iter().flatten().flatten());
        let mut flows: Vec<f32> = flows.map(|[u, v]| u.hypot(*v)).collect();
        let near_m = quantile(&mut depths, 0.002).unwrap_or(1.0);
        // The far ground of a scene, if there is any, would take most colours.
        let far_m = quantile(&mut depths, 0.92).unwrap_or(10.0);
        Self {
            near_m,
            // A flat wall still needs two ends.
            far_m: far_m.max(near_m * 1.01),
            flow_px: quantile(&mut flows, 0.99).unwrap_or(1.0).max(0.01),
        }
    }

    /// Where a depth lies between near (1) and far (0); equal ratios look equally
    /// far apart.
    pub(super) fn nearness(&self, depth_m: f32) -> f32 {
        (self.far_m / depth_m).ln() / (self.far_m / self.near_m).ln()
    }
}

fn quantile(values: &mut [f32], q: f64) -> Option<f32> {
    let last = values.len().checked_sub(1)?;
    let place = (last as f64 * q).round() as usize;
    Some(*values.select_nth_unstable_by(place, f32::total_cmp).1)
}

/// Draws a view's picture of a modality, its top left corner at (x, y).
pub(super) fn draw(
    canvas: &mut Canvas,
    x: i32,
    y: i32,
    view: &ThumbView,
    modality: Modality,
    scales: &Scales,
) {
    let rect = Rect {
        x,
        y,
        width: view.grid.width as i32,
        height: view.grid.height as i32,
    };
    let at = |px: i32, py: i32| (py * rect.width + px) as usize;
    match modality {
        Modality::Rgb => {
            if let Some(rgb) = &view.rgb {
                canvas.paint(rect, |px, py| rgb[at(px, py)]);
            }
        }
        Modality::Depth => {
            if let Some(depth) = &view.depth_m {
                canvas.paint(rect, |px, py| match depth[at(px, py)] {
                    metres if metres.is_finite() => color::viridis(scales.nearness(metres)),
                    _ => color::hatch(px, py),
                });
            }
        }
        Modality::Segmentation => {
            if let Some(ids) = &view.ids {
                let shade = |i: usize| view.rgb.as_ref().map_or(0.8, |rgb| luminance(rgb[i]));
                canvas.paint(rect, |px, py| {
                    let i = at(px, py);
                    match ids[i] {
                        0 => color::mix([24, 26, 30], [92, 96, 104], shade(i)),
                        id => color::mix([0; 3], color::instance(id), 0.45 + 0.55 * shade(i)),
                    }
                });
                boxes(canvas, rect, &view.objects);
            }
        }
        Modality::Normals => {
            if let Some(normals) = &view.normals {
                canvas.paint(rect, |px, py| match normals[at(px, py)] {
                    [0.0, 0.0, 0.0] => color::hatch(px, py),
                    n => color::normal(n),
                });
            }
        }
        Modality::Flow => {
            if let Some(flow) = &view.flow {
                canvas.paint(rect, |px, py| match flow[at(px, py)] {
                    Some(uv) => color::flow(uv, scales.flow_px),
                    None => color::hatch(px, py),
                });
            }
        }
        _ => {}
    }
}

/// 0 to 1, as it is encoded; good enough to shade with.
fn luminance([r, g, b]: Color) -> f32 {
    (0.21 * f32::from(r) + 0.72 * f32::from(g) + 0.07 * f32::from(b)) / 255.0
}

/// Boxes and class names of the larger objects. What spans the picture, such as a
/// floor, has no box worth seeing.
fn boxes(canvas: &mut Canvas, picture: Rect, objects: &[ThumbObject]) {
    const MOST: usize = 9;
    const MIN_SIDE: i32 = 14;
    let spans = |r: Rect| r.width * 10 > picture.width * 8 || r.height * 10 > picture.height * 8;
    let mut large: Vec<_> = objects
        .iter()
        .filter(|o| o.visible.width.min(o.visible.height) >= MIN_SIDE)
        .filter(|o| !spans(o.visible))
        .collect();
    large.sort_by_key(|o| (std::cmp::Reverse(o.visible_pixels), o.instance_id));
    large.truncate(MOST);
    let placed = |r: Rect| Rect {
        x: picture.x + r.x,
        y: picture.y + r.y,
        ..r
    };
    for object in &large {
        let bright = color::mix(color::instance(object.instance_id), [255; 3], 0.55);
        canvas.outline(placed(object.visible), bright);
    }
    let mut taken: Vec<Rect> = Vec::new();
    for object in large {
        let chip = chip_place(placed(object.visible), &object.class_name, picture);
        if taken.iter().any(|other| other.overlaps(chip)) {
            continue;
        }
        taken.push(chip);
        canvas.fill(chip, [0; 3], 165);
        let bright = color::mix(color::instance(object.instance_id), [255; 3], 0.7);
        canvas.text(chip.x + 3, chip.y, &object.class_name, Font::LABEL, bright);
    }
}

/// Above the box, or inside it where the picture ends; never outside the picture.
fn chip_place(around: Rect, text: &str, picture: Rect) -> Rect {
    let (width, height) = (Font::LABEL.width(text) + 6, Font::LABEL.height());
    let above = around.y - height;
    let y = if above < picture.y { around.y } else { above };
    let right_most = picture.x + picture.width - width;
    Rect {
        x: around.x.min(right_most).max(picture.x),
        y: y.min(picture.y + picture.height - height).max(picture.y),
        width: width.min(picture.width),
        height: height.min(picture.height),
    }
}
