//! What came out.

use std::fmt;

use serde::Serialize;
use synthcap::ServerInfo;

use crate::point::Point;

/// A part of the contract; each includes those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Level {
    /// What every UESynth client relies on.
    Plain,
    /// What synthcap adds, as far as the server offers it.
    Extended,
    /// Images by shared memory.
    SharedMemory,
}

impl Level {
    /// The name used on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Extended => "extended",
            Self::SharedMemory => "shared-memory",
        }
    }
}

/// How a server stands on one point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// It keeps it.
    Passed,
    /// It breaks it.
    Failed {
        /// What the contract says.
        expected: String,
        /// What the server did.
        seen: String,
    },
    /// It does not claim to be able to.
    NotOffered {
        /// What it lacks.
        lacks: String,
    },
    /// It cannot be told: another point failed on which this one rests, or the
    /// scene shows too little.
    NotJudged {
        /// Why.
        reason: String,
    },
}

/// One point of the contract and how the server stands on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PointReport {
    /// Its name, which stays the same between versions.
    pub id: &'static str,
    /// Where it belongs.
    pub level: Level,
    /// What the contract promises.
    pub promise: &'static str,
    /// How the server stands.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// How a server stands on every point that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its address.
    pub url: String,
    /// Name and version; `None` for a plain UESynth server, which says nothing.
    pub engine: Option<String>,
    /// In the order in which they were looked at.
    pub points: Vec<PointReport>,
}

impl Report {
    pub(crate) fn new(url: &str, info: Option<&ServerInfo>) -> Self {
        Self {
            url: url.to_owned(),
            engine: info.map(|info| format!("{} {}", info.engine_name, info.engine_version)),
            points: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, point: &Point, verdict: Verdict) {
        self.points.push(PointReport {
            id: point.id,
            level: point.level,
            promise: point.promise,
            verdict,
        });
    }

    /// How the server stands on a point; `None` when it was not looked at.
    pub fn verdict(&self, id: &str) -> Option<&Verdict> {
        let found = self.points.iter().find(|point| point.id == id);
        found.map(|point| &point.verdict)
    }

    /// Whether no point failed. What is not offered does not count.
    pub fn is_conformant(&self) -> bool {
        self.failed().next().is_none()
    }

    /// The points that failed.
    pub fn failed(&self) -> impl Iterator<Item = &PointReport> {
        let failed = |point: &&PointReport| matches!(point.verdict, Verdict::Failed { .. });
        self.points.iter().filter(failed)
    }

    fn count(&self, which: impl Fn(&Verdict) -> bool) -> usize {
        self.points.iter().filter(|p| which(&p.verdict)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let engine = self.engine.as_deref().unwrap_or("a plain UESynth server");
        writeln!(f, "{} ({engine})", self.url)?;
        let mut level = None;
        for point in &self.points {
            if level != Some(point.level) {
                level = Some(point.level);
                writeln!(f, "\n{}", point.level.name())?;
            }
            let (id, promise) = (point.id, point.promise);
            match &point.verdict {
                Verdict::Passed => writeln!(f, "  passed       {id}: {promise}")?,
                Verdict::Failed { expected, seen } => {
                    writeln!(f, "  FAILED       {id}: {promise}")?;
                    writeln!(f, "                 expected {expected}")?;
                    writeln!(f, "                 seen     {seen}")?;
                }
                Verdict::NotOffered { lacks } => {
                    writeln!(f, "  not offered  {id}: {lacks}")?;
                }
                Verdict::NotJudged { reason } => {
                    writeln!(f, "  not judged   {id}: {reason}")?;
                }
            }
        }
        write!(
            f,
            "\n{} passed, {} failed, {} not offered, {} not judged",
            self.count(|v| matches!(v, Verdict::Passed)),
            self.failed().count(),
            self.count(|v| matches!(v, Verdict::NotOffered { .. })),
            self.count(|v| matches!(v, Verdict::NotJudged { .. })),
        )
    }
}
