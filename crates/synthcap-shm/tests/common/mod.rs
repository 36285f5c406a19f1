//! A server's and a client's side in one process, and what the tests look at.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

use std::{fs, time::Duration};

use synthcap_shm::{Budget, Listener, Pool, Reader};

/// Long enough on any machine; waiting ends when there is something.
pub const LONG: Duration = Duration::from_secs(30);

/// Accepts the next client, which must be on its way.
pub fn accept(listener: &Listener) -> Pool {
    loop {
        if let Some(pool) = listener.accept().expect("a client of this user") {
            return pool;
        }
        std::thread::yield_now();
    }
}

/// Both ends of a side socket.
pub fn pair(budget: &Budget) -> (Pool, Reader) {
    let listener = Listener::bind(budget.clone()).expect("a side socket");
    std::thread::scope(|scope| {
        let client = scope.spawn(|| Reader::connect(listener.name(), LONG));
        let pool = accept(&listener);
        let reader = client.join().expect("no panic");
        (pool, reader.expect("a greeting"))
    })
}

/// What a frame of this generation and seed holds.
pub fn pattern(seed: u64, bytes: usize) -> impl Iterator<Item = u8> {
    (0..bytes as u64).map(move |at| (at.wrapping_mul(31) ^ seed.wrapping_mul(0x9e37)) as u8)
}

/// Every place on this machine where something of this name is left: open
/// files and mappings of all processes that can be looked at, sockets, and
/// files of shared memory.
pub fn traces(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |place: String, text: String| {
        let lines = text.lines().filter(|line| line.contains(name));
        found.extend(lines.map(|line| format!("{place}: {line}")));
    };
    look(
        "sockets".into(),
        fs::read_to_string("/proc/net/unix").unwrap_or_default(),
    );
    for folder in ["/dev/shm", "/tmp", "/run"] {
        look(folder.into(), names(folder));
    }
    let processes = names("/proc");
    for pid in processes.lines().filter(|pid| pid.parse::<u32>().is_ok()) {
        // A process may end while it is looked at; then it holds nothing.
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"));
        look(format!("mapped by {pid}"), maps.unwrap_or_default());
        for file in names(&format!("/proc/{pid}/fd")).lines() {
            let target = fs::read_link(format!("/proc/{pid}/fd/{file}"));
            let target = target.map(|target| target.display().to_string());
            look(format!("open in {pid}"), target.unwrap_or_default());
        }
    }
    found
}

fn names(folder: &str) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.fold(String::new(), |names, entry| {
        names + &entry.file_name().to_string_lossy() + "\n"
    })
}
