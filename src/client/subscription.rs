//! Frames that the server sends by itself.

use std::{fmt, sync::Arc};

use tokio::sync::mpsc;

use super::{
    Client, FrameSet, Inner, answers,
    request::{Needs, Request},
};
use crate::{
    Answer, Capability, CaptureSet, Error, ErrorKind, RequestId, Subscription,
    session::{Job, Order, PushItem},
};

/// Which frames of a subscription reach its reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivery {
    /// The newest. Each read asks the server for one capture of the state as it
    /// is then, so a slow reader costs nothing and never sees old frames.
    #[default]
    Latest,
    /// Every capture that is due, sent ahead as far as the credits and the server's `max_in_flight` go. One that
    /// the server had to skip, because this reader was too slow for the rate, is
    /// an error of kind [`ErrorKind::Gap`], and the stream goes on.
    Lossless,
}

/// A subscription that has not been made yet.
#[derive(Clone)]
#[must_use = "nothing is subscribed until open() is awaited"]
pub struct Subscribe {
    inner: Arc<Inner>,
    subscription: Subscription,
    delivery: Delivery,
}

impl Client {
    /// Lets the server push capture sets by itself.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// use synthcap::{CaptureSet, Modality};
    ///
    /// let view = client.default_camera().view();
    /// let set = CaptureSet {
    ///     views: vec![(view, Modality::Rgb | Modality::Depth)],
    ///     include_scene: false,
    /// };
    /// client.resume().await?;
    /// let mut frames = client.subscribe(set).rate_hz(30.0).open().await?;
    /// let first = frames.next().await.expect("the client lives")?;
    /// let second = frames.next().await.expect("the client lives")?;
    /// assert!(second.stamp.tick > first.stamp.tick);
    /// # drop(frames);
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn subscribe(&self, set: CaptureSet) -> Subscribe {
        Subscribe {
            inner: self.inner.clone(),
            subscription: Subscription {
                set,
                rate_hz: 0.0,
                credits: 8,
            },
            delivery: Delivery::default(),
        }
    }
}

impl Subscribe {
    /// Captures per second of simulation time. Default 0: one every tick.
    pub fn rate_hz(mut self, rate_hz: f64) -> Self {
        self.subscription.rate_hz = rate_hz;
        self
    }

    /// Which captures reach the reader. Default: the newest.
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// How many captures the server may send ahead of the reader, at least 1.
    /// Default 8. Only for lossless delivery; it bounds the memory.
    pub fn credits(mut self, credits: u32) -> Self {
        self.subscription.credits = credits.max(1);
        self
    }

    /// Subscribes, and waits until the server has agreed.
    ///
    /// Cancel safe: dropped before it returns, the subscription ends.
    ///
    /// # Errors
    ///
    /// As for a capture set, and [`ErrorKind::Unsupported`] when the server does
    /// not push.
    pub async fn open(self) -> Result<FrameSubscription, Error> {
        let mut subscription = self.subscription;
        if self.delivery == Delivery::Latest {
            // The reader gives one whenever it is ready.
            subscription.credits = 0;
        }
        let needs = Needs::Extension(Capability::Subscribe);
        let job = Job::Subscribe(subscription);
        let request = Request::new(&self.inner, job, needs, answers::done);
        let (reader, items) = mpsc::unbounded_channel();
        let ticket = request.submit_with(|id| Order::Reader(id, reader))?;
        let mut open = FrameSubscription {
            id: ticket.id(),
            inner: self.inner,
            items,
            delivery: self.delivery,
            wanted: false,
            held_back: None,
            skipped: 0,
        };
        ticket.await?;
        if open.delivery == Delivery::Latest {
            open.want();
        }
        Ok(open)
    }
}

impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("subscription", &self.subscription)
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

/// Frames that the server sends by itself; ends when dropped.
///
/// After a lost connection it goes on by itself. They also reach the
/// latest-frame buffer.
pub struct FrameSubscription {
    id: RequestId,
    inner: Arc<Inner>,
    items: mpsc::UnboundedReceiver<PushItem>,
    delivery: Delivery,
    /// A capture has been asked for and has not come.
    wanted: bool,
    /// What comes after the gap that was just reported.
    held_back: Option<FrameSet>,
    skipped: u64,
}

impl FrameSubscription {
    /// The next capture; `None` after the subscription has ended.
    ///
    /// Cancel safe: a capture that comes meanwhile is the next one read.
    ///
    /// # Errors
    ///
    /// The items are errors where captures are missing (lossless delivery only)
    /// and, as the last one, why the subscription ended.
    pub async fn next(&mut self) -> Option<Result<FrameSet, Error>> {
        if let Some(set) = self.held_back.take() {
            return Some(Ok(set));
        }
        loop {
            if self.delivery == Delivery::Latest {
                self.want();
            }
            let (answer, stamp, skipped) = match self.items.recv().await? {
                Ok(item) => item,
                // The newest is still to come.
                Err(error)
                    if error.kind() == ErrorKind::Gap && self.delivery == Delivery::Latest =>
                {
                    continue;
                }
                Err(error) => return Some(Err(error)),
            };
            let Answer::Images(frames, scene) = answer else {
                continue;
            };
            self.wanted = false;
            self.skipped += skipped;
            let set = FrameSet {
                frames,
                scene,
                stamp,
            };
            return Some(self.deliver(set, skipped));
        }
    }

    fn deliver(&mut self, set: FrameSet, skipped: u64) -> Result<FrameSet, Error> {
        if self.delivery == Delivery::Latest {
            return Ok(set);
        }
        self.give_credit();
        if skipped == 0 {
            return Ok(set);
        }
        self.held_back = Some(set);
        let message = format!("{skipped} captures were skipped because they were not read in time");
        Err(Error::new(ErrorKind::Gap, message).of_request(self.id))
    }

    /// How many captures were due and skipped so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn want(&mut self) {
        if !self.wanted {
            self.wanted = true;
            self.give_credit();
        }
    }

    fn give_credit(&self) {
        // Fails only when the session has ended, which the items tell.
        let _ = self
            .inner
            .session
            .orders
            .send(Order::AddCredits(self.id, 1));
    }
}

impl Drop for FrameSubscription {
    fn drop(&mut self) {
        // Fails only when the session has ended, and all subscriptions with it.
        let _ = self.inner.session.orders.send(Order::Unsubscribe(self.id));
    }
}

impl fmt::Debug for FrameSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameSubscription")
            .field("id", &self.id)
            .field("delivery", &self.delivery)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}
