//! Several requests that run as one.

use std::{fmt, sync::Arc};

use super::{
    Inner,
    request::{Needs, Read, Request},
};
use crate::{Capability, Error, ErrorKind, frame::Stamp, session::Job, session::Outcome};

/// Requests that a server runs in order in one go, all or nothing.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
/// # let client = synthcap::Client::connect(server.url()).await?;
/// let camera = client.default_camera();
/// let mut batch = client.batch();
/// batch.add(client.step(1));
/// let image = batch.add(camera.rgb());
/// let depth = batch.add(camera.depth());
///
/// let mut replies = batch.run().await?;
/// let (image, depth) = (replies.take(image)?, replies.take(depth)?);
/// assert_eq!(image.tick(), depth.tick());
/// # client.close().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[must_use = "a batch does nothing until it is run"]
pub struct Batch {
    inner: Arc<Inner>,
    commands: Vec<crate::Command>,
    refused: Option<Error>,
}

/// The place of a request in a batch, with which its result is taken.
pub struct BatchItem<T> {
    index: usize,
    read: Read<T>,
}

impl Batch {
    pub(super) fn new(inner: &Arc<Inner>) -> Self {
        Self {
            inner: inner.clone(),
            commands: Vec::new(),
            refused: None,
        }
    }

    /// Appends a request. One that cannot be made refuses the whole batch, when
    /// it is run.
    pub fn add<T>(&mut self, request: Request<T>) -> BatchItem<T> {
        let (job, read) = request.into_parts();
        let index = self.commands.len();
        match job {
            Ok(Job::One(command)) => self.commands.push(command),
            Ok(_) => {
                let message = "a batch holds only single commands";
                self.refuse(Error::new(ErrorKind::InvalidInput, message));
            }
            Err(error) => self.refuse(error),
        }
        BatchItem { index, read }
    }

    fn refuse(&mut self, error: Error) {
        self.refused.get_or_insert(error);
    }

    /// How many requests are in it.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The batch as one request. It fails as a whole, with the index of the item
    /// at fault in the message, and then nothing was executed.
    ///
    /// A reset can only come last, for which cameras and objects there are after it is
    /// not known before; send what is to follow as a batch of its own.
    pub fn run(self) -> Request<BatchReplies> {
        if let Some(error) = self.refused {
            return Request::refused(&self.inner, error, replies);
        }
        if self.commands.is_empty() {
            let error = Error::new(ErrorKind::InvalidInput, "the batch is empty");
            return Request::refused(&self.inner, error, replies);
        }
        let job = Job::Batch(self.commands);
        Request::new(
            &self.inner,
            job,
            Needs::Extension(Capability::Batch),
            replies,
        )
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("commands", &self.commands)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for BatchItem<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchItem({})", self.index)
    }
}

impl<T> Clone for BatchItem<T> {
    fn clone(&self) -> Self {
        Self {
            index: self.index,
            read: self.read.clone(),
        }
    }
}

fn replies(outcome: Outcome) -> Result<BatchReplies, Error> {
    let stamp = outcome.stamp;
    let answers = outcome.answers.into_iter();
    Ok(BatchReplies {
        replies: answers
            .map(|(answer, stamp)| {
                Some(Outcome {
                    answers: vec![(answer, stamp)],
                    stamp,
                })
            })
            .collect(),
        stamp,
    })
}

/// The results of a batch.
#[derive(Debug)]
pub struct BatchReplies {
    replies: Vec<Option<Outcome>>,
    stamp: Stamp,
}

impl BatchReplies {
    /// Takes the result of one request out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadReply`] when the server answered something else, and
    /// [`ErrorKind::InvalidInput`] when it was taken before or the item is of
    /// another batch.
    pub fn take<T>(&mut self, item: BatchItem<T>) -> Result<T, Error> {
        let reply = self.replies.get_mut(item.index).and_then(Option::take);
        let reply = reply.ok_or_else(|| {
            let message = format!("item {} is not (or no longer) in these replies", item.index);
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        item.read.apply(reply)
    }

    /// When the last of it ran.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }
}
