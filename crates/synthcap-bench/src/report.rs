//! Results for people and for scripts.

use std::{fmt, fs, thread};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{Compared, Contender, ControlReport, Error, Measure, meter::peak_memory};

/// What the bench ran on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor, as the system names it.
    pub cpu: String,
    /// How many threads run at once.
    pub threads: usize,
    /// Memory in bytes; 0 where the system does not tell.
    pub memory_bytes: u64,
    /// The system and its version.
    pub system: String,
    /// Programs that wanted to run in the last minute, on average: above the
    /// number of threads, others were in the way.
    pub load: f64,
}

impl Machine {
    /// This machine, now.
    pub fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            let value = line.and_then(|line| line.split_once(':'));
            value.map(|(_, value)| value.trim().to_owned())
        };
        let memory = value(&read("/proc/meminfo"), "MemTotal");
        let kib = memory.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        let release = read("/proc/sys/kernel/osrelease");
        let load = read("/proc/loadavg");
        let load = load.split(' ').next().and_then(|load| load.parse().ok());
        Self {
            cpu: value(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            threads: thread::available_parallelism().map_or(1, Into::into),
            memory_bytes: kib.unwrap_or_default() << 10,
            system: format!("{} {}", std::env::consts::OS, release.trim()),
            load: load.unwrap_or_default(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.memory_bytes as f64 / f64::from(1 << 30);
        write!(
            f,
            "{}, {} threads, {gib:.0} GiB, {}, load {:.1}",
            self.cpu, self.threads, self.system, self.load
        )
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} in flight, {} bytes each",
            self.work.kind.name(),
            self.work.in_flight,
            self.work.kind.bytes()
        )?;
        writeln!(
            f,
            "  {:13} {:>11} {:>8} {:>7} {:>7} {:>10} {:>8} {:>10} {:>10}",
            "", "per second", "GB/s", "x raw", "x tonic", "CPU us", "allocs", "p50 us", "p99 us"
        )?;
        for (who, measure) in &self.measures {
            let ratio = |to| match self.ratio(*who, to) {
                Some(ratio) => format!("{ratio:.2}"),
                None => String::new(),
            };
            // Another process is not looked into.
            let inside = |value: f64| match value {
                0.0 => "-".to_owned(),
                value => format!("{value:.1}"),
            };
            writeln!(
                f,
                "  {:13} {:>11.0} {:>8.2} {:>7} {:>7} {:>10} {:>8} {:>10} {:>10}",
                who.name(),
                measure.per_second,
                measure.per_second * self.work.kind.bytes() as f64 / 1e9,
                ratio(Contender::RawTcp),
                ratio(Contender::Tonic),
                inside(measure.cpu_us),
                inside(measure.allocations),
                inside(measure.p50_us),
                inside(measure.p99_us),
            )?;
        }
        Ok(())
    }
}

impl Compared {
    /// The entry of the JSON's `work` list: rates by contender, and the rest of
    /// what was measured under `details`.
    fn json(&self) -> Result<Value, Error> {
        let mut entry = Map::new();
        entry.insert("name".to_owned(), self.work.name().into());
        entry.insert("unit".to_owned(), self.unit().into());
        entry.insert("in_flight".to_owned(), self.work.in_flight.into());
        entry.insert("bytes".to_owned(), self.work.kind.bytes().into());
        let mut details = Map::new();
        for (who, measure) in &self.measures {
            entry.insert(who.name().to_owned(), rounded(measure).into());
            details.insert(who.name().to_owned(), serde_json::to_value(measure)?);
        }
        entry.insert("details".to_owned(), details.into());
        Ok(entry.into())
    }

    fn unit(&self) -> &'static str {
        match self.work.kind {
            crate::Kind::Command => "commands per second",
            crate::Kind::Images { modalities, .. } if modalities.iter().count() > 1 => {
                "sets per second"
            }
            crate::Kind::Images { .. } => "frames per second",
        }
    }
}

/// More digits would be noise.
fn rounded(measure: &Measure) -> f64 {
    (measure.per_second * 10.0).round() / 10.0
}

/// One object for scripts.
///
/// # Errors
///
/// When a number cannot be written, which is never the case.
pub fn json(machine: &Machine, all: &[Compared], control: &ControlReport) -> Result<Value, Error> {
    let work = all.iter().map(Compared::json);
    Ok(json!({
        "machine": machine,
        "version": env!("CARGO_PKG_VERSION"),
        "peak_memory_bytes": peak_memory(),
        "control": control,
        "work": work.collect::<Result<Vec<_>, _>>()?,
    }))
}
