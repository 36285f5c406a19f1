//! Reading the newest frame.

use std::{sync::Arc, time::Duration};

use super::{Inner, wait::Waiting};
use crate::{CameraName, Error, Frame, FrameSeq, Modality, frame::Moment, latest::Slot};

/// The newest frame of one camera and modality, for loops that want the freshest
/// and never every frame. Cheap to clone; get it once and keep it. When this client
/// destroys the camera it ends, with an error of the kind that a capture would end
/// with: [`Rejected`](crate::ErrorKind::Rejected) as not found. Of a camera that is
/// made again under the same name, get it anew.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
/// # let client = synthcap::Client::connect(server.url()).await?;
/// use synthcap::{Modality, Vec3};
///
/// let camera = client.default_camera();
/// let latest = camera.latest(Modality::Rgb);
/// assert!(latest.get().is_none());
///
/// let moved = camera.set_location(Vec3::new(-150.0, 0.0, 120.0)).await?;
/// drop(camera.rgb().submit()?);
/// let frame = latest.at_or_after(moved.moment()).await?;
/// assert_eq!(frame.info().pose.unwrap().location.z, 120.0);
/// # client.close().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Latest {
    pub(super) slot: Arc<Slot>,
    pub(super) waiting: Waiting,
}

impl Latest {
    pub(super) fn new(inner: &Inner, camera: &CameraName, modality: Modality) -> Self {
        Self {
            slot: inner.session.hub.latest.slot(camera, modality),
            waiting: inner.waiting(),
        }
    }

    /// The newest frame, if any has come. Never waits, and never holds up the
    /// arrival of the next.
    pub fn get(&self) -> Option<Arc<Frame>> {
        self.slot.get()
    }

    /// Waits for a frame with a higher number. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the client ends or the camera is destroyed, with the reason.
    pub async fn newer_than(&self, seq: FrameSeq) -> Result<Arc<Frame>, Error> {
        self.slot.newer_than(seq).await
    }

    /// Waits for a frame that shows the effect of everything up to a moment, such
    /// as that of a camera move. Cancel safe.
    ///
    /// It asks for nothing itself: someone must capture.
    ///
    /// # Errors
    ///
    /// When the client ends or the camera is destroyed, with the reason.
    pub async fn at_or_after(&self, moment: Moment) -> Result<Arc<Frame>, Error> {
        self.slot.at_or_after(moment).await
    }

    /// How long ago the newest frame was received.
    pub fn age(&self) -> Option<Duration> {
        let frame = self.slot.peek()?;
        Some(frame.info().stamp.received_at.elapsed())
    }

    /// How many frames were replaced before anybody looked at them.
    pub fn replaced_unread(&self) -> u64 {
        self.slot.replaced_unread()
    }
}
