//! Arguments, checked: what can be known to be wrong before a server is asked or
//! a file is written.

use std::path::PathBuf;

use serde_json::{Value, json};
use synthcap::{ModalitySet, Transform};
use synthcap_dataset::{DatasetWriter, Existing, Formats, Plan, PlannedCamera, Writer};

use crate::{
    args::{AccessArgs, CaptureArgs, PathChoice, Size},
    exit::{Result, Stop},
    path,
};

/// Frames of a capture that does not say.
const DEFAULT_FRAMES: u64 = 48;

/// A capture that makes sense.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CaptureSettings {
    pub(crate) frames: u64,
    pub(crate) out: PathBuf,
    /// As typed; each of them makes a writer.
    pub(crate) formats: Vec<String>,
    pub(crate) license: String,
    pub(crate) size: Size,
    pub(crate) modalities: ModalitySet,
    pub(crate) seed: Option<u64>,
    pub(crate) path: PathSettings,
    pub(crate) randomize: bool,
    pub(crate) server: Option<String>,
    pub(crate) access: AccessArgs,
    pub(crate) camera: Option<String>,
    pub(crate) existing: Existing,
    pub(crate) json: bool,
}

/// Where the camera goes, as far as it is known without the scene.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PathSettings {
    Orbit,
    Random,
    Poses {
        file: PathBuf,
        poses: Vec<Transform>,
    },
}

impl CaptureSettings {
    /// Checks arguments; reads the pose file and looks at the output folder.
    ///
    /// # Errors
    ///
    /// What does not make sense, with the remedy.
    pub(crate) fn new(args: CaptureArgs) -> Result<Self> {
        let existing = match args.overwrite {
            true => Existing::Replace,
            false => Existing::Refuse,
        };
        let formats = writers(&args.formats)?;
        DatasetWriter::check(&args.out, &formats, existing)?;
        let modalities = args.modalities.unwrap_or_else(|| formats.modalities());
        let asked = args.frames.map(u64::from);
        let (path, frames) = match args.path {
            PathChoice::Orbit => (PathSettings::Orbit, asked.unwrap_or(DEFAULT_FRAMES)),
            PathChoice::Random => (PathSettings::Random, asked.unwrap_or(DEFAULT_FRAMES)),
            PathChoice::File(file) => {
                let poses = path::read_poses(&file)?;
                let count = poses.len() as u64;
                let frames = asked.unwrap_or(count);
                if frames > count {
                    return Err(Stop::usage(format!(
                        "{} has {count} poses, but --frames asks for {frames}; add poses or take --frames {count}",
                        file.display()
                    )));
                }
                (PathSettings::Poses { file, poses }, frames)
            }
        };
        // What the formats say of the images is known before a server is asked.
        let Size { width, height } = args.size;
        let camera = PlannedCamera::new("any", width, height);
        formats.check(&Plan::new(vec![camera], modalities, frames, 0))?;
        Ok(Self {
            frames,
            out: args.out,
            formats: args.formats,
            license: args.license,
            size: args.size,
            modalities,
            seed: args.seed,
            path,
            randomize: args.randomize,
            server: args.server,
            access: args.access,
            camera: args.camera,
            existing,
            json: args.json,
        })
    }

    /// The writers of the formats.
    ///
    /// # Errors
    ///
    /// When a format is unknown; [`new`](Self::new) has said so already.
    pub(crate) fn writers(&self) -> Result<Formats> {
        writers(&self.formats)
    }

    /// The settings that shape the data set, for its manifest. Where it is put and
    /// how it is shown are not among them.
    pub(crate) fn to_json(&self) -> Value {
        let path = match &self.path {
            PathSettings::Orbit => json!("orbit"),
            PathSettings::Random => json!("random"),
            PathSettings::Poses { file, .. } => json!({ "file": file.display().to_string() }),
        };
        json!({
            "command": "capture",
            "frames": self.frames,
            "formats": self.formats,
            "size": format!("{}x{}", self.size.width, self.size.height),
            "modalities": self.modalities.iter().map(|m| m.name()).collect::<Vec<_>>(),
            "seed": self.seed,
            "path": path,
            "randomize": self.randomize,
            "server": self.server,
            "camera": self.camera,
        })
    }
}

fn writers(specs: &[String]) -> Result<Formats> {
    let writers = specs.iter().map(|spec| synthcap_dataset::writer(spec));
    let writers: Vec<Box<dyn Writer>> = writers.collect::<synthcap_dataset::Result<_>>()?;
    Ok(writers.into())
}

#[cfg(test)]
mod tests {
    use std::{fs, num::NonZeroU64, path::Path};

    use super::*;
    use crate::exit::Failure;

    fn args(out: &Path) -> CaptureArgs {
        CaptureArgs {
            frames: None,
            out: out.to_owned(),
            size: Size {
                width: 8,
                height: 6,
            },
            formats: vec!["frames".to_owned()],
            license: String::new(),
            modalities: None,
            seed: None,
            path: PathChoice::Orbit,
            randomize: false,
            server: None,
            access: AccessArgs::default(),
            camera: None,
            overwrite: false,
            json: false,
        }
    }

    #[test]
    fn a_pose_file_says_how_many_frames_there_are() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("poses.csv");
        fs::write(&file, "0 0 0 0 0 0\n1 1 1 0 0 0\n").expect("file");
        let mut args = args(&folder.path().join("out"));
        let default = CaptureSettings::new(args_with(&args, None)).expect("orbit");
        assert_eq!(default.frames, DEFAULT_FRAMES);
        args.path = PathChoice::File(file);
        assert_eq!(
            CaptureSettings::new(args_with(&args, None))
                .expect("file")
                .frames,
            2
        );
        assert_eq!(
            CaptureSettings::new(args_with(&args, Some(1)))
                .expect("file")
                .frames,
            1
        );
        let stop = CaptureSettings::new(args_with(&args, Some(3))).expect_err("too many");
        assert_eq!(stop.failure, Failure::Usage);
        assert!(stop.line.contains("--frames 2"), "{stop}");
    }

    fn args_with(base: &CaptureArgs, frames: Option<u64>) -> CaptureArgs {
        CaptureArgs {
            frames: frames.and_then(NonZeroU64::new),
            path: base.path.clone(),
            ..args(&base.out)
        }
    }

    #[test]
    fn a_full_folder_is_refused_before_anything_else() {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("notes.txt"), "mine").expect("file");
        let stop = CaptureSettings::new(args(folder.path())).expect_err("not empty");
        assert_eq!(stop.failure, Failure::Output);
        assert!(stop.line.contains("--overwrite"), "{stop}");
        let overwriting = CaptureArgs {
            overwrite: true,
            ..args(folder.path())
        };
        let stop = CaptureSettings::new(overwriting).expect_err("not ours");
        assert!(stop.line.contains("not a data set"), "{stop}");
    }
}
