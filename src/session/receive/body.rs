//! The splitter between a channel and tonic's client.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use tonic::{body::Body, codegen::Service};

use super::{Extras, Splitter};
use crate::frame::pool::BufferPool;

/// A channel for one call, whose response passes through a splitter.
#[derive(Debug)]
pub(crate) struct SplitChannel<S> {
    channel: S,
    splitter: Option<Splitter>,
}

impl<S> SplitChannel<S> {
    pub(crate) fn new(
        channel: S,
        max_message_bytes: usize,
        pool: Arc<BufferPool>,
        extras: Extras,
    ) -> Self {
        Self {
            channel,
            splitter: Some(Splitter::new(max_message_bytes, pool, extras)),
        }
    }
}

impl<S> Service<Request<Body>> for SplitChannel<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<SplitBody<Body>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let splitter = self.splitter.take();
        let response = self.channel.call(request);
        Box::pin(async move {
            let response = response.await?;
            let encoding = response.headers().get("grpc-encoding");
            let gzip = encoding.is_some_and(|encoding| encoding == "gzip");
            let splitter = splitter.map(|splitter| splitter.with_gzip(gzip));
            Ok(response.map(|body| SplitBody::new(body, splitter)))
        })
    }
}

/// A body as the splitter leaves it.
#[derive(Debug)]
pub(crate) struct SplitBody<B> {
    body: B,
    /// `None` for the second call over one channel, which there is not.
    splitter: Option<Splitter>,
    ready: VecDeque<Bytes>,
}

impl<B> SplitBody<B> {
    pub(super) fn new(body: B, splitter: Option<Splitter>) -> Self {
        Self {
            body,
            splitter,
            ready: VecDeque::new(),
        }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for SplitBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let this = &mut *self;
            let next = ready!(Pin::new(&mut this.body).poll_frame(cx));
            let Some(splitter) = &mut this.splitter else {
                return Poll::Ready(next);
            };
            match next {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => splitter.feed(&piece, &mut this.ready),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    splitter.end(&mut this.ready);
                    this.splitter = None;
                }
            }
        }
    }
}
