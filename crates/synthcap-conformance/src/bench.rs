//! A server on the bench: the ways to it, and the state it had.

use std::{sync::Arc, time::Duration};

use synthcap::{Camera, Capability, Client, Error, Modality, ServerInfo, SharedMemory, Transform};
use tonic::transport::Endpoint;

use crate::{
    Options,
    point::{Flaw, Outcome},
    wire::{Stub, Wire},
};

/// Replies larger than this are not taken.
const MAX_REPLY_BYTES: usize = 256 << 20;

/// A server that is looked at.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) stub: Stub,
    pub(crate) info: Option<Arc<ServerInfo>>,
    pub(crate) patience: Duration,
    /// Of the images to look at, pixels.
    pub(crate) size: (u32, u32),
    /// Where the default camera was in the beginning.
    pub(crate) home: Transform,
}

impl Bench {
    pub(crate) async fn connect(url: &str, options: &Options) -> Result<Self, Error> {
        let client = Client::builder(url)
            .request_timeout(options.patience)
            // What comes by it is a level of its own.
            .shared_memory(SharedMemory::Off)
            .connect()
            .await?;
        // The client has connected to it, so it is an address.
        let endpoint = Endpoint::from_shared(url.to_owned())
            .unwrap_or_else(|_| Endpoint::from_static("http://localhost"));
        let info = client.server_info();
        let mut bench = Self {
            url: url.to_owned(),
            stub: Stub::new(endpoint.connect_lazy()).max_decoding_message_size(MAX_REPLY_BYTES),
            size: options.size,
            patience: options.patience,
            home: Transform::IDENTITY,
            info,
            client,
        };
        bench.settle().await;
        Ok(bench)
    }

    /// Stops time and notes where the camera is. What fails here fails again at
    /// the point that is about it.
    async fn settle(&mut self) {
        if let Some(info) = &self.info {
            let limits = info.limits;
            self.size.0 = self.size.0.clamp(1, limits.max_width.max(1));
            self.size.1 = self.size.1.clamp(1, limits.max_height.max(1));
        }
        if self.can(Capability::Step) {
            let _ = self.client.pause().await;
        }
        if let Ok(pose) = self.client.default_camera().transform().await {
            self.home = pose.value;
        }
    }

    /// Puts the camera back and lets time run again if it ran.
    pub(crate) async fn restore(self) {
        let camera = self.client.default_camera();
        let _ = camera.set_transform(self.home).await;
        if self.info.as_ref().is_some_and(|info| !info.paused) && self.can(Capability::Step) {
            let _ = self.client.resume().await;
        }
        let _ = self.client.close().await;
    }

    pub(crate) fn can(&self, capability: Capability) -> bool {
        self.info.as_ref().is_some_and(|info| info.can(capability))
    }

    pub(crate) fn needs(&self, capability: Capability) -> Outcome {
        if self.can(capability) {
            return Ok(());
        }
        Err(Flaw::lacks(capability))
    }

    pub(crate) fn makes(&self, modality: Modality) -> bool {
        let info = self.info.as_ref();
        info.is_some_and(|info| info.modalities.contains(modality))
    }

    pub(crate) fn needs_images(&self, modalities: &[Modality]) -> Outcome {
        let missing = modalities.iter().find(|modality| !self.makes(**modality));
        missing.map_or(Ok(()), |modality| Err(Flaw::makes_no(*modality)))
    }

    /// What the server said of itself; the points of this level are only looked at
    /// on servers that do.
    pub(crate) fn info(&self) -> Outcome<&ServerInfo> {
        let plain = || Flaw::NotOffered("this is a plain UESynth server".to_owned());
        self.info.as_deref().ok_or_else(plain)
    }

    /// The default camera, asked for images of the bench's size.
    pub(crate) fn camera(&self) -> Camera {
        let (width, height) = self.size;
        self.client.default_camera().with_size(width, height)
    }

    /// The same bench for images of another size.
    pub(crate) fn resized(&self, size: (u32, u32)) -> Self {
        Self {
            size,
            ..self.clone()
        }
    }

    /// A stream of its own.
    pub(crate) fn wire(&self) -> Wire {
        Wire::open(&self.stub, self.patience)
    }
}
