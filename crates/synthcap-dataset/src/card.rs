//! `README.md`: the card of a data set, for people; the manifest says the same to
//! programs.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    Plan,
    manifest::Contents,
    statistics::{ClassSummary, SpreadSummary},
};

pub(crate) const FILE_NAME: &str = "README.md";

/// What a writer says of the set it made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Card {
    /// Name of the format.
    pub format: &'static str,
    /// Version of the format; rises when a reader has to change.
    pub format_version: u32,
    /// Units, axes and layout, for people and programs: `images` by modality, each
    /// with `paths`, `array` and `unit`, and `conventions` by name.
    pub description: Value,
    /// Lines of YAML for the head of the `README.md`, which hubs read. Default: none.
    pub front_matter: String,
}

impl Card {
    /// The card of a format.
    pub fn new(format: &'static str, format_version: u32, description: Value) -> Self {
        Self {
            format,
            format_version,
            description,
            front_matter: String::new(),
        }
    }
}

/// The text for a set of one format.
pub(crate) fn render(plan: &Plan, card: &Card, contents: &Contents) -> String {
    let mut text = head(plan, &card.front_matter);
    let title = title(plan);
    let complete = match contents.samples == plan.samples {
        true => String::new(),
        false => format!(" of the {} planned", plan.samples),
    };
    line(&mut text, &format!("# {title}, {}\n", card.format));
    line(
        &mut text,
        &format!(
            "{} samples{complete} with {} files, format `{}` version {}. \
             `manifest.json` says the same to programs; `frames.jsonl` has a line for each sample.\n",
            contents.samples, contents.files, card.format, card.format_version
        ),
    );
    source(&mut text, plan);
    images(&mut text, &card.description["images"]);
    conventions(&mut text, &card.description["conventions"]);
    classes(&mut text, &contents.statistics.classes());
    numbers(&mut text, contents);
    text
}

/// The text for a set of several formats.
pub(crate) fn render_several(plan: &Plan, formats: &[&str]) -> String {
    let mut text = head(plan, "");
    line(&mut text, &format!("# {}\n", title(plan)));
    line(&mut text, "The same samples in several formats:\n");
    for format in formats {
        line(
            &mut text,
            &format!("- [{format}]({format}/README.md) in `{format}/`"),
        );
    }
    text.push('\n');
    source(&mut text, plan);
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn title(plan: &Plan) -> String {
    match plan.source.scene_name.as_str() {
        "" => "Synthetic data".to_owned(),
        scene => format!("Synthetic data of {scene}"),
    }
}

fn head(plan: &Plan, front_matter: &str) -> String {
    let mut text = String::from("---\n");
    if !plan.license.is_empty() {
        // JSON's strings are YAML's as well.
        let _ = writeln!(
            text,
            "license: {}",
            Value::from(plan.license.to_lowercase())
        );
    }
    text.push_str("tags: [synthetic]\n");
    text.push_str(front_matter);
    text.push_str("---\n\n");
    text
}

fn source(text: &mut String, plan: &Plan) {
    let or = |text: &str| match text {
        "" => "not stated".to_owned(),
        stated => stated.to_owned(),
    };
    let source = &plan.source;
    let engine = format!("{} {}", source.engine_name, source.engine_version);
    let cameras = plan
        .cameras
        .iter()
        .map(|c| format!("{} ({}x{})", c.name, c.width, c.height));
    let modalities = plan.modalities.iter().map(|m| m.name());
    let rows = [
        ("Simulator", or(engine.trim())),
        ("Scene", or(&source.scene_name)),
        ("Seed", plan.seed.to_string()),
        ("Cameras", cameras.collect::<Vec<_>>().join(", ")),
        ("Images", modalities.collect::<Vec<_>>().join(", ")),
        ("Licence", or(&plan.license)),
        (
            "Written by",
            format!("synthcap {}", env!("CARGO_PKG_VERSION")),
        ),
    ];
    line(text, "| | |\n|---|---|");
    for (name, value) in rows {
        line(text, &format!("| {name} | {} |", escaped(&value)));
    }
    text.push('\n');
}

/// A cell of a table.
fn escaped(value: &str) -> String {
    value.replace('|', "\\|").replace('\n', " ")
}

fn images(text: &mut String, images: &Value) {
    let Some(images) = images.as_object() else {
        return;
    };
    line(
        text,
        "## Files\n\n| image | files | array | unit |\n|---|---|---|---|",
    );
    for (name, image) in images {
        let paths = image["paths"].as_array().into_iter().flatten();
        let paths: Vec<_> = paths
            .filter_map(|path| path.as_str().map(|path| format!("`{path}`")))
            .collect();
        let say = |key: &str| escaped(image[key].as_str().unwrap_or_default());
        let (array, unit) = (say("array"), say("unit"));
        line(
            text,
            &format!("| {name} | {} | {array} | {unit} |", paths.join(", ")),
        );
    }
    text.push('\n');
}

fn conventions(text: &mut String, conventions: &Value) {
    let Some(conventions) = conventions.as_object() else {
        return;
    };
    line(text, "## Units and conventions\n");
    for (name, convention) in conventions {
        let convention = convention.as_str().unwrap_or_default();
        line(text, &format!("- `{name}`: {convention}"));
    }
    text.push('\n');
}

fn classes(text: &mut String, classes: &[ClassSummary<'_>]) {
    if classes.is_empty() {
        return;
    }
    line(
        text,
        "## Classes\n\n| ID | class | objects | labels | pixels |\n|---|---|---|---|---|",
    );
    for class in classes {
        let name = escaped(class.name);
        let (id, objects) = (class.id, class.instances);
        let (labels, pixels) = (class.labels, class.pixels);
        line(
            text,
            &format!("| {id} | {name} | {objects} | {labels} | {pixels} |"),
        );
    }
    line(
        text,
        "\nA label is an object that is visible in one view of one sample.\n",
    );
}

fn numbers(text: &mut String, contents: &Contents) {
    let summary = contents.statistics.summary();
    let rows = [
        ("depth, metres", summary.depth_m),
        ("box width, pixels", summary.box_width_px),
        ("box height, pixels", summary.box_height_px),
        ("visibility", summary.visibility),
    ];
    line(
        text,
        "## Statistics\n\n| | least | mean | greatest |\n|---|---|---|---|",
    );
    for (name, spread) in rows {
        if let Some(SpreadSummary { min, mean, max }) = spread {
            line(
                text,
                &format!("| {name} | {min:.3} | {mean:.3} | {max:.3} |"),
            );
        }
    }
}
