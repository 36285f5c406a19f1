//! Encoding, between the engine and the network: on threads of its own, and in
//! order per stream all the same.

use std::{
    collections::VecDeque,
    fmt,
    iter::repeat,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self as jobs, Receiver, Sender},
    },
    thread,
};

use tokio::sync::oneshot;

use super::outbox::{Outgoing, Writer};
use crate::{
    CaptureSet, Command, Encoding, EncodingChoice, Modality, View,
    proto::{ImageResponse, frame_response::Response},
    wire::encoding_out,
};

/// More threads than this gain nothing: the codecs outrun every network by then.
const MOST_THREADS: usize = 8;

type Task = Box<dyn FnOnce() + Send>;

/// The threads of a server that encode; started by the first image that wants it.
/// They end with the last clone.
#[derive(Clone, Default)]
pub(super) struct Encoders(Arc<OnceLock<Option<Sender<Task>>>>);

impl fmt::Debug for Encoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let started = self.0.get().is_some();
        f.debug_struct("Encoders")
            .field("started", &started)
            .finish()
    }
}

impl Encoders {
    /// Runs a task on one of the threads; here, if there can be none.
    fn run(&self, task: Task) {
        match self.0.get_or_init(start) {
            Some(tasks) => {
                // The threads live as long as the sender does.
                let _ = tasks.send(task);
            }
            None => task(),
        }
    }

    /// Encodes one image and gives it back.
    pub(super) async fn encode(&self, image: ImageResponse, wanted: Encoding) -> ImageResponse {
        if !encoding_out::is_worthwhile(&image, wanted) {
            return image;
        }
        let (done, encoded) = oneshot::channel();
        let raw = image.clone();
        self.run(Box::new(move || {
            let mut image = image;
            encode(&mut image, wanted);
            // Whoever asked may be gone.
            let _ = done.send(image);
        }));
        encoded.await.unwrap_or(raw)
    }
}

fn start() -> Option<Sender<Task>> {
    let (tasks, waiting) = jobs::channel();
    let waiting = Arc::new(Mutex::new(waiting));
    let count = thread::available_parallelism().map_or(1, usize::from);
    let mut started = false;
    for _ in 0..count.min(MOST_THREADS) {
        let waiting = waiting.clone();
        let thread = thread::Builder::new().name("synthcap-encode".to_owned());
        match thread.spawn(move || work(&waiting)) {
            Ok(_) => started = true,
            Err(error) => tracing::warn!(%error, "cannot start a thread that encodes"),
        }
    }
    started.then_some(tasks)
}

fn work(waiting: &Mutex<Receiver<Task>>) {
    loop {
        // Held while waiting: those who wait for the lock have nothing to do either.
        let task = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match task {
            Ok(task) => task(),
            Err(_) => return,
        }
    }
}

/// Encodes an image in place. It stays raw when that fails.
fn encode(image: &mut ImageResponse, wanted: Encoding) {
    // Nothing of the image is changed before all of it is encoded.
    let encoded = catch_unwind(AssertUnwindSafe(|| encoding_out::encode(image, wanted)));
    if encoded.is_err() {
        tracing::error!(%wanted, "an encoder panicked; the image goes raw");
    }
}

/// Which encoding each image of a command should have, in their order; empty when
/// all are raw.
pub(super) fn wanted(command: &Command) -> Vec<Encoding> {
    match command {
        Command::Capture { view, modality } => match asked(view, *modality) {
            Encoding::Raw => Vec::new(),
            encoding => vec![encoding],
        },
        Command::CaptureSet(set) => wanted_of_set(set),
        _ => Vec::new(),
    }
}

/// As [`wanted`], of a capture set.
pub(super) fn wanted_of_set(set: &CaptureSet) -> Vec<Encoding> {
    let images = || {
        set.views.iter().flat_map(|(view, modalities)| {
            modalities.iter().map(move |modality| asked(view, modality))
        })
    };
    if images().all(|encoding| encoding == Encoding::Raw) {
        return Vec::new();
    }
    images().collect()
}

/// What the wire asked for has been chosen from; nothing is left to be decided.
fn asked(view: &View, modality: Modality) -> Encoding {
    match view.encodings.get(modality) {
        Some(EncodingChoice::Use(encoding)) => encoding,
        _ => Encoding::Raw,
    }
}

/// The way of a stream's messages to its writer: in the order in which they are
/// given, those that are being encoded included.
#[derive(Debug)]
pub(super) struct Lane {
    encoders: Encoders,
    waiting: Mutex<Waiting>,
}

/// Messages that are being encoded, and those that came after them.
#[derive(Debug, Default)]
struct Waiting {
    /// `None` while it is being encoded.
    places: VecDeque<Option<Outgoing>>,
    /// The number of the first place, counted over the life of the stream.
    first: u64,
}

impl Lane {
    pub(super) fn new(encoders: Encoders) -> Arc<Self> {
        Arc::new(Self {
            encoders,
            waiting: Mutex::default(),
        })
    }

    /// Sends messages, their images encoded as wanted, which come first; never
    /// blocks. What needs no encoding goes when the writer is flushed.
    pub(super) fn send(
        self: &Arc<Self>,
        writer: &Writer,
        messages: impl IntoIterator<Item = Outgoing>,
        wanted: &[Encoding],
    ) {
        let waiting = self.waiting();
        if wanted.is_empty() && waiting.places.is_empty() {
            // Nothing can get in between while the lock is held.
            writer.push(messages);
            return;
        }
        drop(waiting);
        let wanted = wanted.iter().copied().chain(repeat(Encoding::Raw));
        for (outgoing, wanted) in messages.into_iter().zip(wanted) {
            self.send_one(writer, outgoing, wanted);
        }
    }

    fn send_one(self: &Arc<Self>, writer: &Writer, mut outgoing: Outgoing, wanted: Encoding) {
        let mut waiting = self.waiting();
        let is_worthwhile = match &outgoing.message.response {
            Some(Response::ImageResponse(image)) => encoding_out::is_worthwhile(image, wanted),
            _ => false,
        };
        if !is_worthwhile {
            if waiting.places.is_empty() {
                writer.push([outgoing]);
            } else {
                waiting.places.push_back(Some(outgoing));
            }
            return;
        }
        let number = waiting.first + waiting.places.len() as u64;
        waiting.places.push_back(None);
        drop(waiting);
        let (lane, writer) = (self.clone(), writer.clone());
        self.encoders.run(Box::new(move || {
            if let Some(Response::ImageResponse(image)) = &mut outgoing.message.response
                && !writer.has_left()
            {
                encode(image, wanted);
            }
            lane.encoded(&writer, number, outgoing);
        }));
    }

    /// Fills a place, and releases what nothing is before any more.
    fn encoded(&self, writer: &Writer, number: u64, outgoing: Outgoing) {
        let mut waiting = self.waiting();
        let place = (number - waiting.first) as usize;
        if let Some(place) = waiting.places.get_mut(place) {
            *place = Some(outgoing);
        }
        while let Some(Some(_)) = waiting.places.front() {
            waiting.first += 1;
            writer.push(waiting.places.pop_front().flatten());
        }
        drop(waiting);
        writer.flush();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
