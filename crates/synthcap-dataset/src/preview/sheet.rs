//! The contact sheet: a column per modality, a row per frame and camera, a legend
//! under each column.

use synthcap::{Modality, frame::FlowDirection};

use super::{
    canvas::{Canvas, Color, Font, Rect},
    color,
    thumb::{Grid, Thumb, ThumbView},
    tile::{self, Scales},
};
use crate::Plan;

const BACKGROUND: Color = [21, 23, 28];
const BRIGHT: Color = [236, 238, 241];
const MUTED: Color = [160, 166, 175];

const MARGIN: i32 = 24;
const GAP: i32 = 8;
/// Room for the row captions.
const GUTTER: i32 = 118;
/// Room for the headings and legends of narrow pictures.
const MIN_COLUMN: i32 = 240;
const TITLE_HEIGHT: i32 = 48;
const HEAD_HEIGHT: i32 = 28;
const LEGEND_HEIGHT: i32 = 84;

/// Draws the sheet of a set with so many samples.
pub(super) fn draw(plan: &Plan, samples: u64, thumbs: &[&Thumb]) -> Canvas {
    let rows: Vec<_> = thumbs
        .iter()
        .flat_map(|thumb| thumb.views.iter().map(move |view| (*thumb, view)))
        .collect();
    let views = rows.iter().map(|(_, view)| *view);
    let scales = Scales::of(views.clone());
    let grids = || plan.cameras.iter().map(|c| Grid::new(c.width, c.height));
    let tile_width = grids().map(|grid| grid.width as i32).max().unwrap_or(1);
    let tile_width = tile_width.max(MIN_COLUMN);
    let columns = Columns {
        modalities: plan.modalities.iter().collect(),
        tile_width,
    };
    let heights: i32 = views.clone().map(|v| v.grid.height as i32 + GAP).sum();
    let width = columns.right() + MARGIN;
    let height = MARGIN + TITLE_HEIGHT + HEAD_HEIGHT + heights + LEGEND_HEIGHT + MARGIN;
    let mut canvas = Canvas::new(width as u32, height as u32, BACKGROUND);
    title(&mut canvas, plan, samples);
    let mut y = MARGIN + TITLE_HEIGHT;
    for (x, modality) in columns.iter() {
        canvas.text(x, y, heading(modality), Font::HEAD, BRIGHT);
    }
    y += HEAD_HEIGHT;
    for (thumb, view) in &rows {
        caption(&mut canvas, y, thumb, view, plan.cameras.len() > 1);
        for (x, modality) in columns.iter() {
            tile::draw(&mut canvas, x, y, view, modality, &scales);
        }
        y += view.grid.height as i32 + GAP;
    }
    let direction = views.clone().find_map(|view| view.flow_direction);
    for (x, modality) in columns.iter() {
        let place = Rect {
            x,
            y: y + 4,
            width: tile_width,
            height: LEGEND_HEIGHT - 4,
        };
        match modality {
            Modality::Depth => depth_legend(&mut canvas, place, &scales),
            Modality::Segmentation => instance_legend(&mut canvas, place, views.clone()),
            Modality::Normals => normal_legend(&mut canvas, place),
            Modality::Flow => flow_legend(&mut canvas, place, &scales, direction),
            _ => {}
        }
    }
    canvas
}

/// Where the columns are.
struct Columns {
    modalities: Vec<Modality>,
    tile_width: i32,
}

impl Columns {
    fn iter(&self) -> impl Iterator<Item = (i32, Modality)> + '_ {
        let places = (0_i32..).map(|i| MARGIN + GUTTER + i * (self.tile_width + GAP));
        places.zip(self.modalities.iter().copied())
    }

    fn right(&self) -> i32 {
        self.iter()
            .map(|(x, _)| x + self.tile_width)
            .max()
            .unwrap_or(0)
    }
}

fn heading(modality: Modality) -> &'static str {
    match modality {
        Modality::Rgb => "RGB",
        Modality::Depth => "Depth",
        Modality::Segmentation => "Instances and boxes",
        Modality::Normals => "World normals",
        Modality::Flow => "Optical flow",
        other => other.name(),
    }
}

fn title(canvas: &mut Canvas, plan: &Plan, samples: u64) {
    let source = &plan.source;
    let scene = match source.scene_name.as_str() {
        "" => "data set",
        scene => scene,
    };
    canvas.text(MARGIN, MARGIN, scene, Font::TITLE, BRIGHT);
    let mut facts = vec![if samples == plan.samples {
        format!("{samples} samples")
    } else {
        format!("{samples} of {} samples", plan.samples)
    }];
    if let Some(camera) = plan.cameras.first() {
        facts.push(format!("{}x{}", camera.width, camera.height));
    }
    facts.push(format!("seed {}", plan.seed));
    if !source.engine_name.is_empty() {
        facts.push(format!("{} {}", source.engine_name, source.engine_version));
    }
    let x = MARGIN + Font::TITLE.width(scene) + 20;
    canvas.text(x, MARGIN + 3, &facts.join("   "), Font::TEXT, MUTED);
}

fn caption(canvas: &mut Canvas, y: i32, thumb: &Thumb, view: &ThumbView, several: bool) {
    let mut lines = vec![format!("#{}", thumb.index)];
    if several {
        lines.push(fitting(&view.camera, GUTTER - GAP));
    }
    lines.extend(thumb.tick.map(|tick| format!("tick {tick}")));
    lines.extend(thumb.sim_time_s.map(|time| format!("{time:.2} s")));
    for (row, line) in (0_i32..).zip(&lines) {
        let (font, color) = match row {
            0 => (Font::HEAD, BRIGHT),
            _ => (Font::TEXT, MUTED),
        };
        canvas.text(MARGIN, y + row * 22, line, font, color);
    }
}

/// As much of a text as fits a width.
fn fitting(text: &str, width: i32) -> String {
    let mut fits = String::new();
    for letter in text.chars() {
        fits.push(letter);
        if Font::TEXT.width(&fits) > width {
            fits.pop();
            break;
        }
    }
    fits
}

fn metres(depth: f32) -> String {
    match depth {
        d if d < 10.0 => format!("{d:.2} m"),
        d if d < 100.0 => format!("{d:.1} m"),
        d => format!("{d:.0} m"),
    }
}

fn depth_legend(canvas: &mut Canvas, place: Rect, scales: &Scales) {
    let bar = Rect {
        height: 18,
        ..place
    };
    let span = (bar.width - 1).max(1) as f32;
    canvas.paint(bar, |x, _| color::viridis(1.0 - x as f32 / span));
    let y = bar.y + bar.height + 4;
    let middle = metres((scales.near_m * scales.far_m).sqrt());
    let far = format!("{}+", metres(scales.far_m));
    canvas.text(bar.x, y, &metres(scales.near_m), Font::TEXT, BRIGHT);
    let centered = bar.x + (bar.width - Font::TEXT.width(&middle)) / 2;
    canvas.text(centered, y, &middle, Font::TEXT, MUTED);
    let right = bar.x + bar.width - Font::TEXT.width(&far);
    canvas.text(right, y, &far, Font::TEXT, BRIGHT);
}

fn instance_legend<'a>(
    canvas: &mut Canvas,
    place: Rect,
    views: impl Iterator<Item = &'a ThumbView>,
) {
    let mut instances = std::collections::BTreeSet::new();
    let mut classes = std::collections::BTreeSet::new();
    for object in views.flat_map(|view| &view.objects) {
        instances.insert(object.instance_id);
        classes.insert(&object.class_name);
    }
    let text = format!("{} objects of {} classes", instances.len(), classes.len());
    canvas.text(place.x, place.y, &text, Font::TEXT, BRIGHT);
    canvas.text(
        place.x,
        place.y + 22,
        "larger ones named",
        Font::TEXT,
        MUTED,
    );
}

fn normal_legend(canvas: &mut Canvas, place: Rect) {
    let axes = [
        ([1.0, 0.0, 0.0], "X forward"),
        ([0.0, 1.0, 0.0], "Y right"),
        ([0.0, 0.0, 1.0], "Z up"),
    ];
    for (row, (axis, name)) in (0_i32..).zip(axes) {
        let y = place.y + row * 24;
        swatch(canvas, place.x, y, |_, _| color::normal(axis));
        canvas.text(place.x + 30, y, name, Font::TEXT, BRIGHT);
    }
}

fn flow_legend(
    canvas: &mut Canvas,
    place: Rect,
    scales: &Scales,
    direction: Option<FlowDirection>,
) {
    let radius = place.height / 2 - 4;
    for dy in -radius..=radius {
        for dx in -radius..=radius {
            if dx * dx + dy * dy <= radius * radius {
                let uv = [dx as f32, dy as f32];
                let c = color::flow(uv, radius as f32);
                canvas.set(place.x + radius + dx, place.y + radius + dy, c);
            }
        }
    }
    let x = place.x + 2 * radius + 16;
    let rim = format!("rim {:.1} px", scales.flow_px);
    canvas.text(x, place.y, &rim, Font::TEXT, BRIGHT);
    let direction = match direction {
        Some(FlowDirection::Forward) => "from the last tick",
        _ => "to the last tick",
    };
    canvas.text(x, place.y + 24, direction, Font::TEXT, MUTED);
    swatch(canvas, x, place.y + 48, color::hatch);
    canvas.text(x + 30, place.y + 48, "not known", Font::TEXT, MUTED);
}

fn swatch(canvas: &mut Canvas, x: i32, y: i32, paint: impl Fn(i32, i32) -> Color) {
    let place = Rect {
        x,
        y: y + 2,
        width: 20,
        height: 16,
    };
    canvas.paint(place, paint);
}
