//! Charts as SVG.

use std::fmt::Write as _;

use super::escaped;

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 200.0;
const BLUE: &str = "#3b76c4";
/// Room for numbers at the left and below.
const LEFT: f64 = 44.0;
const BELOW: f64 = 22.0;

fn framed(heading: &str, note: &str, height: f64, inside: &str) -> String {
    format!(
        "<div class=chart><h2>{}</h2><p>{}</p><svg viewBox=\"0 0 {WIDTH} {height}\" role=img>{inside}</svg></div>",
        escaped(heading),
        escaped(note)
    )
}

fn nothing(heading: &str) -> String {
    format!(
        "<div class=chart><h2>{}</h2><p>nothing to show</p></div>",
        escaped(heading)
    )
}

/// A bar for each name.
pub(super) fn bars(heading: &str, bars: &[(&str, f64)]) -> String {
    const ROW: f64 = 18.0;
    const NAMES: f64 = 120.0;
    let most = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    if most == 0.0 {
        return nothing(heading);
    }
    let mut inside = String::new();
    for (i, (name, value)) in bars.iter().enumerate() {
        let y = i as f64 * ROW;
        let length = (WIDTH - NAMES - 70.0) * value / most;
        let _ = write!(
            inside,
            "<text x={} y={} text-anchor=end>{}</text><rect x={NAMES} y={} width={length:.1} height=12 fill=\"{BLUE}\"/><text x={:.1} y={}>{value}</text>",
            NAMES - 6.0,
            y + 13.0,
            escaped(name),
            y + 3.0,
            NAMES + length + 5.0,
            y + 13.0
        );
    }
    framed(heading, "", bars.len() as f64 * ROW + 4.0, &inside)
}

/// How often values fall into each of thirty parts of their range.
pub(super) fn histogram(heading: &str, unit: &str, values: &[f64]) -> String {
    const PARTS: usize = 30;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return nothing(heading);
    }
    let span = (high - low).max(1e-9);
    let mut counts = [0_u64; PARTS];
    for value in values {
        let part = ((value - low) / span * PARTS as f64) as usize;
        counts[part.min(PARTS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1) as f64;
    let mut inside = String::new();
    let step = (WIDTH - LEFT) / PARTS as f64;
    for (i, count) in counts.iter().enumerate() {
        let tall = (HEIGHT - BELOW - 10.0) * *count as f64 / most;
        let _ = write!(
            inside,
            "<rect x={:.1} y={:.1} width={:.1} height={tall:.1} fill=\"{BLUE}\"/>",
            LEFT + i as f64 * step,
            HEIGHT - BELOW - tall,
            step - 1.0
        );
    }
    axes(&mut inside, [low, high], [0.0, most]);
    framed(heading, unit, HEIGHT, &inside)
}

/// Points on a plane, to one scale.
pub(super) fn plan(heading: &str, unit: &str, points: &[[f64; 2]]) -> String {
    let tall = 320.0;
    let ends = |axis: usize| {
        let along = points.iter().map(|p| p[axis]);
        let low = along.clone().fold(f64::INFINITY, f64::min);
        (low, along.fold(f64::NEG_INFINITY, f64::max))
    };
    if points.is_empty() {
        return nothing(heading);
    }
    let ((x0, x1), (y0, y1)) = (ends(0), ends(1));
    let scale = ((WIDTH - LEFT - 20.0) / (x1 - x0).max(0.01))
        .min((tall - BELOW - 20.0) / (y1 - y0).max(0.01));
    let mut inside = String::new();
    for [x, y] in points {
        let _ = write!(
            inside,
            "<circle cx={:.1} cy={:.1} r=2.2 fill=\"{BLUE}\" fill-opacity=.6 />",
            LEFT + 10.0 + (x - x0) * scale,
            tall - BELOW - 10.0 - (y - y0) * scale
        );
    }
    let _ = write!(
        inside,
        "<text x={LEFT} y={}>X {x0:.2} to {x1:.2}, Y {y0:.2} to {y1:.2}</text>",
        tall - 6.0
    );
    framed(heading, unit, tall, &inside)
}

/// A line through points in order.
pub(super) fn line(heading: &str, unit: &str, points: &[[f64; 2]]) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return nothing(heading);
    };
    let most = points.iter().map(|p| p[1]).fold(1e-9, f64::max);
    let span = (last[0] - first[0]).max(1e-9);
    let mut path = String::new();
    for [x, y] in points {
        let _ = write!(
            path,
            "{:.1},{:.1} ",
            LEFT + (x - first[0]) / span * (WIDTH - LEFT - 10.0),
            HEIGHT - BELOW - y / most * (HEIGHT - BELOW - 10.0)
        );
    }
    let mut inside =
        format!("<polyline points=\"{path}\" fill=none stroke=\"{BLUE}\" stroke-width=2 />");
    axes(&mut inside, [first[0], last[0]], [0.0, most]);
    framed(heading, unit, HEIGHT, &inside)
}

fn axes(inside: &mut String, x: [f64; 2], y: [f64; 2]) {
    let bottom = HEIGHT - BELOW;
    let _ = write!(
        inside,
        "<line x1={LEFT} y1={bottom} x2={WIDTH} y2={bottom} stroke=\"#999\"/><text x={LEFT} y={}>{:.2}</text><text x={} y={} text-anchor=end>{:.2}</text><text x={} y={bottom} text-anchor=end>{:.0}</text><text x={} y=14 text-anchor=end>{}</text>",
        HEIGHT - 6.0,
        x[0],
        WIDTH - 4.0,
        HEIGHT - 6.0,
        x[1],
        LEFT - 4.0,
        y[0],
        LEFT - 4.0,
        short(y[1])
    );
}

/// A number that fits beside an axis.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.1}M", v / 1e6),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v.fract() == 0.0 => format!("{v:.0}"),
        v => format!("{v:.2}"),
    }
}
