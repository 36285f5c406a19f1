//! Our client, with as many requests in flight as the work says.

use std::{collections::VecDeque, time::Instant};

use synthcap::{Client, Ticket, Vec3};

use crate::{Error, Kind, Measure, Work, meter::Meter};

/// Connects with room for the work.
pub(crate) async fn connect(url: &str, work: &Work) -> Result<Client, Error> {
    let client = Client::builder(url)
        .max_captures_in_flight(work.in_flight.max(64))
        .max_commands_in_flight(work.in_flight.max(1024))
        .connect();
    Ok(client.await?)
}

/// Does the work until the meter says that it is enough.
pub(crate) async fn run(client: &Client, work: &Work, meter: Meter) -> Result<Measure, Error> {
    let camera = client.default_camera();
    match work.kind {
        Kind::Command => {
            let mut x = 0.0;
            let ask = || {
                x += 1.0;
                camera.set_location(Vec3::new(x, 0.0, 0.0)).submit()
            };
            keep_in_flight(work.in_flight, meter, ask).await
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
                    keep_in_flight(work.in_flight, meter, || camera.image(only).submit()).await
                }
                _ => {
                    let ask = || camera.images(modalities).submit();
                    keep_in_flight(work.in_flight, meter, ask).await
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
        // Looked at, then dropped: a frame's buffer goes back to its pool.
        drop(ticket.await?);
        meter.done(since);
    }
}
