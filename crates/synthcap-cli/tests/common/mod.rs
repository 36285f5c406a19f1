//! Runs the program as a user does.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The one line that a failure says, checked to be the only one.
    pub(crate) fn complaint(&self) -> &str {
        let mut lines = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "));
        let line = lines.next().unwrap_or_else(|| panic!("no error: {self:?}"));
        assert_eq!(lines.next(), None, "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        line
    }

    /// The JSON summary.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// The program with these arguments, not started yet.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synthcap"));
    command.args(args);
    command
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Ended {
    ended(command(args))
}

/// Runs a command to its end.
pub(crate) fn ended(mut command: Command) -> Ended {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Captures small frames into a folder, which must work.
pub(crate) fn capture(out: &Path, args: &[&str]) -> Value {
    let out = out.to_str().expect("plain path");
    let fixed = ["capture", "--json", "--size", "48x36", "--out", out];
    let ended = run(&[&fixed[..], args].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.json()
}

/// The lines of a set's `frames.jsonl`.
pub(crate) fn records(set: &Path) -> Vec<Value> {
    let text = fs::read_to_string(set.join("frames.jsonl")).expect("index");
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("JSON")
}

pub(crate) fn manifest(set: &Path) -> Value {
    let text = fs::read(set.join("manifest.json")).expect("manifest");
    serde_json::from_slice(&text).expect("JSON")
}

/// Reads no further than it has to: what follows is left for others.
fn unread(from: impl Read) -> impl BufRead {
    BufReader::with_capacity(1, from)
}

/// A program that runs while the test does something else. It is killed when the
/// test fails.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = command(args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            child: command.spawn().expect("the program starts"),
        }
    }

    /// The next line on stdout.
    pub(crate) fn next_line(&mut self) -> String {
        let stdout = self.child.stdout.as_mut().expect("piped");
        let mut line = String::new();
        unread(stdout).read_line(&mut line).expect("readable");
        line.trim_end().to_owned()
    }

    /// Reads stderr until a line has this in it.
    pub(crate) fn wait_for(&mut self, what: &str) {
        let stderr = self.child.stderr.as_mut().expect("piped");
        let mut lines = unread(stderr).lines();
        assert!(
            lines.any(|line| line.expect("text").contains(what)),
            "never said {what:?}"
        );
    }

    /// What Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Sends a signal, such as `-STOP`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([name, &id])
            .status()
            .expect("kill");
        assert!(sent.success());
    }

    /// Ends it without giving it a chance.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
    }

    /// Waits for its end. What was read before is not in it.
    pub(crate) fn end(mut self) -> Ended {
        let mut stdout = self.child.stdout.take().expect("piped");
        let mut stderr = self.child.stderr.take().expect("piped");
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("text");
            text
        });
        let mut text = String::new();
        stdout.read_to_string(&mut text).expect("text");
        Ended {
            stdout: text,
            stderr: errors.join().expect("no panic"),
            code: self.child.wait().expect("ended").code(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server of the embedded simulator, and its URL.
pub(crate) fn serve(args: &[&str]) -> (Running, String) {
    serve_at("127.0.0.1:0", args)
}

/// As [`serve`], at this address.
pub(crate) fn serve_at(address: &str, args: &[&str]) -> (Running, String) {
    let mut fixed = vec!["serve", "--listen", address];
    if !args.contains(&"--size") {
        fixed.extend(["--size", "48x36"]);
    }
    let mut server = Running::start(&[&fixed[..], args].concat());
    let line = server.next_line();
    let url = line.split(' ').next_back().expect("words").to_owned();
    assert!(url.contains("://127.0.0.1:"), "{line}");
    (server, url)
}
