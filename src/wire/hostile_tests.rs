//! Anything a peer can send is decoded without a panic, and nothing is allocated
//! by the sizes that it states.
//!
//! The strategies are boxed: nested as they are they would not fit on the stack.

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*};
use prost::Message;

use super::{
    basics, image, info,
    reply::{self, Piece},
};
use crate::{
    Modality,
    frame::PixelData,
    proto::{self, frame_response::Response},
};

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![any::<f32>(), Just(f32::NAN), Just(f32::INFINITY), Just(0.0)]
}

fn vector() -> impl Strategy<Value = proto::Vector3> {
    [number(), number(), number()].prop_map(|[x, y, z]| proto::Vector3 { x, y, z })
}

fn transform() -> BoxedStrategy<proto::Transform> {
    let rotator = vector().prop_map(|v| proto::Rotator {
        pitch: v.x,
        yaw: v.y,
        roll: v.z,
    });
    let parts = (
        option::of(vector()),
        option::of(rotator),
        option::of(vector()),
    );
    parts
        .prop_map(|(location, rotation, scale)| proto::Transform {
            location,
            rotation,
            scale,
        })
        .boxed()
}

/// Sizes that fit, sizes that nearly fit, and sizes that would take terabytes.
fn size() -> impl Strategy<Value = u32> {
    prop_oneof![0..5_u32, Just(1 << 31), any::<u32>()]
}

/// Mostly numbers that mean something.
fn code() -> impl Strategy<Value = i32> {
    prop_oneof![3 => 0..7_i32, 1 => any::<i32>()]
}

fn intrinsics() -> BoxedStrategy<proto::Intrinsics> {
    let f = || prop_oneof![Just(1.0), any::<f64>()];
    (f(), f(), f(), f(), size(), size())
        .prop_map(|(fx, fy, cx, cy, width, height)| proto::Intrinsics {
            fx,
            fy,
            cx,
            cy,
            width,
            height,
        })
        .boxed()
}

fn image_info() -> BoxedStrategy<proto::ImageInfo> {
    let label = (any::<u32>(), any::<u32>()).prop_map(|(instance_id, class_id)| proto::Label {
        instance_id,
        class_id,
        ..Default::default()
    });
    let codes = [code(), code(), code(), code()];
    let pose = option::of(transform());
    (codes, pose, option::of(intrinsics()), vec(label, 0..3))
        .prop_map(
            |(
                [modality, pixel_type, encoding, flow_direction],
                camera_pose,
                intrinsics,
                labels,
            )| {
                proto::ImageInfo {
                    modality,
                    pixel_type,
                    encoding,
                    flow_direction,
                    camera_pose,
                    intrinsics,
                    labels,
                    ..Default::default()
                }
            },
        )
        .boxed()
}

fn an_image() -> BoxedStrategy<proto::ImageResponse> {
    let data = prop_oneof![
        vec(any::<u8>(), 0..200),
        (0..200_usize).prop_map(|rest| [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![0; rest]].concat()),
    ];
    (data, size(), size(), option::of(image_info()))
        .prop_map(|(data, width, height, info)| proto::ImageResponse {
            image_data: data.into(),
            width,
            height,
            info,
            ..Default::default()
        })
        .boxed()
}

/// An image that is right in everything but perhaps its size and length.
fn nearly_right(modality: Modality) -> impl Strategy<Value = proto::ImageResponse> {
    (0..5_u32, 0..5_u32, -1..2_isize).prop_map(move |(width, height, off)| {
        let pixels = width as usize * height as usize;
        let length = (pixels * modality.bytes_per_pixel()).saturating_add_signed(off);
        proto::ImageResponse {
            image_data: vec![1; length].into(),
            width,
            height,
            info: Some(proto::ImageInfo {
                modality: proto::Modality::from(modality) as i32,
                pixel_type: image::pixel_type(modality) as i32,
                encoding: proto::Encoding::Raw as i32,
                ..Default::default()
            }),
            ..Default::default()
        }
    })
}

fn modality() -> impl Strategy<Value = Modality> {
    prop::sample::select(Modality::ALL.to_vec())
}

fn expected() -> BoxedStrategy<image::Expected> {
    (modality(), 0..5_u32, 0..5_u32, any::<bool>())
        .prop_map(|(modality, width, height, named)| image::Expected {
            camera: if named {
                "main".into()
            } else {
                Default::default()
            },
            modality,
            width,
            height,
            encoding: None,
        })
        .boxed()
}

fn response() -> BoxedStrategy<Response> {
    let view = any::<u32>().prop_map(|view_index| proto::ObjectView {
        view_index,
        ..Default::default()
    });
    let object = (option::of(transform()), vec(view, 0..3));
    let object = object.prop_map(|(transform, views)| proto::ObjectState {
        transform,
        views,
        ..Default::default()
    });
    let camera = (option::of(transform()), option::of(intrinsics()));
    let camera = camera.prop_map(|(pose, intrinsics)| proto::CameraState {
        pose,
        intrinsics,
        ..Default::default()
    });
    prop_oneof![
        4 => an_image().prop_map(Response::ImageResponse),
        1 => any::<bool>().prop_map(|success| Response::CommandResponse(proto::CommandResponse {
            success,
            ..Default::default()
        })),
        1 => option::of(transform()).prop_map(|transform| {
            Response::CameraTransform(proto::GetCameraTransformResponse {
                transform,
                ..Default::default()
            })
        }),
        1 => option::of(transform()).prop_map(|transform| {
            Response::ObjectTransform(proto::GetObjectTransformResponse {
                transform,
                ..Default::default()
            })
        }),
        1 => vec(object, 0..3).prop_map(|objects| Response::SceneState(proto::SceneState {
            objects,
        })),
        1 => vec(camera, 0..3).prop_map(|cameras| Response::CameraList(proto::CameraList {
            cameras,
        })),
        1 => any::<u32>().prop_map(|item_count| Response::BatchResponse(proto::BatchResponse {
            item_count,
        })),
    ]
    .boxed()
}

fn meta() -> BoxedStrategy<proto::ReplyMeta> {
    let error = (code(), option::of(any::<u32>()));
    let error = error.prop_map(|(code, batch_index)| proto::ErrorDetail {
        code,
        batch_index,
        ..Default::default()
    });
    (any::<[u64; 6]>(), any::<[u32; 2]>(), option::of(error))
        .prop_map(
            |(
                [tick, time, received, sent, order, push_number],
                [part_index, part_count],
                error,
            )| {
                proto::ReplyMeta {
                    tick,
                    sim_time_ns: time,
                    server_receive_time_ns: received,
                    server_send_time_ns: sent,
                    order,
                    push_number,
                    part_index,
                    part_count,
                    error,
                }
            },
        )
        .boxed()
}

proptest! {
    /// What decodes is exactly the message's bytes under sizes that agree with
    /// them, so the stated sizes alone never decide what is allocated.
    #[test]
    fn an_image_decodes_to_its_own_bytes_or_not_at_all(
        message in an_image(),
        expected in expected(),
    ) {
        let bytes = message.image_data.clone();
        if let Ok(decoded) = image::decode(message, &expected) {
            let pixels = &decoded.pixels;
            prop_assert_eq!(pixels.modality(), expected.modality);
            let count = u64::from(pixels.width()) * u64::from(pixels.height());
            prop_assert_eq!(count * expected.modality.bytes_per_pixel() as u64, bytes.len() as u64);
            prop_assert!(decoded.pose.is_none_or(|pose| pose.is_finite()));
        }
    }

    #[test]
    fn an_image_is_taken_exactly_when_its_length_is_right(
        (modality, message) in modality()
            .prop_flat_map(|modality| (Just(modality), nearly_right(modality))),
    ) {
        let expected = image::Expected {
            camera: Default::default(),
            modality,
            width: 0,
            height: 0,
            encoding: None,
        };
        let pixels = message.width as usize * message.height as usize;
        let right = message.image_data.len() == pixels * modality.bytes_per_pixel();
        prop_assert_eq!(image::decode(message, &expected).is_ok(), right);
    }

    #[test]
    fn a_reply_decodes_or_fails_in_words(
        response in option::of(response()),
        meta in option::of(meta()),
        expected in option::of(expected()),
    ) {
        let message = proto::FrameResponse { request_id: "1".into(), response, meta };
        match reply::decode(message) {
            Ok(part) => {
                prop_assert!(part.count >= 1);
                if let Ok(response) = part.body {
                    match reply::piece(response, expected.as_ref()) {
                        Ok(Piece::Image(_)) => prop_assert!(expected.is_some()),
                        Ok(_) => prop_assert!(expected.is_none()),
                        Err(error) => prop_assert!(!error.to_string().is_empty()),
                    }
                }
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    /// Below the messages: any bytes at all, as protobuf reads them.
    #[test]
    fn any_bytes_decode_or_fail(bytes in vec(any::<u8>(), 0..300), expected in expected()) {
        let bytes = Bytes::from(bytes);
        if let Ok(message) = proto::FrameResponse::decode(bytes.clone())
            && let Ok(part) = reply::decode(message)
            && let Ok(response) = part.body
        {
            let _ = reply::piece(response, Some(&expected));
        }
        if let Ok(message) = proto::ServerInfo::decode(bytes.clone()) {
            let _ = info::decode(message);
        }
        if let Ok(message) = proto::SceneState::decode(bytes.clone()) {
            let _ = basics::scene_state(message);
        }
        #[cfg(feature = "server")]
        if let Ok(message) = proto::ActionRequest::decode(bytes) {
            let _ = super::request_in::decode(message.action);
        }
    }
}
