//! Two processes: under load, and when either is killed.
//!
//! This program runs itself once more as the other side, told what to be by the
//! environment, and talks with it over its standard streams.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod common;

use std::{
    collections::VecDeque,
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use common::{accept, pattern, traces::traces};
use synthcap_shm::{Budget, Listener, Placed, Reader};

const ROLE: &str = "SYNTHCAP_SHM_TEST_ROLE";
const BYTES: u64 = 4 << 20;

/// The other process. Killed when dropped.
struct Other {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Other {
    fn start(role: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "the_other_process", "--ignored", "--nocapture"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            to: child.stdin.take().unwrap(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.to, "{line}").unwrap();
    }

    /// The next line meant for us, past what the test harness prints.
    fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.from.read_line(&mut line).unwrap() > 0 {
            if let Some((_, said)) = line.split_once('>') {
                return Some(said.trim().to_owned());
            }
            line.clear();
        }
        None
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tell(line: &str) {
    println!("\n>{line}");
    std::io::stdout().flush().unwrap();
}

fn to_text(seed: u64, placed: Placed) -> String {
    let Placed {
        slot,
        generation,
        length,
    } = placed;
    format!("{seed} {slot} {generation} {length}")
}

fn from_text(line: &str) -> (u64, Placed) {
    let numbers: Vec<u64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
    let placed = Placed {
        slot: numbers[1] as u32,
        generation: numbers[2],
        length: numbers[3],
    };
    (numbers[0], placed)
}

fn check(seed: u64, frame: &[u8]) {
    assert!(
        frame.iter().copied().eq(pattern(seed, frame.len())),
        "frame {seed} is torn"
    );
}

/// Writes frames of all sizes as fast as they go, whatever the client does.
fn write_for_ever() {
    let listener = Listener::bind(Budget::of_bytes(BYTES)).unwrap();
    tell(listener.name());
    let pool = accept(&listener);
    let mut random = fastrand::Rng::with_seed(1);
    for seed in 1_u64.. {
        let Some(mut buffer) = pool.buffer(random.usize(1..200_000)) else {
            std::thread::yield_now();
            continue;
        };
        let bytes = buffer.len();
        buffer
            .iter_mut()
            .zip(pattern(seed, bytes))
            .for_each(|(to, from)| *to = from);
        let placed = pool.place(&buffer.freeze()).unwrap();
        tell(&to_text(seed, placed));
    }
}

/// Takes frames, keeps some for a while, and says which it has let go.
fn read_for_ever() {
    let mut lines = std::io::stdin().lines().map(Result::unwrap);
    let name = lines.next().unwrap();
    let mut reader = Reader::connect(&name, common::LONG).unwrap();
    tell("ready");
    let mut kept = VecDeque::new();
    for line in lines {
        let (seed, placed) = from_text(&line);
        let lease = reader.lease(placed).unwrap();
        check(seed, &lease);
        kept.push_back((seed, lease));
        if kept.len() > 4 {
            let (seed, lease) = kept.pop_front().unwrap();
            check(seed, &lease);
            assert!(lease.is_intact());
        }
        tell("read");
    }
}

/// Not a test: what this program does when it is the other process.
#[test]
#[ignore = "is started by the tests as a process of its own"]
fn the_other_process() {
    match env::var(ROLE).as_deref() {
        Ok("writer") => write_for_ever(),
        Ok("reader") => read_for_ever(),
        _ => {}
    }
}

/// A client that reads from a writer in another process: every byte is what was
/// written, however long frames are kept.
#[test]
fn nothing_tears_under_load() {
    let _alone = alone();
    let mut writer = Other::start("writer");
    let name = writer.hear().unwrap();
    let mut reader = Reader::connect(&name, common::LONG).unwrap();
    let mut random = fastrand::Rng::with_seed(2);
    let mut kept = Vec::new();
    for _ in 0..2000 {
        let (seed, placed) = from_text(&writer.hear().unwrap());
        kept.push((seed, reader.lease(placed).unwrap()));
        while kept.len() > random.usize(1..12) {
            let (seed, lease) = kept.swap_remove(random.usize(..kept.len()));
            check(seed, &lease);
            assert!(lease.is_intact());
        }
    }
}

/// One test at a time: a process that is being started has, for a moment, a copy
/// of every descriptor of this one, and so of another test's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often each side is killed.
fn rounds() -> usize {
    let rounds = env::var("SYNTHCAP_KILLS").ok();
    rounds.map_or(4, |rounds| rounds.parse().unwrap())
}

/// The server is killed in the middle of writing: what the client had taken stays
/// as it was, and afterwards nothing is left.
#[test]
fn a_killed_server_takes_nothing_with_it() {
    let _alone = alone();
    for round in 0..rounds() {
        let mut writer = Other::start("writer");
        let name = writer.hear().unwrap();
        let mut reader = Reader::connect(&name, common::LONG).unwrap();
        let mut kept = VecDeque::new();
        for _ in 0..5 + round % 7 {
            let (seed, placed) = from_text(&writer.hear().unwrap());
            kept.push_back((seed, reader.lease(placed).unwrap()));
            if kept.len() > 5 {
                kept.pop_front();
            }
        }
        writer.kill();
        for (seed, lease) in &kept {
            check(*seed, lease);
            assert!(lease.is_intact());
        }
        assert!(!traces(&name).is_empty(), "the leases are still mapped");
        drop((reader, kept));
        assert_eq!(traces(&name), Vec::<String>::new(), "round {round}");
    }
}

/// The client is killed while it holds frames: the server notices, gets all of its
/// memory back, and nothing is left.
#[test]
fn a_killed_client_gives_everything_back() {
    let _alone = alone();
    let budget = Budget::of_bytes(BYTES);
    for round in 0..rounds() {
        let listener = Listener::bind(budget.clone()).unwrap();
        let name = listener.name().to_owned();
        let mut client = Other::start("reader");
        client.say(&name);
        let pool = accept(&listener);
        assert_eq!(client.hear().unwrap(), "ready");
        for seed in 0..6 + (round % 5) as u64 {
            let frame: Bytes = pattern(seed, 100_000 + round).collect();
            client.say(&to_text(seed, pool.place(&frame).unwrap()));
            assert_eq!(client.hear().unwrap(), "read");
        }
        // More are placed than it will ever take.
        let unread = pool.place(&Bytes::from_static(b"never read"));
        assert!(unread.is_some() && !pool.client_left());
        client.kill();
        assert!(pool.client_left());
        pool.close();
        assert_eq!(budget.left_bytes(), BYTES, "round {round}");
        drop((pool, listener));
        assert_eq!(traces(&name), Vec::<String>::new(), "round {round}");
    }
}
