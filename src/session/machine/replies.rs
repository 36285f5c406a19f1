//! What a peer sends, and what it completes.

use std::{sync::Arc, time::Instant};

use super::{Action, Link, Machine, Via};
use crate::{
    Answer, CapturedImage, Encoding, Error, ErrorKind, Frame, FrameSeq, RequestId, Tick,
    frame::{FrameInfo, Moment, PixelData, Stamp},
    proto::{FrameResponse, frame_response::Response},
    session::{Outcome, plain::To, pushes::PushedSet},
    wire::{
        WireError,
        reply::{self, Failure, Meta, Part},
    },
};

impl<W> Machine<W> {
    /// A message came over the stream.
    pub(crate) fn message(
        &mut self,
        message: FrameResponse,
        now: Instant,
        out: &mut Vec<Action<W>>,
    ) {
        let Some(to) = To::parse(&message.request_id) else {
            return;
        };
        let plain = matches!(self.link, Link::Open { plain: true });
        if plain {
            self.pass_over_silent(to, out);
        }
        match to {
            To::Request(id) => self.reply(id, message, now, out),
            To::PoseQuery if plain => self.pose_came(message, out),
            To::PoseFence if plain => self.pose_did_not_come(None, out),
            To::PoseQuery | To::PoseFence => {}
        }
    }

    /// A message over the limit came over the stream and was passed over.
    pub(crate) fn too_long(&mut self, request_id: &str, bytes: u64, out: &mut Vec<Action<W>>) {
        let Some(To::Request(id)) = To::parse(request_id) else {
            tracing::warn!(bytes, "a message over the limit was nobody's reply");
            return;
        };
        let message = format!(
            "the reply takes {bytes} bytes or more, which is over the limit; raise max_message_bytes"
        );
        let error = Error::new(ErrorKind::BadReply, message);
        let owner = self.items.get(&id).map_or(id, |&(batch, _)| batch);
        if self.pushes.contains(id) && self.pending.get_mut(id).is_none() {
            self.failures = 0;
            let item = Err(error.of_request(id));
            self.unsubscribe(id, out);
            out.push(Action::Push {
                id,
                item,
                last: true,
            });
        } else if self.pending.get_mut(owner).is_some_and(|entry| entry.sent) {
            self.failures = 0;
            self.fail(owner, &error, out);
        }
    }

    /// A message came whose image cannot be decoded.
    pub(crate) fn undecodable(
        &mut self,
        message: &FrameResponse,
        error: WireError,
        now: Instant,
        out: &mut Vec<Action<W>>,
    ) {
        let Some(To::Request(id)) = To::parse(&message.request_id) else {
            return;
        };
        let number = message.meta.as_ref().map_or(0, |meta| meta.push_number);
        if self.pushes.contains(id) && number > 0 {
            self.push(id, number, Err(error), now, out);
            return;
        }
        let owner = self.items.get(&id).map_or(id, |&(batch, _)| batch);
        self.bad_reply(owner, &error, out);
    }

    /// A message that belongs to a request.
    fn reply(
        &mut self,
        id: RequestId,
        message: FrameResponse,
        now: Instant,
        out: &mut Vec<Action<W>>,
    ) {
        let (owner, item) = match self.items.get(&id) {
            Some(&(batch, index)) => (batch, Some(index)),
            None => (id, None),
        };
        let number = message.meta.as_ref().map_or(0, |meta| meta.push_number);
        // Without a number it acknowledges the subscription: a reply like any
        // other, but for one that was restored.
        if self.pushes.contains(id) && (number > 0 || self.pending.get_mut(id).is_none()) {
            self.push(id, number, reply::decode(message), now, out);
            return;
        }
        let Some(entry) = self.pending.get_mut(owner).filter(|entry| entry.sent) else {
            return;
        };
        // Of calls beside the stream a plain server keeps no order. What was sent
        // before this reply may have run before it, what is sent from now on runs
        // after it; of images and queries only the first sentence matters, and
        // their order is that of sending.
        let plain = matches!(self.link, Link::Open { plain: true });
        if plain && matches!(entry.via, Via::Unary(_)) && !entry.job.is_query() {
            self.plain_order += 1;
            entry.plain_order = self.plain_order;
        }
        match reply::decode(message) {
            Ok(part) => {
                self.failures = 0;
                self.part(owner, item, part, now, out);
            }
            Err(error) => self.bad_reply(owner, &error, out),
        }
    }

    /// A plain server serves in order and is silent about failure. So when it
    /// answers a request, those before it that it has not answered have failed.
    fn pass_over_silent(&mut self, to: To, out: &mut Vec<Action<W>>) {
        for id in self.plain.answered(to) {
            let message = "the server passed the request over in silence, \
                           which is how a plain UESynth server reports failure";
            self.fail(id, &Error::new(ErrorKind::NoReply, message), out);
        }
    }

    /// A plain server was asked where its camera is, before a move that leaves
    /// something out.
    fn pose_came(&mut self, message: FrameResponse, out: &mut Vec<Action<W>>) {
        match reply::camera_transform(message) {
            Ok(pose) => {
                self.failures = 0;
                self.plain.read(To::PoseQuery, pose);
                self.flush(out);
            }
            Err(error) => self.pose_did_not_come(Some(&error), out),
        }
    }

    /// Fails the move that needs it, and goes on with the rest.
    fn pose_did_not_come(&mut self, why: Option<&WireError>, out: &mut Vec<Action<W>>) {
        let Some(id) = self.plain.give_up_asking() else {
            return;
        };
        let unsaid = "a plain UESynth server resets what a move leaves out, \
                      and it does not say where its camera is";
        let error = match why {
            Some(why) => Error::new(ErrorKind::BadReply, format!("{unsaid}: {why}")),
            None => Error::new(ErrorKind::NoReply, unsaid),
        };
        self.fail(id, &error, out);
        self.flush(out);
    }

    fn part(
        &mut self,
        owner: RequestId,
        item: Option<usize>,
        part: Part,
        now: Instant,
        out: &mut Vec<Action<W>>,
    ) {
        let plain = matches!(self.link, Link::Open { plain: true });
        let meta = part.meta.filter(|_| !plain);
        if meta.is_none() && !plain && part.body.is_ok() {
            return self.bad_reply(owner, &without_order(), out);
        }
        let stamp = self.stamp(owner, meta, now);
        let response = match part.body {
            Ok(response) => response,
            Err(failure) => {
                self.fail(owner, &rejection(&failure), out);
                return;
            }
        };
        let Some(entry) = self.pending.get_mut(owner) else {
            return;
        };
        let is_batch = entry.job.is_batch();
        let done = match (&response, item) {
            (Response::BatchResponse(_), None) if is_batch => entry.batch_done(stamp),
            (_, None) if is_batch => Err(WireError::new("a batch was answered otherwise")),
            _ => entry.add(item.unwrap_or(0), part.index, part.count, response, stamp),
        };
        match done {
            Ok(false) => {}
            Ok(true) => self.complete(owner, out),
            Err(error) => self.bad_reply(owner, &error, out),
        }
    }

    /// A message with the ID of a subscription.
    fn push(
        &mut self,
        id: RequestId,
        number: u64,
        part: Result<Part, WireError>,
        now: Instant,
        out: &mut Vec<Action<W>>,
    ) {
        let item = match self.pushed(id, number, part, now) {
            Ok(None) => return,
            Ok(Some(set)) => Ok(set),
            Err(error) => Err(error.of_request(id)),
        };
        let last = item.is_err();
        if last {
            self.end_pushes(id, out);
        }
        out.push(Action::Push { id, item, last });
    }

    /// What a push completes, if it does.
    fn pushed(
        &mut self,
        id: RequestId,
        number: u64,
        part: Result<Part, WireError>,
        now: Instant,
    ) -> Result<Option<PushedSet<Arc<Frame>>>, Error> {
        let broken = |error: WireError| {
            let message = format!("the server's push cannot be used: {error}");
            Error::new(ErrorKind::BadReply, message)
        };
        let part = part.map_err(broken)?;
        self.failures = 0;
        let response = part.body.map_err(|failure| rejection(&failure))?;
        if number == 0 {
            return Ok(None);
        }
        if part.meta.is_none() {
            return Err(broken(without_order()));
        }
        let stamp = self.stamp(id, part.meta, now);
        let place = (part.index, part.count);
        let whole = self.pushes.part(id, number, place, response, stamp);
        let whole = whole.map_err(broken)?;
        Ok(whole.map(|whole| (self.number(id, whole.answer, stamp), stamp, whole.skipped)))
    }

    fn complete(&mut self, id: RequestId, out: &mut Vec<Action<W>>) {
        let Some(entry) = self.take(id) else { return };
        let (job, waiter, replies) = entry.finish();
        if !job.is_query() && replies.is_some() {
            self.newest_change = self.newest_change.max(Some(id));
            // Before its caller is told, who may make the camera anew.
            self.cameras_changed(id, &job, out);
        }
        if let Some(([(Answer::CameraTransform(pose), _)], _)) =
            replies.as_ref().map(|(a, s)| (a.as_slice(), s))
        {
            self.plain.read(To::Request(id), *pose);
        }
        let result = replies.map(|(answers, stamp)| Outcome {
            answers: answers
                .into_iter()
                .map(|(answer, stamp)| (self.number(id, answer, stamp), stamp))
                .collect(),
            stamp,
        });
        let result = result.ok_or_else(|| {
            Error::new(ErrorKind::BadReply, "the batch ended before all its items").of_request(id)
        });
        out.push(Action::Complete {
            id,
            job,
            waiter,
            result,
        });
        self.forget_destroyed(out);
    }

    /// Turns images into frames, each with its number.
    fn number(&mut self, id: RequestId, answer: Answer, stamp: Stamp) -> Answer<Arc<Frame>> {
        answer.map_images(|image: CapturedImage| {
            let modality = image.pixels.modality();
            if image.transfer.encoding == Encoding::Raw {
                self.encodings.auto.raw(modality);
            }
            let key = (image.camera.clone(), modality);
            let count = self.frame_counts.entry(key).or_default();
            *count += 1;
            let info = FrameInfo {
                camera: image.camera,
                request_id: id,
                seq: FrameSeq::new(*count),
                stamp,
                pose: image.pose,
                intrinsics: image.intrinsics,
            };
            Arc::new(Frame::received(info, image.pixels, image.transfer))
        })
    }

    fn stamp(&mut self, owner: RequestId, meta: Option<Meta>, now: Instant) -> Stamp {
        let order = meta.map_or_else(
            || {
                let entry = self.pending.get_mut(owner);
                entry.map_or(0, |entry| entry.plain_order)
            },
            |meta| meta.order,
        );
        Stamp {
            moment: Moment {
                run: self.run,
                order,
            },
            tick: meta.map(|meta: Meta| -> Tick { meta.tick }),
            sim_time: meta.map(|meta| meta.sim_time),
            server_received: meta.map(|meta| meta.received),
            server_sent: meta.map(|meta| meta.sent),
            received_at: now,
        }
    }

    fn bad_reply(&mut self, id: RequestId, error: &WireError, out: &mut Vec<Action<W>>) {
        let message = format!("the server's reply cannot be used: {error}");
        self.fail(id, &Error::new(ErrorKind::BadReply, message), out);
    }
}

/// Without it, frames and moves could not be put in order.
fn without_order() -> WireError {
    WireError::new("it does not say its place in the server's order")
}

fn rejection(failure: &Failure) -> Error {
    let place = match failure.batch_index {
        Some(index) => format!("batch item {index}: "),
        None => String::new(),
    };
    let message = format!("{place}{}", failure.message);
    Error::new(ErrorKind::Rejected(failure.code), message)
}
