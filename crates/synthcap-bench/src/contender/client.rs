//! Our client, with as many requests in flight as the work says.

use std::{collections::VecDeque, time::Instant};

use synthcap::{Client, FrameSet, SharedMemory, Ticket, Vec3};

use crate::{Error, Kind, Measure, Work, meter::Meter, replay::check};

/// Connects with room for the work. Windows and the like are as the environment
/// says (`SYNTHCAP_...`), so that they can be compared.
pub(crate) async fn connect(url: &str, work: &Work, shared: SharedMemory) -> Result<Client, Error> {
    let client = Client::builder(url)
        .env()
        .shared_memory(shared)
        .max_captures_in_flight(work.in_flight.max(64))
        .max_commands_in_flight(work.in_flight.max(1024))
        .connect();
    Ok(client.await?)
}

/// What is done with what came, before it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Away,
    /// At every byte, for whether the frame is all of one writing.
    AtAll,
}

/// Does the work until the meter says that it is enough.
pub(crate) async fn run(client: &Client, work: &Work, meter: Meter) -> Result<Measure, Error> {
    run_looking(client, work, meter, Look::Away).await
}

/// As [`run`], and reads every byte of every frame of a [writing] engine.
///
/// [writing]: crate::Replay::writing
pub(crate) async fn run_touching(
    client: &Client,
    work: &Work,
    meter: Meter,
) -> Result<Measure, Error> {
    run_looking(client, work, meter, Look::AtAll).await
}

async fn run_looking(
    client: &Client,
    work: &Work,
    meter: Meter,
    look: Look,
) -> Result<Measure, Error> {
    let camera = client.default_camera();
    match work.kind {
        Kind::Command => {
            let mut x = 0.0;
            let ask = || {
                x += 1.0;
                camera.set_location(Vec3::new(x, 0.0, 0.0)).submit()
            };
            keep_in_flight(work.in_flight, meter, ask, |_| Ok(())).await
        }
        Kind::Images {
            width,
            height,
            modalities,
        } => {
            let camera = camera.with_size(width, height);
            let mut several = modalities.iter();
            match (several.next(), several.next()) {
                (Some(only), None) => {
                    let ask = || camera.image(only).submit();
                    keep_in_flight(work.in_flight, meter, ask, |frame| match look {
                        Look::Away => Ok(()),
                        Look::AtAll => check(frame.pixels()),
                    })
                    .await
                }
                _ => {
                    let ask = || camera.images(modalities).submit();
                    keep_in_flight(work.in_flight, meter, ask, |set: &FrameSet| match look {
                        Look::Away => Ok(()),
                        Look::AtAll => set.frames.iter().try_for_each(|f| check(f.pixels())),
                    })
                    .await
                }
            }
        }
    }
}

/// Replies come in the order of the requests, so the oldest is awaited.
async fn keep_in_flight<T>(
    in_flight: usize,
    mut meter: Meter,
    mut ask: impl FnMut() -> Result<Ticket<T>, synthcap::Error>,
    look: impl Fn(&T) -> Result<(), Error>,
) -> Result<Measure, Error> {
    let mut asked = VecDeque::with_capacity(in_flight);
    loop {
        while asked.len() < in_flight && meter.goes_on() {
            let since = Instant::now();
            asked.push_back((since, ask()?));
        }
        let Some((since, ticket)) = asked.pop_front() else {
            return Ok(meter.finish());
        };
        let came = ticket.await?;
        look(&came)?;
        // A frame's buffer goes back to where it came from.
        drop(came);
        meter.done(since);
    }
}

/// The same from a thread without a runtime, one request at a time.
pub(crate) fn run_blocking(
    client: &Client,
    work: &Work,
    mut meter: Meter,
) -> Result<Measure, Error> {
    let camera = client.default_camera();
    let mut x = 0.0;
    while meter.goes_on() {
        let since = Instant::now();
        match work.kind {
            Kind::Command => {
                x += 1.0;
                camera.set_location(Vec3::new(x, 0.0, 0.0)).wait()?;
            }
            Kind::Images {
                width,
                height,
                modalities,
            } => {
                let camera = camera.with_size(width, height);
                let mut several = modalities.iter();
                match (several.next(), several.next()) {
                    (Some(only), None) => drop(camera.image(only).wait()?),
                    _ => drop(camera.images(modalities).wait()?),
                }
            }
        }
        meter.done(since);
    }
    Ok(meter.finish())
}
