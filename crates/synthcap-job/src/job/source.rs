//! A job file with what flags change of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize as _;
use toml::{Table, Value};

use super::{Job, check, place};
use crate::{JobError, Result, camera};

/// A job before it is complete: the text of its file, and what flags add.
#[derive(Clone, Debug, Default)]
pub struct JobSource {
    /// The file's name for messages; empty without a file.
    name: String,
    text: String,
    /// Pose files are relative to it.
    folder: PathBuf,
    table: Table,
    /// Keys that flags have set: what is wrong with them is not the file's fault.
    set: Vec<String>,
}

impl JobSource {
    /// A job of defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a job file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not TOML, has a key that there is not, or a value
    /// of the wrong kind; file and line are named.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|e| JobError::new(format!("cannot read the job file {shown}: {e}")))?;
        let mut source = Self::from_text(&shown, &text)?;
        source.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(source)
    }

    /// A job from the text of a file of this name.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn from_text(name: &str, text: &str) -> Result<Self> {
        let wrong = |error: toml::de::Error| {
            let line = error
                .span()
                .map_or(1, |span| place::line_at(text, span.start));
            JobError::new(format!(
                "{name}:{line}: {}; `synthcap plan --help` names the keys",
                error.message()
            ))
        };
        // Read as a job at once: only so do complaints know their place.
        toml::from_str::<Job>(text).map_err(wrong)?;
        Ok(Self {
            name: name.to_owned(),
            text: text.to_owned(),
            table: toml::from_str(text).map_err(wrong)?,
            ..Self::default()
        })
    }

    /// Sets a key, such as `randomize.light.sun_intensity`, whatever the file says;
    /// `cameras.0` is the first camera.
    ///
    /// # Errors
    ///
    /// When a part of the key is a value, not a table.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> Result<()> {
        let parts: Vec<_> = key.split('.').collect();
        insert(&mut self.table, &parts, value.into())
            .ok_or_else(|| JobError::new(format!("there is no key {key} to set")))?;
        self.set.push(key.to_owned());
        Ok(())
    }

    /// Sets a key as `KEY=VALUE` says, the value being TOML; a word needs no quotes.
    ///
    /// # Errors
    ///
    /// When there is no `=`, and as [`set`](Self::set).
    pub fn set_text(&mut self, assignment: &str) -> Result<()> {
        let (key, text) = assignment.split_once('=').ok_or_else(|| {
            JobError::new(format!(
                "{assignment:?} sets nothing; write KEY=VALUE, such as randomize.light.per=scene"
            ))
        })?;
        let parsed: std::result::Result<Table, _> = toml::from_str(&format!("value = {text}"));
        let value = parsed.ok().and_then(|mut table| table.remove("value"));
        let value = value.unwrap_or_else(|| Value::String(text.trim().to_owned()));
        self.set(key.trim(), value)
    }

    /// Sets a table to its defaults, unless it is there.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub fn enable(&mut self, key: &str) -> Result<()> {
        match self.has(key) {
            true => Ok(()),
            false => self.set(key, Table::new()),
        }
    }

    /// What is wrong with a key, with its place in the file or the flag that set it.
    pub fn complaint(&self, key: &str, what: &str) -> JobError {
        JobError::new(format!("{}: {what}", self.blame(Some(key))))
    }

    /// Whether a key has a value, of the file or of a flag.
    pub fn has(&self, key: &str) -> bool {
        let mut parts = key.split('.');
        let first = parts.next().and_then(|part| self.table.get(part));
        let found = parts.try_fold(first, |value, part| match value? {
            Value::Table(table) => Some(table.get(part)),
            Value::Array(array) => Some(part.parse().ok().and_then(|i: usize| array.get(i))),
            _ => None,
        });
        found.flatten().is_some()
    }

    /// The complete job.
    ///
    /// # Errors
    ///
    /// What makes no sense in it, with the place and the remedy.
    pub fn job(&self) -> Result<Job> {
        let mut job = Job::deserialize(self.table.clone())
            .map_err(|e| JobError::new(format!("{}: {}", self.blame(None), e.message())))?;
        for camera in &mut job.cameras {
            if let Some(path) = camera.path.as_deref()
                && !matches!(path, "orbit" | "random")
            {
                let file = self.folder.join(path);
                camera.poses = camera::read_poses(&file)?;
                // Where it lay on this machine is nobody else's concern.
                let name = file
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
                camera.path = name;
            }
        }
        let poses = job.cameras.iter().map(|camera| camera.poses.len());
        let fewest = poses.filter(|count| *count > 0).min().map(|n| n as u64);
        job.samples = job.samples.or(fewest);
        check::check(&job).map_err(|bad| {
            JobError::new(format!("{}: {}", self.blame(Some(&bad.key)), bad.what))
        })?;
        Ok(job)
    }

    /// Where a key is set.
    fn blame(&self, key: Option<&str>) -> String {
        let set = |key: &&str| self.set.iter().any(|s| key.starts_with(s.as_str()));
        match key {
            Some(key) if set(&key) || self.name.is_empty() => key.to_owned(),
            Some(key) => {
                let line = place::line_of(&self.text, key).unwrap_or(1);
                format!("{}:{line}: {key}", self.name)
            }
            None if self.set.is_empty() => self.name.clone(),
            None => self.set.join(", "),
        }
    }
}

fn insert(table: &mut Table, parts: &[&str], value: Value) -> Option<()> {
    let (first, rest) = parts.split_first()?;
    if rest.is_empty() {
        table.insert((*first).to_owned(), value);
        return Some(());
    }
    // Lists hold tables here: cameras and lamps.
    let list = rest
        .first()
        .is_some_and(|part| part.parse::<usize>().is_ok());
    let empty = match list {
        true => Value::Array(Vec::new()),
        false => Value::Table(Table::new()),
    };
    match table.entry((*first).to_owned()).or_insert(empty) {
        Value::Table(inner) => insert(inner, rest, value),
        Value::Array(array) => {
            let place: usize = rest.first()?.parse().ok()?;
            if place == array.len() {
                array.push(Value::Table(Table::new()));
            }
            insert(array.get_mut(place)?.as_table_mut()?, &rest[1..], value)
        }
        _ => None,
    }
}
