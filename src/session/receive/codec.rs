//! Messages out of what tonic gathered, with what was kept apart put back.

use prost::Message as _;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder},
};
use tonic_prost::ProstEncoder;

use super::{Extra, Extras, Received};
use crate::proto::{ActionRequest, FrameResponse, frame_response::Response};

/// The codec of the stream.
#[derive(Debug)]
pub(crate) struct StreamCodec {
    pub(crate) extras: Extras,
}

impl Codec for StreamCodec {
    type Encode = ActionRequest;
    type Decode = Received;
    type Encoder = ProstEncoder<ActionRequest>;
    type Decoder = Rejoin;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Rejoin {
            extras: self.extras.clone(),
            decoded: 0,
        }
    }
}

/// Decodes messages and gives them their extras.
#[derive(Debug)]
pub(crate) struct Rejoin {
    extras: Extras,
    decoded: u64,
}

impl Decoder for Rejoin {
    type Item = Received;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Received>, Status> {
        self.decoded += 1;
        let message = FrameResponse::decode(buffer);
        let mut message = message.map_err(|error| Status::internal(error.to_string()))?;
        match self.extras.of(self.decoded) {
            None => {}
            Some(Extra::Pixels(pixels)) => {
                // A later part of the message may have emptied or replaced it.
                if let Some(Response::ImageResponse(image)) = &mut message.response
                    && !image.image_data.is_empty()
                {
                    image.image_data = pixels;
                }
            }
            Some(Extra::TooLong(bytes)) => {
                return Ok(Some(Received::TooLong {
                    request_id: message.request_id,
                    bytes,
                }));
            }
        }
        Ok(Some(Received::Message(message)))
    }
}
