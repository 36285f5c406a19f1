//! One task per server that keeps it connected.

use std::{sync::Arc, time::Instant};

use super::{health::Health, shared::Shared, stats::ServerState};
use crate::{Client, ClientBuilder, Error, ErrorKind};

/// Keeps a server connected until the task is aborted. `first` is the outcome of
/// the first attempt, which the state knows already.
pub(super) async fn supervise(
    shared: Arc<Shared>,
    index: usize,
    settings: ClientBuilder,
    mut health: Health,
    first: Result<Client, Error>,
) {
    let mut attempt = first;
    loop {
        let suspected = match attempt {
            Ok(client) => {
                health.connected(now());
                watch(&shared, index, client).await == Loss::Suspected
            }
            Err(_) => false,
        };
        // One that is only suspected is asked again at once.
        if !suspected {
            let again = health.lost(now(), fastrand::f64());
            tokio::time::sleep_until(again.into()).await;
        }
        attempt = settings.clone().connect().await;
        shared.connected(index, &attempt);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Lost,
    Suspected,
}

/// Waits until a connection is lost or suspected.
async fn watch(shared: &Shared, index: usize, client: Client) -> Loss {
    let ended = ended(&client);
    tokio::pin!(ended);
    loop {
        tokio::select! {
            reason = &mut ended => {
                shared.down(index, reason);
                return Loss::Lost;
            }
            () = shared.look[index].notified() => match shared.state_of(index) {
                ServerState::Down => return Loss::Lost,
                ServerState::Checking => return Loss::Suspected,
                // About an older connection.
                ServerState::Up => {}
            },
        }
    }
}

/// Waits until a client's session has ended; the reason.
async fn ended(client: &Client) -> Error {
    let mut ended = client.inner.session.ended.clone();
    let reason = ended.wait_for(Option::is_some).await;
    let reason = reason.ok().and_then(|reason| reason.clone());
    reason.unwrap_or_else(|| Error::new(ErrorKind::Closed, "the session's task was stopped"))
}

/// The runtime's clock, which tests can pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
