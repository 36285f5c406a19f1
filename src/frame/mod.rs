//! Typed images with everything that was true when they were made.

mod pixels;
pub(crate) mod pool;
mod samples;

use std::time::{Duration, Instant};

pub use pixels::{
    Depth, Flow, FlowDirection, Normals, PixelData, Pixels, Rgb, Segmentation, SizeMismatch,
    TypedPixels,
};
pub use samples::Samples;

use crate::{
    CameraName, Encoding, FrameSeq, Intrinsics, Modality, RequestId, Tick, Transfer, Transform,
};

/// A point in the order in which a server executed what it was asked.
///
/// A frame shows the effect of every command whose moment is not later than the
/// frame's own; the larger moment is the later one. The order holds across
/// reconnects and restarts of the server, and on a plain UESynth server, where
/// it follows from the order of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// Which run of the server, counted by the client from 1.
    pub(crate) run: u32,
    /// The server's own count.
    pub(crate) order: u64,
}

/// When a reply was made, by the server's clocks and by ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stamp {
    /// Place in the server's order of execution.
    pub moment: Moment,
    /// The simulation tick at which the request was executed; `None` from a plain
    /// UESynth server, which has no ticks.
    pub tick: Option<Tick>,
    /// Simulation time at that tick; `None` from a plain UESynth server.
    pub sim_time: Option<Duration>,
    /// Server's wall clock since the Unix epoch when the request came in.
    pub server_received: Option<Duration>,
    /// Server's wall clock since the Unix epoch when the reply was ready.
    pub server_sent: Option<Duration>,
    /// Our clock when the reply was complete.
    pub received_at: Instant,
}

/// Where and when a frame was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameInfo {
    /// The camera. Empty only from a plain UESynth server's default camera.
    pub camera: CameraName,
    /// The request that asked for it.
    pub request_id: RequestId,
    /// Its number among the frames of this camera and modality.
    pub seq: FrameSeq,
    /// When it was taken and received.
    pub stamp: Stamp,
    /// Where the camera was; `None` from a plain UESynth server.
    pub pose: Option<Transform>,
    /// The camera's intrinsics; `None` from a plain UESynth server.
    pub intrinsics: Option<Intrinsics>,
}

/// Bytes of an image's pixels when nothing is encoded.
pub(crate) fn raw_bytes(pixels: &impl PixelData) -> u64 {
    let count = u64::from(pixels.width()) * u64::from(pixels.height());
    count.saturating_mul(pixels.modality().bytes_per_pixel() as u64)
}

/// An image with its camera, tick and time. Cloning shares the pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame<P = Pixels> {
    info: FrameInfo,
    pixels: P,
    transfer: Transfer,
}

/// A colour frame.
pub type RgbFrame = Frame<Rgb>;
/// A depth frame.
pub type DepthFrame = Frame<Depth>;
/// A segmentation frame.
pub type SegmentationFrame = Frame<Segmentation>;
/// A frame of surface normals.
pub type NormalsFrame = Frame<Normals>;
/// An optical-flow frame.
pub type FlowFrame = Frame<Flow>;

impl<P: PixelData> Frame<P> {
    /// Puts a frame together, of pixels that were not encoded.
    pub fn new(info: FrameInfo, pixels: P) -> Self {
        let transfer = Transfer::raw(raw_bytes(&pixels));
        Self::received(info, pixels, transfer)
    }

    /// Puts a frame together, of pixels that came so.
    pub(crate) fn received(info: FrameInfo, pixels: P, transfer: Transfer) -> Self {
        Self {
            info,
            pixels,
            transfer,
        }
    }

    /// Where and when it was taken.
    pub fn info(&self) -> &FrameInfo {
        &self.info
    }

    /// The pixels.
    pub fn pixels(&self) -> &P {
        &self.pixels
    }

    /// The pixels, without the rest.
    pub fn into_pixels(self) -> P {
        self.pixels
    }

    /// How the pixels came: raw, or encoded and with which parameters. Unless it
    /// [loses](Encoding::is_lossless) they are the engine's, bit for bit.
    pub fn encoding(&self) -> Encoding {
        self.transfer.encoding
    }

    /// Bytes that the pixels took on the wire. What gRPC's own compression saves
    /// is not in it.
    pub fn wire_bytes(&self) -> u64 {
        self.transfer.wire_bytes
    }

    /// Which kind of image this is.
    pub fn modality(&self) -> Modality {
        self.pixels.modality()
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.pixels.height()
    }

    /// Place in the server's order of execution; compare it with a command's.
    pub fn moment(&self) -> Moment {
        self.info.stamp.moment
    }

    /// The simulation tick; `None` from a plain UESynth server.
    pub fn tick(&self) -> Option<Tick> {
        self.info.stamp.tick
    }
}

impl Frame<Pixels> {
    /// The frame as one of a known modality.
    ///
    /// # Errors
    ///
    /// The frame itself, when it is of another modality.
    pub fn typed<P: TypedPixels>(self) -> Result<Frame<P>, Box<Self>> {
        let Self {
            info,
            pixels,
            transfer,
        } = self;
        match P::from_pixels(pixels) {
            Ok(pixels) => Ok(Frame::received(info, pixels, transfer)),
            Err(pixels) => Err(Box::new(Self::received(info, pixels, transfer))),
        }
    }
}
