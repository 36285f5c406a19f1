//! What a person sees while waiting: a bar on a terminal, lines elsewhere.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// How far along a run of frames is, on stderr.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: Shown,
    start: Instant,
    total: u64,
    /// Done before it began.
    before: u64,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines(Pace),
}

impl Progress {
    /// Begins now, with so many of the frames done before.
    pub(crate) fn resume(total: u64, before: u64) -> Self {
        let shown = if std::io::stderr().is_terminal() {
            Shown::Bar(bar(total))
        } else {
            Shown::Lines(Pace::default())
        };
        Self {
            shown,
            start: Instant::now(),
            total,
            before,
        }
    }

    /// So many frames are done.
    pub(crate) fn update(&mut self, done: u64) {
        match &mut self.shown {
            Shown::Bar(bar) => bar.set_position(done),
            Shown::Lines(pace) => {
                if let Some(line) = pace.line(done, self.total, self.before, self.start.elapsed()) {
                    output::remark(line);
                }
            }
        }
    }

    /// Takes the bar away, for what is printed next.
    pub(crate) fn finish(self) {
        if let Shown::Bar(bar) = self.shown {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = "{bar:32} {pos}/{len} frames  {per_sec:>8}  {eta} left";
    // The template is fixed and good; the default bar is a fine second best.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key(
            "per_sec",
            |state: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                // Nobody reads an error of the terminal's buffer.
                let _ = write!(w, "{:.1}/s", state.per_sec());
            },
        ));
    }
    bar
}

/// Decides when a line is due: a log must not fill up with them, so they get
/// rarer the longer it takes. The
/// first comes at once.
#[derive(Debug, Default)]
struct Pace {
    last: Option<Duration>,
}

impl Pace {
    const LEAST: Duration = Duration::from_secs(2);
    const MOST: Duration = Duration::from_secs(60);

    fn line(&mut self, done: u64, total: u64, before: u64, elapsed: Duration) -> Option<String> {
        let since = self.last.map(|last| elapsed.saturating_sub(last));
        let interval = (elapsed / 10).clamp(Self::LEAST, Self::MOST);
        if done == 0 || (done < total && since.is_some_and(|since| since < interval)) {
            return None;
        }
        self.last = Some(elapsed);
        let rate = (done - before.min(done)) as f64 / elapsed.as_secs_f64().max(1e-3);
        let left = (total - done.min(total)) as f64 / rate;
        Some(format!(
            "{done}/{total} frames  {rate:.1}/s  {} left",
            duration(Duration::from_secs_f64(left))
        ))
    }
}

/// A duration as people say it.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        s @ 10..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3600, s / 60 % 60),
    }
}

/// A number of bytes as people say it.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} bytes"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_now_and_then_and_at_the_end() {
        let mut pace = Pace::default();
        let mut line = |done, ms| pace.line(done, 40, 0, Duration::from_millis(ms));
        assert_eq!(line(0, 0), None);
        assert_eq!(
            line(10, 1000).as_deref(),
            Some("10/40 frames  10.0/s  3.0 s left")
        );
        assert_eq!(line(20, 2000), None);
        assert_eq!(line(29, 2900), None);
        assert_eq!(
            line(40, 4000).as_deref(),
            Some("40/40 frames  10.0/s  0.0 s left")
        );
    }

    #[test]
    fn quantities_read_well() {
        assert_eq!(duration(Duration::from_millis(4210)), "4.2 s");
        assert_eq!(duration(Duration::from_secs(61)), "1 min 01 s");
        assert_eq!(duration(Duration::from_secs(7260)), "2 h 01 min");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_250_000), "1.2 MB");
    }
}
