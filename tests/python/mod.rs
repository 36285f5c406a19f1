//! A server that runs in Python.
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

use std::{
    error::Error,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A process that prints its port; it ends with this value.
pub struct PythonServer {
    process: Child,
    pub url: String,
}

impl PythonServer {
    /// Runs a script of this package with the interpreter that `PYTHON` names.
    pub fn start(script: &str) -> Result<Self, Box<dyn Error>> {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut process = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("piped")?;
        let mut port = String::new();
        BufReader::new(output).read_line(&mut port)?;
        let url = format!("http://127.0.0.1:{}", port.trim());
        Ok(Self { process, url })
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
