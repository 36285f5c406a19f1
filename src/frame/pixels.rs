//! The pixels of each modality, with their units.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use image::{ImageBuffer, Rgba, RgbaImage};

use super::Samples;
use crate::{Label, Modality};

/// An image's numbers do not make up an image of the stated size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeMismatch {
    pub(crate) modality: Modality,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) expected_bytes: u64,
    pub(crate) actual_bytes: u64,
}

impl fmt::Display for SizeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a {}x{} {} image takes {} bytes, but there are {}",
            self.width, self.height, self.modality, self.expected_bytes, self.actual_bytes
        )
    }
}

impl std::error::Error for SizeMismatch {}

/// Checks a byte count against width x height x bytes per pixel.
fn check(modality: Modality, width: u32, height: u32, bytes: usize) -> Result<(), SizeMismatch> {
    let pixels = u64::from(width) * u64::from(height);
    let expected = pixels.saturating_mul(modality.bytes_per_pixel() as u64);
    if expected == bytes as u64 {
        return Ok(());
    }
    Err(SizeMismatch {
        modality,
        width,
        height,
        expected_bytes: expected,
        actual_bytes: bytes as u64,
    })
}

/// The pixels in received bytes, whose count is checked first.
fn received<T>(
    modality: Modality,
    width: u32,
    height: u32,
    bytes: Bytes,
) -> Result<Samples<T>, SizeMismatch>
where
    T: bytemuck::NoUninit + bytemuck::AnyBitPattern + Send,
{
    check(modality, width, height, bytes.len())?;
    // The length is a multiple of the pixel size, which is that of T.
    Ok(Samples::from_bytes(bytes).unwrap_or_else(|| Samples::from(Vec::new())))
}

/// Colour: sRGB with alpha, 8 bits each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rgb {
    width: u32,
    height: u32,
    rgba: Samples<u8>,
}

impl Rgb {
    /// From red, green, blue, alpha of each pixel, row by row.
    ///
    /// # Errors
    ///
    /// When the byte count is not width x height x 4.
    pub fn new(width: u32, height: u32, rgba: impl Into<Bytes>) -> Result<Self, SizeMismatch> {
        let rgba = received(Modality::Rgb, width, height, rgba.into())?;
        Ok(Self {
            width,
            height,
            rgba,
        })
    }

    /// Red, green, blue and alpha of each pixel, row by row.
    pub fn as_rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// The picture for the `image` crate, without a copy.
    pub fn image(&self) -> ImageBuffer<Rgba<u8>, &[u8]> {
        // The length was checked when this was made, so there is always a buffer.
        ImageBuffer::from_raw(self.width, self.height, self.as_rgba())
            .unwrap_or_else(|| unreachable!("length checked at construction"))
    }

    /// The picture for the `image` crate, copied.
    pub fn to_image(&self) -> RgbaImage {
        let mut image = RgbaImage::new(self.width, self.height);
        image.copy_from_slice(self.as_rgba());
        image
    }
}

/// Distance along the optical axis ("planar" depth), in metres.
#[derive(Clone, Debug, PartialEq)]
pub struct Depth {
    width: u32,
    height: u32,
    metres: Samples<f32>,
}

impl Depth {
    /// What a pixel holds where nothing is.
    pub const BACKGROUND: f32 = f32::INFINITY;

    /// From metres, row by row; [`Depth::BACKGROUND`] where nothing is.
    ///
    /// # Errors
    ///
    /// When the count is not width x height.
    pub fn new(
        width: u32,
        height: u32,
        metres: impl Into<Samples<f32>>,
    ) -> Result<Self, SizeMismatch> {
        let metres = metres.into();
        check(Modality::Depth, width, height, size_of_val(&*metres))?;
        Ok(Self {
            width,
            height,
            metres,
        })
    }

    /// From f32 metres as the wire has them; copied only when misaligned.
    pub(crate) fn from_bytes(width: u32, height: u32, bytes: Bytes) -> Result<Self, SizeMismatch> {
        Ok(Self {
            width,
            height,
            metres: received(Modality::Depth, width, height, bytes)?,
        })
    }

    /// Metres, row by row; infinite where nothing is.
    pub fn metres(&self) -> &[f32] {
        &self.metres
    }

    /// Metres at a pixel; `None` for background and outside the image.
    pub fn at(&self, x: u32, y: u32) -> Option<f32> {
        let metres = self.metres[index(self.width, self.height, x, y)?];
        metres.is_finite().then_some(metres)
    }
}

/// Instance IDs, and a table that says what each stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmentation {
    width: u32,
    height: u32,
    ids: Samples<u32>,
    labels: Arc<[Label]>,
}

impl Segmentation {
    /// The ID of pixels that show no object.
    pub const BACKGROUND: u32 = 0;

    /// From instance IDs, row by row, and the labels of those that occur.
    ///
    /// # Errors
    ///
    /// When the count of IDs is not width x height.
    pub fn new(
        width: u32,
        height: u32,
        ids: impl Into<Samples<u32>>,
        labels: impl Into<Arc<[Label]>>,
    ) -> Result<Self, SizeMismatch> {
        let ids = ids.into();
        check(Modality::Segmentation, width, height, size_of_val(&*ids))?;
        Ok(Self {
            width,
            height,
            ids,
            labels: labels.into(),
        })
    }

    /// From u32 IDs as the wire has them; copied only when misaligned.
    pub(crate) fn from_bytes(
        width: u32,
        height: u32,
        bytes: Bytes,
        labels: impl Into<Arc<[Label]>>,
    ) -> Result<Self, SizeMismatch> {
        Ok(Self {
            width,
            height,
            ids: received(Modality::Segmentation, width, height, bytes)?,
            labels: labels.into(),
        })
    }

    /// Instance IDs, row by row.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The instance ID at a pixel; `None` outside the image.
    pub fn at(&self, x: u32, y: u32) -> Option<u32> {
        Some(self.ids[index(self.width, self.height, x, y)?])
    }

    /// What the IDs in this image stand for.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The label of an instance ID.
    pub fn label(&self, instance_id: u32) -> Option<&Label> {
        self.labels
            .iter()
            .find(|label| label.instance_id == instance_id)
    }

    /// Class IDs, row by row: the semantic segmentation. 0 is background, and
    /// also stands for an instance without a label.
    pub fn class_ids(&self) -> Vec<u32> {
        let mut table: Vec<_> = self
            .labels
            .iter()
            .map(|label| (label.instance_id, label.class_id))
            .collect();
        table.sort_unstable();
        let class_of = |id: u32| {
            let found = table.binary_search_by_key(&id, |entry| entry.0);
            found.map_or(Self::BACKGROUND, |i| table[i].1)
        };
        // Neighbouring pixels mostly show the same instance.
        let mut last = (Self::BACKGROUND, Self::BACKGROUND);
        let semantic = self.ids.iter().map(|&id| {
            if id != last.0 {
                last = (id, class_of(id));
            }
            last.1
        });
        semantic.collect()
    }
}

/// Surface normals: unit vectors in world axes (X forward, Y right, Z up).
#[derive(Clone, Debug, PartialEq)]
pub struct Normals {
    width: u32,
    height: u32,
    xyz: Samples<[f32; 3]>,
}

impl Normals {
    /// From unit vectors, row by row; all zero where nothing is.
    ///
    /// # Errors
    ///
    /// When the count is not width x height.
    pub fn new(
        width: u32,
        height: u32,
        xyz: impl Into<Samples<[f32; 3]>>,
    ) -> Result<Self, SizeMismatch> {
        let xyz = xyz.into();
        check(Modality::Normals, width, height, size_of_val(&*xyz))?;
        Ok(Self { width, height, xyz })
    }

    /// From f32 triples as the wire has them; copied only when misaligned.
    pub(crate) fn from_bytes(width: u32, height: u32, bytes: Bytes) -> Result<Self, SizeMismatch> {
        Ok(Self {
            width,
            height,
            xyz: received(Modality::Normals, width, height, bytes)?,
        })
    }

    /// Unit vectors, row by row; all zero where nothing is.
    pub fn vectors(&self) -> &[[f32; 3]] {
        &self.xyz
    }

    /// The normal at a pixel; `None` for background and outside the image.
    pub fn at(&self, x: u32, y: u32) -> Option<[f32; 3]> {
        let normal = self.xyz[index(self.width, self.height, x, y)?];
        (normal != [0.0; 3]).then_some(normal)
    }
}

/// Which way optical flow points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlowDirection {
    /// For this image's pixels: position at the previous tick minus position
    /// now. Valid where the surface point was visible at the previous tick.
    Backward,
    /// For the previous tick's pixels: position now minus position then. Valid
    /// where the surface point is visible now.
    Forward,
}

/// Optical flow, in pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    width: u32,
    height: u32,
    uv: Samples<[f32; 2]>,
    /// Both planes as on the wire: the vectors, then one byte of validity each.
    planes: Bytes,
    direction: FlowDirection,
}

impl Flow {
    /// From pairs (u right, v down) and one validity byte (0 or 1) per pixel,
    /// row by row.
    ///
    /// # Errors
    ///
    /// When a count is not width x height.
    pub fn new(
        width: u32,
        height: u32,
        uv: &[[f32; 2]],
        valid: &[u8],
        direction: FlowDirection,
    ) -> Result<Self, SizeMismatch> {
        let mut planes = Vec::with_capacity(size_of_val(uv) + valid.len());
        planes.extend_from_slice(bytemuck::cast_slice(uv));
        planes.extend_from_slice(valid);
        Self::from_planes(width, height, planes.into(), direction)
    }

    /// From both planes as the wire has them: width x height pairs of f32, then
    /// width x height bytes of validity.
    ///
    /// # Errors
    ///
    /// When the byte count is not width x height x 9.
    pub fn from_planes(
        width: u32,
        height: u32,
        planes: Bytes,
        direction: FlowDirection,
    ) -> Result<Self, SizeMismatch> {
        check(Modality::Flow, width, height, planes.len())?;
        let pixels = planes.len() / Modality::Flow.bytes_per_pixel();
        let vectors = planes.slice(..pixels * size_of::<[f32; 2]>());
        let uv = Samples::from_bytes(vectors).unwrap_or_else(|| Samples::from(Vec::new()));
        Ok(Self {
            width,
            height,
            uv,
            planes,
            direction,
        })
    }

    /// Pairs (u right, v down) in pixels, row by row.
    pub fn vectors(&self) -> &[[f32; 2]] {
        &self.uv
    }

    /// One byte per pixel, row by row: 1 where the vector is valid, else 0.
    pub fn validity(&self) -> &[u8] {
        &self.planes[size_of_val(&*self.uv)..]
    }

    /// The vector at a pixel; `None` where it is not valid and outside the image.
    pub fn at(&self, x: u32, y: u32) -> Option<[f32; 2]> {
        let i = index(self.width, self.height, x, y)?;
        (self.validity()[i] != 0).then(|| self.uv[i])
    }

    /// Which way the vectors point.
    pub fn direction(&self) -> FlowDirection {
        self.direction
    }
}

fn index(width: u32, height: u32, x: u32, y: u32) -> Option<usize> {
    (x < width && y < height).then(|| y as usize * width as usize + x as usize)
}

/// The pixels of one image, of whichever modality.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pixels {
    /// Colour.
    Rgb(Rgb),
    /// Depth.
    Depth(Depth),
    /// Instance IDs.
    Segmentation(Segmentation),
    /// Surface normals.
    Normals(Normals),
    /// Optical flow.
    Flow(Flow),
}

impl Pixels {
    /// The bytes as they go over the wire uncompressed; nothing is copied.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Rgb(p) => p.rgba.into_bytes(),
            Self::Depth(p) => p.metres.into_bytes(),
            Self::Segmentation(p) => p.ids.into_bytes(),
            Self::Normals(p) => p.xyz.into_bytes(),
            Self::Flow(p) => p.planes,
        }
    }
}

/// What all kinds of pixels have in common.
pub trait PixelData: fmt::Debug + Send + Sync + 'static {
    /// Which kind of image this is.
    fn modality(&self) -> Modality;
    /// Width in pixels.
    fn width(&self) -> u32;
    /// Height in pixels.
    fn height(&self) -> u32;
}

/// Pixels of one modality, known when compiling.
pub trait TypedPixels: PixelData + Sized {
    /// The modality.
    const MODALITY: Modality;
    /// Takes the pixels out; gives them back when they are of another modality.
    ///
    /// # Errors
    ///
    /// The pixels themselves, when their modality is not [`Self::MODALITY`].
    fn from_pixels(pixels: Pixels) -> Result<Self, Pixels>;
}

macro_rules! typed {
    ($($name:ident),*) => {
        $(
            impl PixelData for $name {
                fn modality(&self) -> Modality {
                    Modality::$name
                }
                fn width(&self) -> u32 {
                    self.width
                }
                fn height(&self) -> u32 {
                    self.height
                }
            }

            impl TypedPixels for $name {
                const MODALITY: Modality = Modality::$name;

                fn from_pixels(pixels: Pixels) -> Result<Self, Pixels> {
                    match pixels {
                        Pixels::$name(typed) => Ok(typed),
                        other => Err(other),
                    }
                }
            }

            impl From<$name> for Pixels {
                fn from(typed: $name) -> Self {
                    Self::$name(typed)
                }
            }
        )*

        impl PixelData for Pixels {
            fn modality(&self) -> Modality {
                match self {
                    $(Self::$name(_) => Modality::$name),*
                }
            }
            fn width(&self) -> u32 {
                match self {
                    $(Self::$name(typed) => typed.width),*
                }
            }
            fn height(&self) -> u32 {
                match self {
                    $(Self::$name(typed) => typed.height),*
                }
            }
        }
    };
}

typed!(Rgb, Depth, Segmentation, Normals, Flow);
