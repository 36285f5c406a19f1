//! Where frames go besides to those who asked for them.

use std::sync::Arc;

use super::{Job, Outcome, Permit};
use crate::{
    Answer, Command, Error, Frame, RequestId, latest::LatestFrames, recent::Recent,
    stats::Recorder, streams::FrameStreams,
};

/// Where frames go besides to those who asked for them.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) latest: LatestFrames,
    pub(crate) streams: FrameStreams,
    pub(crate) recent: Recent,
    pub(crate) stats: Recorder,
}

impl Hub {
    /// With room for the frames of this many requests to be found by their ID.
    pub(crate) fn new(kept_requests: usize) -> Self {
        Self {
            latest: LatestFrames::default(),
            streams: FrameStreams::default(),
            recent: Recent::new(kept_requests),
            stats: Recorder::new(),
        }
    }

    /// Hands the frames of a request out. The place in flight is kept until every
    /// lossless stream has read them, which is what holds back whoever captures.
    pub(super) fn deliver(&self, outcome: &Outcome, permit: Permit) {
        // Made only when there is a stream to hold it.
        let place = (!self.streams.is_empty()).then(|| Arc::new(permit));
        for frame in frames_of(outcome) {
            self.publish(std::slice::from_ref(frame));
            if let Some(place) = &place {
                self.streams.offer(frame, place);
            }
        }
    }

    /// Puts frames where the newest are kept.
    pub(super) fn publish(&self, frames: &[Arc<Frame>]) {
        for frame in frames {
            self.stats.frame(frame);
            let slot = self.latest.slot(&frame.info().camera, frame.modality());
            slot.publish(frame.clone());
        }
    }

    /// Keeps the frames of a capture, or why there are none, to be found by its ID.
    pub(super) fn keep(&self, id: RequestId, result: &Result<Outcome, Error>) {
        self.recent.keep(id, || match result {
            Ok(outcome) => Ok(frames_of(outcome).cloned().collect()),
            Err(error) => Err(error.clone()),
        });
    }

    /// Tells the lossless streams which frames will not come.
    pub(super) fn report_gaps(&self, job: &Job, error: &Error) {
        if !job.is_capture() || self.streams.is_empty() {
            return;
        }
        let mut missing = Vec::new();
        for command in job.commands() {
            match command {
                Command::Capture { view, modality } => {
                    missing.push((&view.camera, (*modality).into()));
                }
                Command::CaptureSet(set) => {
                    let views = set.views.iter();
                    missing.extend(views.map(|(view, modalities)| (&view.camera, *modalities)));
                }
                _ => {}
            }
        }
        self.streams.report_gap(&missing, error);
    }

    pub(super) fn close(&self, error: &Error) {
        self.latest.close(error);
        self.streams.close(error);
        self.recent.close(error);
    }
}

fn frames_of(outcome: &Outcome) -> impl Iterator<Item = &Arc<Frame>> {
    let answers = outcome.answers.iter();
    answers.flat_map(|(answer, _)| match answer {
        Answer::Images(frames, _) => frames.as_slice(),
        _ => &[],
    })
}
