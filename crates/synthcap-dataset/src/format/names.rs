//! Names of cameras in the names of files.

use crate::Plan;

/// A folder for each camera of a plan, with its `/`; nothing when there is only one
/// camera.
pub(crate) fn camera_folders(plan: &Plan) -> Vec<String> {
    match plan.cameras.len() {
        0 | 1 => vec![String::new()],
        _ => {
            let names = plan.cameras.iter().map(|camera| camera.name.as_str());
            folder_names(names)
        }
    }
}

/// A name with what file systems dislike replaced.
pub(crate) fn plain(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let replaced: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    // A leading dot would hide the folder, or lead out of ours.
    match replaced.trim_start_matches('.') {
        "" => "camera".to_owned(),
        visible => visible.to_owned(),
    }
}

/// One folder per camera: its name with what file systems dislike replaced, and
/// a number after it where that makes two the same.
fn folder_names<'a>(cameras: impl Iterator<Item = &'a str>) -> Vec<String> {
    // File systems may not tell case apart.
    let mut taken = vec![
        "readme.md".to_owned(),
        "frames.jsonl".to_owned(),
        "manifest.json".to_owned(),
        "preview.png".to_owned(),
    ];
    let names = cameras.map(|camera| {
        let name = plain(camera);
        let numbered = (2_u32..).map(|n| format!("{name}_{n}"));
        let free = std::iter::once(name.clone())
            .chain(numbered)
            .find(|candidate| !taken.contains(&candidate.to_ascii_lowercase()))
            .unwrap_or_else(|| name.clone());
        taken.push(free.to_ascii_lowercase());
        format!("{free}/")
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_plain_and_differ() {
        let cameras = ["left", "Left", "../up", "a/b", "a b", "", "preview.png"];
        let folders = folder_names(cameras.into_iter());
        assert_eq!(
            folders,
            [
                "left/",
                "Left_2/",
                "_up/",
                "a_b/",
                "a_b_2/",
                "camera/",
                "preview.png_2/"
            ]
        );
    }
}
