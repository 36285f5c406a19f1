//! Pose files: one pose per line, as text, CSV or JSON.

use std::{fs, path::Path};

use serde::Deserialize;
use synthcap::{Rotator, Transform, Vec3};

use crate::{JobError, Result};

const EXPECTED: &str = "expected `x y z pitch yaw roll` in centimetres and degrees";

/// Reads a pose file.
///
/// # Errors
///
/// When there is no such file, a line is bad, or it has no poses; the line is named.
pub(crate) fn read(path: &Path) -> Result<Vec<Transform>> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|e| {
        JobError::new(format!(
            "cannot read the pose file {shown}: {e}; a path is orbit, random or a file"
        ))
    })?;
    let poses = parse(&text)
        .map_err(|bad| JobError::new(format!("{shown}:{}: {}; {EXPECTED}", bad.line, bad.what)))?;
    if poses.is_empty() {
        return Err(JobError::new(format!(
            "the pose file {shown} has no poses; {EXPECTED}"
        )));
    }
    Ok(poses)
}

/// A line that is no pose.
#[derive(Debug, PartialEq, Eq)]
struct Bad {
    /// From 1, as editors count.
    line: usize,
    what: String,
}

fn parse(text: &str) -> std::result::Result<Vec<Transform>, Bad> {
    let mut poses = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let pose = pose(text).map_err(|what| Bad { line, what })?;
        // The names of the columns may stand at the top.
        let Some(pose) = pose else {
            continue;
        };
        if !pose.is_finite() {
            let what = "a number is infinite or not a number".to_owned();
            return Err(Bad { line, what });
        }
        poses.push(pose);
    }
    Ok(poses)
}

/// The pose of a line; `None` for empty lines, comments and the names of columns.
fn pose(line: &str) -> std::result::Result<Option<Transform>, String> {
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.starts_with('{') {
        return json(line).map(Some);
    }
    let line = line.split('#').next().unwrap_or_default();
    let fields: Vec<_> = line
        .split(|c: char| c == ',' || c == ';' || c.is_whitespace())
        .filter(|field| !field.is_empty())
        .collect();
    let names = ["x", "y", "z", "pitch", "yaw", "roll"];
    if fields.is_empty() || fields.iter().map(|f| f.to_ascii_lowercase()).eq(names) {
        return Ok(None);
    }
    let number = |field: &&str| {
        let number = field.parse::<f32>();
        number.map_err(|_| format!("{field:?} is not a number"))
    };
    let numbers = fields
        .iter()
        .map(number)
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let [x, y, z, pitch, yaw, roll] = numbers[..] else {
        return Err(format!("{} numbers instead of 6", numbers.len()));
    };
    Ok(Some(Transform::new(
        Vec3::new(x, y, z),
        Rotator::new(pitch, yaw, roll),
    )))
}

/// Poses as JSON: flat, or as a data set's `frames.jsonl` has them.
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonLine {
    Flat {
        x: f32,
        y: f32,
        z: f32,
        pitch: f32,
        yaw: f32,
        roll: f32,
    },
    Pose(JsonPose),
    Frame {
        views: Vec<JsonView>,
    },
}

#[derive(Deserialize)]
struct JsonPose {
    location_cm: [f32; 3],
    rotation_deg: JsonRotation,
}

#[derive(Deserialize)]
struct JsonRotation {
    pitch: f32,
    yaw: f32,
    roll: f32,
}

#[derive(Deserialize)]
struct JsonView {
    pose: JsonPose,
}

impl From<JsonPose> for Transform {
    fn from(pose: JsonPose) -> Self {
        let [x, y, z] = pose.location_cm;
        let r = pose.rotation_deg;
        Self::new(Vec3::new(x, y, z), Rotator::new(r.pitch, r.yaw, r.roll))
    }
}

fn json(line: &str) -> std::result::Result<Transform, String> {
    let no_pose = || "this JSON has no camera pose".to_owned();
    let value: serde_json::Value =
        serde_json::from_str(line).map_err(|e| format!("this is not JSON: {e}"))?;
    match serde_json::from_value(value).map_err(|_| no_pose())? {
        JsonLine::Flat {
            x,
            y,
            z,
            pitch,
            yaw,
            roll,
        } => Ok(Transform::new(
            Vec3::new(x, y, z),
            Rotator::new(pitch, yaw, roll),
        )),
        JsonLine::Pose(pose) => Ok(pose.into()),
        JsonLine::Frame { views } => {
            let first = views.into_iter().next().ok_or_else(no_pose)?;
            Ok(first.pose.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expected() -> Transform {
        Transform::new(Vec3::new(1.0, -2.5, 300.0), Rotator::new(-10.0, 90.0, 0.5))
    }

    #[test]
    fn every_form_is_read() {
        for text in [
            "1 -2.5 300 -10 90 0.5",
            "1,-2.5,300,-10,90,0.5",
            "1; -2.5; 3e2;\t-10; 90; 0.5 # the window",
            "\u{feff}x,y,z,pitch,yaw,roll\n\n# comment\n1,-2.5,300,-10,90,0.5\r\n",
            r#"{"x":1,"y":-2.5,"z":300,"pitch":-10,"yaw":90,"roll":0.5}"#,
            r#"{"location_cm":[1,-2.5,300],"rotation_deg":{"pitch":-10,"yaw":90,"roll":0.5}}"#,
            r#"{"index":0,"views":[{"camera":"main","pose":{"location_cm":[1,-2.5,300],"rotation_deg":{"pitch":-10,"yaw":90,"roll":0.5}}}]}"#,
        ] {
            assert_eq!(parse(text), Ok(vec![expected()]), "{text}");
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        for (line, what) in [
            ("1 2 3 4 5", "5 numbers instead of 6"),
            ("1 2 3 4 5 6 7", "7 numbers instead of 6"),
            ("1 2 three 4 5 6", "\"three\" is not a number"),
            ("1 2 inf 4 5 6", "infinite"),
            ("{\"x\": 1}", "no camera pose"),
            ("{\"x\": ", "not JSON"),
            ("{\"views\": []}", "no camera pose"),
        ] {
            let text = format!("# two good lines first\n0 0 0 0 0 0\n{line}\n");
            let bad = parse(&text).expect_err("bad line");
            assert_eq!(bad.line, 3, "{line}");
            assert!(bad.what.contains(what), "{line}: {}", bad.what);
        }
    }

    #[test]
    fn a_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("poses.txt");
        fs::write(&path, "0 0 0 0 0 0\n1 2\n").expect("file");
        let stop = read(&path).expect_err("bad line");
        assert!(
            stop.to_string()
                .contains("poses.txt:2: 2 numbers instead of 6"),
            "{stop}"
        );
        fs::write(&path, "# nothing\n").expect("file");
        assert!(
            read(&path)
                .expect_err("empty")
                .to_string()
                .contains("no poses")
        );
        let missing = read(&folder.path().join("spiral")).expect_err("missing");
        assert!(
            missing.to_string().contains("orbit, random or a file"),
            "{missing}"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}(\n\\PC{0,40}){0,3}") {
            if let Ok(poses) = parse(&text) {
                prop_assert!(poses.iter().all(Transform::is_finite));
            }
        }

        #[test]
        fn numbers_survive(p in any::<[f32; 6]>().prop_filter("finite", |p| p.iter().all(|x| x.is_finite()))) {
            let text = p.map(|x| x.to_string()).join(" ");
            let pose = Transform::new(Vec3::new(p[0], p[1], p[2]), Rotator::new(p[3], p[4], p[5]));
            prop_assert_eq!(parse(&text), Ok(vec![pose]));
        }
    }
}
