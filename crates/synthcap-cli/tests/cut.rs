//! A capture whose way to a server is cut for a while.
#![cfg(unix)]

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

use crate::common::{Running, run, serve};

/// What stands between a capture and a server.
#[derive(Debug, Default)]
struct Way {
    cut: bool,
    links: Vec<TcpStream>,
    turned_away: usize,
    /// Bytes of the server since it was opened.
    carried: usize,
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<(Mutex<Way>, Condvar)>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Way> {
        self.0.0.lock().expect("no panic")
    }

    fn carried(&self, len: usize) {
        self.lock().carried += len;
        self.0.1.notify_all();
    }

    fn cut(&self) {
        let mut way = self.lock();
        way.cut = true;
        for link in way.links.drain(..) {
            // It may have ended by itself.
            let _ = link.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) {
        let mut way = self.lock();
        (way.cut, way.carried) = (false, 0);
    }

    fn wait_until(&self, what: impl Fn(&Way) -> bool) {
        let waited = self.0.1.wait_while(self.lock(), |way| !what(way));
        drop(waited.expect("no panic"));
    }
}

/// Opens a way to a server on a port of its own.
fn relay(server: &str) -> (String, Shared) {
    let server = server.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let way = Shared::default();
    let shared = way.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("connection");
            let mut way = shared.lock();
            if way.cut {
                way.turned_away += 1;
                shared.0.1.notify_all();
                continue;
            }
            let server = TcpStream::connect(&server).expect("the server is up");
            for stream in [&client, &server] {
                way.links.push(stream.try_clone().expect("a handle"));
            }
            for (from, to, way) in [
                (client.try_clone(), server.try_clone(), None),
                (Ok(server), Ok(client), Some(shared.clone())),
            ] {
                let (from, to) = (from.expect("a handle"), to.expect("a handle"));
                std::thread::spawn(move || carry(from, to, way));
            }
        }
    });
    (url, way)
}

/// Carries bytes until one of both ends.
fn carry(mut from: TcpStream, mut to: TcpStream, way: Option<Shared>) {
    let mut bytes = [0; 16 << 10];
    while let Ok(len @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..len]).is_err() {
            break;
        }
        if let Some(way) = &way {
            way.carried(len);
        }
    }
    // The other end may have gone already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Cuts a capture off from one of its two servers for so many attempts to come back, of
/// which the client makes the first; that server is to run in the end.
fn runs_on_after_a_cut(attempts: usize, then: impl FnOnce(&Shared)) {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("set");
    let out = out.to_str().expect("plain");
    let (_cut_off, url) = serve(&[]);
    let (_other, other) = serve(&[]);
    let (relayed, way) = relay(&url);
    let fixed = ["--frames", "100000", "--size", "48x36", "--seed", "1"];
    let servers = ["--server", &relayed, "--server", &other];
    let args = [&["capture", "--out", out], &fixed[..], &servers].concat();
    let mut capture = Running::start(&args);
    capture.wait_for("/100000 frames");
    way.cut();
    capture.wait_for("the other servers go on");
    way.wait_until(|way| way.turned_away >= attempts);
    way.open();
    then(&way);
    capture.interrupt();
    let ended = capture.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let info = run(&["info", "--server", &url, "--json"]).json();
    assert_eq!(info["server"]["paused"], false);
}

#[test]
fn a_server_that_came_back_runs_on_in_the_end() {
    // So much are dozens of frames: it is at work again.
    runs_on_after_a_cut(2, |way| way.wait_until(|way| way.carried > 500_000));
}

#[test]
fn a_server_that_could_come_back_at_the_end_runs_on() {
    // The next attempt of its own is seconds away.
    runs_on_after_a_cut(4, |_| {});
}
