//! Samples made small, as numbers: colours are chosen when all of them are known.

use serde::{Deserialize, Serialize};
use synthcap::{
    ObjectState, Pixels,
    frame::{FlowDirection, PixelData, Rgb},
};

use super::canvas::{Color, Rect};
use crate::{Sample, SampleView};

/// Longest side of a picture on the sheet, pixels.
const MAX_SIDE: u32 = 320;

/// A sample made small.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Thumb {
    pub(super) index: u64,
    pub(super) tick: Option<u64>,
    pub(super) sim_time_s: Option<f64>,
    pub(super) views: Vec<ThumbView>,
}

/// A view made small. Every image is row by row, of the size of [`Grid`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ThumbView {
    pub(super) camera: String,
    pub(super) grid: Grid,
    pub(super) rgb: Option<Vec<Color>>,
    pub(super) depth_m: Option<Vec<f32>>,
    pub(super) ids: Option<Vec<u32>>,
    pub(super) normals: Option<Vec<[f32; 3]>>,
    pub(super) flow: Option<Vec<Option<[f32; 2]>>>,
    #[serde(with = "direction")]
    pub(super) flow_direction: Option<FlowDirection>,
    pub(super) objects: Vec<ThumbObject>,
}

/// An object that shows in a view.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ThumbObject {
    pub(super) instance_id: u32,
    pub(super) class_name: String,
    /// Around its visible pixels, on the small picture.
    pub(super) visible: Rect,
    pub(super) visible_pixels: u32,
}

/// Which pixels of an image make up its small picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Grid {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Pixels of the image per pixel of the small picture.
    step: f64,
    image_width: u32,
    image_height: u32,
}

impl Grid {
    pub(super) fn new(image_width: u32, image_height: u32) -> Self {
        let step = f64::from(image_width.max(image_height)) / f64::from(MAX_SIDE);
        let side = |image: u32| ((f64::from(image) / step).round() as u32).max(1);
        Self {
            width: side(image_width),
            height: side(image_height),
            step,
            image_width,
            image_height,
        }
    }

    /// The image's pixel in the middle of each of ours. Labels must not be mixed.
    fn nearest<T: Copy>(&self, pixels: &[T]) -> Vec<T> {
        let source = |small: u32, end: u32| {
            let middle = (f64::from(small) + 0.5) * self.step;
            (middle as u32).min(end - 1) as usize
        };
        let rows = (0..self.height).map(|y| source(y, self.image_height));
        let picked = rows.flat_map(|row| {
            let start = row * self.image_width as usize;
            (0..self.width).map(move |x| pixels[start + source(x, self.image_width)])
        });
        picked.collect()
    }

    /// The mean of the image's pixels under each of ours.
    fn mean(&self, rgb: &Rgb) -> Vec<Color> {
        let (pixels, _) = rgb.as_rgba().as_chunks::<4>();
        let span = |small: u32, end: u32| {
            let start = ((f64::from(small) * self.step) as u32).min(end - 1);
            let stop = (f64::from(small + 1) * self.step) as u32;
            start as usize..stop.clamp(start + 1, end) as usize
        };
        let mut small = Vec::with_capacity(self.width as usize * self.height as usize);
        for y in 0..self.height {
            let rows = span(y, self.image_height);
            for x in 0..self.width {
                let columns = span(x, self.image_width);
                let mut sum = [0_u32; 3];
                for row in rows.clone() {
                    let start = row * self.image_width as usize;
                    for pixel in &pixels[start + columns.start..start + columns.end] {
                        for (sum, channel) in sum.iter_mut().zip(pixel) {
                            *sum += u32::from(*channel);
                        }
                    }
                }
                let count = (rows.len() * columns.len()) as u32;
                small.push(sum.map(|sum| ((sum + count / 2) / count) as u8));
            }
        }
        small
    }
}

impl Thumb {
    /// The first so many views of a sample.
    pub(super) fn new(sample: &Sample, max_views: usize) -> Self {
        let views = sample.views.iter().take(max_views).enumerate();
        Self {
            index: sample.index,
            tick: sample.tick.map(|tick| tick.get()),
            sim_time_s: sample.sim_time.map(|time| time.as_secs_f64()),
            views: views
                .filter_map(|(i, view)| ThumbView::new(view, i, &sample.objects))
                .collect(),
        }
    }
}

impl ThumbView {
    fn new(view: &SampleView, place: usize, objects: &[ObjectState]) -> Option<Self> {
        let any = view.images.first()?;
        let grid = Grid::new(any.width(), any.height());
        let mut thumb = Self {
            camera: view.camera.as_str().to_owned(),
            grid,
            rgb: None,
            depth_m: None,
            ids: None,
            normals: None,
            flow: None,
            flow_direction: None,
            objects: objects
                .iter()
                .filter_map(|object| ThumbObject::new(object, place, grid.step))
                .collect(),
        };
        for pixels in &view.images {
            match pixels {
                Pixels::Rgb(rgb) => thumb.rgb = Some(grid.mean(rgb)),
                Pixels::Depth(depth) => thumb.depth_m = Some(grid.nearest(depth.metres())),
                Pixels::Segmentation(ids) => thumb.ids = Some(grid.nearest(ids.ids())),
                Pixels::Normals(normals) => thumb.normals = Some(grid.nearest(normals.vectors())),
                Pixels::Flow(flow) => {
                    let vectors = grid.nearest(flow.vectors()).into_iter();
                    let valid = grid.nearest(flow.validity());
                    let flow_or_none = vectors
                        .zip(valid)
                        .map(|(uv, valid)| (valid != 0).then_some(uv));
                    thumb.flow = Some(flow_or_none.collect());
                    thumb.flow_direction = Some(flow.direction());
                }
                _ => {}
            }
        }
        Some(thumb)
    }
}

impl ThumbObject {
    fn new(object: &ObjectState, view: usize, step: f64) -> Option<Self> {
        let seen = object.views.get(view)?;
        let edges = seen.visible_box?;
        let small = |edge: f32| (f64::from(edge) / step).round() as i32;
        let (x, y) = (small(edges.x_min), small(edges.y_min));
        Some(Self {
            instance_id: object.label.instance_id,
            class_name: object.label.class_name.clone(),
            visible: Rect {
                x,
                y,
                width: (small(edges.x_max) - x).max(1),
                height: (small(edges.y_max) - y).max(1),
            },
            visible_pixels: seen.visible_pixels,
        })
    }
}

/// Directions by whether they are forward.
mod direction {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use synthcap::frame::FlowDirection;

    pub(super) fn serialize<S: Serializer>(
        direction: &Option<FlowDirection>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let forward = direction.map(|direction| direction == FlowDirection::Forward);
        forward.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<FlowDirection>, D::Error> {
        let forward = Option::<bool>::deserialize(deserializer)?;
        Ok(forward.map(|forward| match forward {
            true => FlowDirection::Forward,
            false => FlowDirection::Backward,
        }))
    }
}
