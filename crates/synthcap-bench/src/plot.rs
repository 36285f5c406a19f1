//! Pictures of a comparison, as SVG, for the documentation.

use std::fmt::Write as _;

use crate::{Compared, Contender, Kind};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const ROW: f64 = 18.0;
const GAP: f64 = 26.0;
const TOP: f64 = 64.0;

/// Colours that those who see few can tell apart, too.
fn color(contender: Contender) -> &'static str {
    match contender {
        Contender::RawTcp => "#9a9a9a",
        Contender::Memcpy => "#d0d0d0",
        Contender::Tonic => "#e69f00",
        Contender::SynthcapTcp => "#0072b2",
        Contender::SynthcapUds => "#56b4e9",
        Contender::SynthcapTcpWritten => "#f0c800",
        Contender::SynthcapShm => "#009e73",
        Contender::PythonAsync => "#cc79a7",
        Contender::PythonSync => "#882255",
    }
}

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    /// Frames, as their rate over that of a raw TCP socket.
    Frames,
    /// Commands, as their rate over that of a bare stub.
    Commands,
}

impl Chart {
    fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Frames => (
                "Frames and capture sets, against a raw TCP socket",
                "rate over that of the socket in the same run; longer is better",
            ),
            Self::Commands => (
                "Camera moves, against a bare tonic stub",
                "rate over that of the stub in the same run; longer is better",
            ),
        }
    }

    fn unit(self) -> Contender {
        match self {
            Self::Frames => Contender::RawTcp,
            Self::Commands => Contender::Tonic,
        }
    }

    fn shows(self, compared: &Compared) -> bool {
        (self == Self::Commands) == (compared.work.kind == Kind::Command)
    }

    /// Memory is far off every scale, and a socket has no commands.
    fn has(self, contender: Contender) -> bool {
        match contender {
            Contender::Memcpy => false,
            Contender::RawTcp => self == Self::Frames,
            _ => true,
        }
    }
}

/// Draws a chart of what was measured: one group of bars for each work.
pub fn plot(chart: Chart, all: &[Compared]) -> String {
    let shown: Vec<_> = all
        .iter()
        .filter(|compared| chart.shows(compared))
        .collect();
    let most = shown.iter().flat_map(|compared| bars(chart, compared));
    let most = most.map(|(_, ratio, _)| ratio).fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - 150.0) / most;
    let mut body = String::new();
    let mut y = TOP;
    for compared in &shown {
        y = group(&mut body, chart, compared, y, scale) + GAP;
    }
    let height = legend(&mut body, chart, &shown, y) + 30.0;
    let one = LEFT + scale;
    let bottom = y - GAP;
    let (title, subtitle) = chart.title();
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="24" font-size="16" font-weight="bold">{title}</text>
<text x="16" y="44" fill="#555555">{subtitle}</text>
<line x1="{one:.1}" y1="{TOP}" x2="{one:.1}" y2="{bottom:.1}" stroke="#333333" stroke-dasharray="3 3"/>
{body}</svg>
"##
    )
}

/// Who is drawn for a work, with the ratio and the rate.
fn bars(chart: Chart, compared: &Compared) -> Vec<(Contender, f64, f64)> {
    let measures = compared.measures.iter();
    let drawn = measures.filter(|(who, _)| chart.has(*who));
    drawn
        .filter_map(|(who, measure)| {
            let ratio = compared.ratio(*who, chart.unit())?;
            Some((*who, ratio, measure.per_second))
        })
        .collect()
}

/// Draws the bars of one work and returns where they end.
fn group(body: &mut String, chart: Chart, compared: &Compared, top: f64, scale: f64) -> f64 {
    let bars = bars(chart, compared);
    let middle = top + ROW * bars.len() as f64 / 2.0;
    let name = compared.work.kind.name().replace('_', " ");
    let in_flight = compared.work.in_flight;
    // Writing to a string never fails.
    let _ = writeln!(
        body,
        r##"<text x="16" y="{middle:.1}">{name}</text>
<text x="16" y="{:.1}" fill="#555555">{in_flight} in flight</text>"##,
        middle + 14.0
    );
    let mut y = top;
    for (who, ratio, rate) in bars {
        let (width, height) = (ratio * scale, ROW - 4.0);
        let _ = writeln!(
            body,
            r##"<rect x="{LEFT}" y="{y:.1}" width="{width:.1}" height="{height}" fill="{}"/>
<text x="{:.1}" y="{:.1}" font-size="11">{ratio:.2} ({}/s)</text>"##,
            color(who),
            LEFT + width + 5.0,
            y + height - 3.0,
            short(rate),
        );
        y += ROW;
    }
    y
}

/// Says whose colour is whose, in as many rows as it takes, and returns where the
/// last one is.
fn legend(body: &mut String, chart: Chart, shown: &[&Compared], top: f64) -> f64 {
    let (mut x, mut y) = (16.0, top);
    let first = shown.first().map(|compared| bars(chart, compared));
    for (who, ..) in first.unwrap_or_default() {
        let name = who.name();
        let wide = 34.0 + 7.0 * name.len() as f64;
        if x + wide > WIDTH {
            (x, y) = (16.0, y + 20.0);
        }
        let _ = writeln!(
            body,
            r##"<rect x="{x}" y="{y:.1}" width="12" height="12" fill="{}"/>
<text x="{}" y="{:.1}">{name}</text>"##,
            color(who),
            x + 16.0,
            y + 10.5,
        );
        x += wide;
    }
    y
}

/// A rate with as many digits as mean something.
fn short(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.2}M", rate / 1e6),
        rate if rate >= 1e4 => format!("{:.0}k", rate / 1e3),
        rate if rate >= 1e3 => format!("{:.1}k", rate / 1e3),
        rate => format!("{rate:.0}"),
    }
}
