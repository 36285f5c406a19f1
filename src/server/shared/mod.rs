//! Frames in shared memory, on the server's side: who has which slots, and where
//! engines get the memory for their images.

mod buffers;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod heap;
#[cfg(target_os = "linux")]
mod linux;

pub use buffers::{PixelBuffer, PixelBuffers};
#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{SideSocket, SlotBuffer, Slots};
#[cfg(target_os = "linux")]
pub(super) use linux::{SideSocket, SlotBuffer, Slots};

use crate::proto::{FrameResponse, SharedPixels, frame_response::Response};

/// What a server spends on shared memory.
///
/// Memory is taken when clients on the same machine capture, as much as their
/// frames in flight need, and is given back when they leave. A frame for which
/// there is no room goes over the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedMemoryLimits {
    /// Memory for the frames of all clients together, in bytes. Default 1 GiB.
    pub max_bytes: u64,
    /// Images smaller than this go over the connection, in bytes. Default
    /// 64 KiB, below which shared memory gains nothing.
    pub min_image_bytes: usize,
}

impl Default for SharedMemoryLimits {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            min_image_bytes: 64 << 10,
        }
    }
}

/// The variable by which whoever runs a server decides, whatever its code says.
const VARIABLE: &str = "SYNTHCAP_SERVER_SHARED_MEMORY";

impl SharedMemoryLimits {
    /// What the environment makes of a server's settings: `off`, or the size in
    /// bytes from which images are shared.
    pub(super) fn from_env(set: Option<Self>) -> Result<Option<Self>, String> {
        match std::env::var(VARIABLE) {
            Ok(text) => Self::overridden(set, &text),
            Err(_) => Ok(set),
        }
    }

    fn overridden(set: Option<Self>, text: &str) -> Result<Option<Self>, String> {
        if text == "off" {
            return Ok(None);
        }
        let min_image_bytes = text.parse().map_err(|_| {
            format!("{VARIABLE} is {text:?}; it must be off or a whole number of bytes")
        })?;
        Ok(Some(Self {
            min_image_bytes,
            ..set.unwrap_or_default()
        }))
    }
}

impl Slots {
    /// Puts the pixels of an image into shared memory, if its client has any and
    /// there is room.
    pub(super) fn place(&self, message: &mut FrameResponse) {
        let Some(Response::ImageResponse(image)) = &mut message.response else {
            return;
        };
        if let Some((slot, generation, length)) = self.place_bytes(&image.image_data) {
            image.image_data = bytes::Bytes::new();
            image.shared = Some(SharedPixels {
                slot,
                generation,
                length,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_has_the_last_word() {
        let set = Some(SharedMemoryLimits {
            max_bytes: 5,
            min_image_bytes: 7,
        });
        let overridden = |text| SharedMemoryLimits::overridden(set, text);
        assert_eq!(overridden("off"), Ok(None));
        let one = overridden("1").expect("a number").expect("on");
        assert_eq!((one.max_bytes, one.min_image_bytes), (5, 1));
        assert!(overridden("some").is_err_and(|message| message.contains(VARIABLE)));
    }
}
