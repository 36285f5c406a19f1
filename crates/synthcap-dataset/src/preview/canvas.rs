//! A picture to draw on.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Red, green, blue.
pub(super) type Color = [u8; 3];

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Rect {
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }
}

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Font {
    weight: FontWeight,
    height: RasterHeight,
}

impl Font {
    pub(super) const TITLE: Self = Self::new(FontWeight::Bold, RasterHeight::Size24);
    pub(super) const HEAD: Self = Self::new(FontWeight::Bold, RasterHeight::Size20);
    pub(super) const TEXT: Self = Self::new(FontWeight::Regular, RasterHeight::Size20);
    pub(super) const LABEL: Self = Self::new(FontWeight::Regular, RasterHeight::Size16);

    const fn new(weight: FontWeight, height: RasterHeight) -> Self {
        Self { weight, height }
    }

    /// Line height, pixels.
    pub(super) fn height(self) -> i32 {
        self.height.val() as i32
    }

    /// Width of a text, pixels.
    pub(super) fn width(self, text: &str) -> i32 {
        (text.chars().count() * get_raster_width(self.weight, self.height)) as i32
    }
}

/// RGB, 8 bits each. Drawing outside it is cut off.
#[derive(Clone, Debug)]
pub(super) struct Canvas {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, background: Color) -> Self {
        Self {
            width,
            height,
            rgb: background.repeat(width as usize * height as usize),
        }
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn as_rgb(&self) -> &[u8] {
        &self.rgb
    }

    fn pixel(&mut self, x: i32, y: i32) -> Option<&mut [u8]> {
        let inside = |v: i32, end: u32| u32::try_from(v).ok().filter(|v| *v < end);
        let (x, y) = (inside(x, self.width)?, inside(y, self.height)?);
        let i = (y as usize * self.width as usize + x as usize) * 3;
        self.rgb.get_mut(i..i + 3)
    }

    pub(super) fn set(&mut self, x: i32, y: i32, color: Color) {
        if let Some(pixel) = self.pixel(x, y) {
            pixel.copy_from_slice(&color);
        }
    }

    /// Mixes a colour in; 255 replaces what was there.
    fn blend(&mut self, x: i32, y: i32, color: Color, coverage: u8) {
        if let Some(pixel) = self.pixel(x, y) {
            for (old, new) in pixel.iter_mut().zip(color) {
                let (a, b, c) = (u32::from(*old), u32::from(new), u32::from(coverage));
                *old = ((a * (255 - c) + b * c + 127) / 255) as u8;
            }
        }
    }

    /// Fills a rectangle; an opacity below 255 lets what is there shine through.
    pub(super) fn fill(&mut self, rect: Rect, color: Color, opacity: u8) {
        for y in rect.y..rect.y + rect.height {
            for x in rect.x..rect.x + rect.width {
                self.blend(x, y, color, opacity);
            }
        }
    }

    /// Draws the rectangle's outermost pixels.
    pub(super) fn outline(&mut self, rect: Rect, color: Color) {
        let (right, bottom) = (rect.x + rect.width - 1, rect.y + rect.height - 1);
        for x in rect.x..=right {
            self.set(x, rect.y, color);
            self.set(x, bottom, color);
        }
        for y in rect.y..=bottom {
            self.set(rect.x, y, color);
            self.set(right, y, color);
        }
    }

    /// Draws a rectangle pixel by pixel.
    pub(super) fn paint(&mut self, rect: Rect, color: impl Fn(i32, i32) -> Color) {
        for y in 0..rect.height {
            for x in 0..rect.width {
                self.set(rect.x + x, rect.y + y, color(x, y));
            }
        }
    }

    /// Writes one line, its top left corner at (x, y). Letters that the font
    /// lacks become question marks.
    pub(super) fn text(&mut self, x: i32, y: i32, text: &str, font: Font, color: Color) {
        let advance = get_raster_width(font.weight, font.height) as i32;
        for (i, letter) in (0_i32..).zip(text.chars()) {
            let glyph = get_raster(letter, font.weight, font.height)
                .or_else(|| get_raster('?', font.weight, font.height));
            let Some(glyph) = glyph else {
                continue;
            };
            for (row, line) in (0_i32..).zip(glyph.rows()) {
                for (column, coverage) in (0_i32..).zip(line) {
                    self.blend(x + i * advance + column, y + row, color, *coverage);
                }
            }
        }
    }
}
