//! Which file is called what; fixed by the plan, so that a set has one extension
//! per modality.

use synthcap::Modality;

use crate::Plan;

/// Names of the files of a set.
#[derive(Debug)]
pub(super) struct Layout {
    /// One per camera: empty, or a folder with its `/`.
    folders: Vec<String>,
    ids_fit_16_bits: bool,
}

impl Layout {
    pub(super) fn new(plan: &Plan) -> Self {
        let folders = match plan.cameras.len() {
            0 | 1 => vec![String::new()],
            _ => {
                let names = plan.cameras.iter().map(|camera| camera.name.as_str());
                folder_names(names)
            }
        };
        Self {
            folders,
            ids_fit_16_bits: plan
                .max_instance_id
                .is_some_and(|id| u16::try_from(id).is_ok()),
        }
    }

    /// Whether segmentation is a 16-bit image.
    pub(super) fn ids_fit_16_bits(&self) -> bool {
        self.ids_fit_16_bits
    }

    /// The path of one image, relative to the set.
    pub(super) fn path(&self, view: usize, modality: Modality, index: u64) -> String {
        self.with(view, modality, &format!("{index:06}"))
    }

    /// The same for any index.
    pub(super) fn pattern(&self, view: usize, modality: Modality) -> String {
        self.with(view, modality, "{index:06}")
    }

    fn with(&self, view: usize, modality: Modality, stem: &str) -> String {
        let folder = self.folders.get(view).map_or("", String::as_str);
        let extension = match modality {
            Modality::Rgb => "png",
            Modality::Segmentation if self.ids_fit_16_bits => "png",
            _ => "npy",
        };
        format!("{folder}{modality}/{stem}.{extension}")
    }
}

/// One folder per camera: its name with what file systems dislike replaced, and
/// a number after it where that makes two the same.
fn folder_names<'a>(cameras: impl Iterator<Item = &'a str>) -> Vec<String> {
    // File systems may not tell case apart.
    let mut taken = vec![
        "frames.jsonl".to_owned(),
        "manifest.json".to_owned(),
        "preview.png".to_owned(),
    ];
    let names = cameras.map(|camera| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name: String = camera
            .chars()
            .map(|c| if plain(c) { c } else { '_' })
            .collect();
        // A leading dot would hide the folder, or lead out of ours.
        let name = match name.trim_start_matches('.') {
            "" => "camera",
            visible => visible,
        };
        let numbered = (2_u32..).map(|n| format!("{name}_{n}"));
        let free = std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|candidate| !taken.contains(&candidate.to_ascii_lowercase()))
            .unwrap_or_else(|| name.to_owned());
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
