//! Formats by name, as people type them.

use std::num::NonZeroU64;

use crate::{
    Bop, Coco, DepthFile, Error, ErrorKind, FlowFile, Frames, ImageFolder, LabelFile, NormalsFile,
    Result, WebDataset, Writer, Yolo,
};

/// The formats that [`writer`] knows: the name, and what it is.
pub const FORMATS: &[(&str, &str)] = &[
    ("frames", "a folder per modality, a file per image"),
    ("webdataset", "tar shards"),
    ("coco", "instance and panoptic annotations"),
    #[cfg(feature = "parquet")]
    ("hf-parquet", "Parquet for Hugging Face datasets"),
    ("imagefolder", "image folder for Hugging Face datasets"),
    ("bop", "6D object poses"),
    #[cfg(feature = "mcap")]
    ("mcap", "MCAP with Foxglove schemas"),
    ("yolo", "YOLO boxes"),
    ("yolo-seg", "YOLO polygons"),
];

/// The writer of a format, with its options: `NAME` or `NAME:KEY=VALUE,...`.
///
/// | format | options |
/// |---|---|
/// | `frames` | `depth=npy\|kitti\|exr`, `flow=npy\|flo\|kitti`, `normals=npy\|exr` |
/// | `webdataset` | `segmentation=npy.gz\|npy` |
/// | `webdataset`, `hf-parquet`, `mcap` | `samples=N` in a file, 100 |
///
/// ```
/// use synthcap_dataset::{ErrorKind, writer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// assert_eq!(writer("frames:depth=kitti,flow=flo")?.format(), "frames");
/// assert_eq!(writer("webdataset:samples=500")?.samples_per_file().get(), 500);
/// let error = writer("webdata").err().map(|e| e.to_string()).unwrap_or_default();
/// assert!(error.contains("choose from frames, webdataset"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] when the format, an option or its value is unknown.
pub fn writer(spec: &str) -> Result<Box<dyn Writer>> {
    let (name, options) = spec.split_once(':').unwrap_or((spec, ""));
    let mut options = Options::parse(name, options)?;
    let writer: Box<dyn Writer> = match name {
        "frames" => Box::new(frames(&mut options)?),
        "webdataset" => Box::new(webdataset(&mut options)?),
        "coco" => Box::new(Coco::new()),
        #[cfg(feature = "parquet")]
        "hf-parquet" => Box::new(match options.samples()? {
            Some(samples) => crate::HfParquet::new().with_samples_per_file(samples),
            None => crate::HfParquet::new(),
        }),
        "imagefolder" => Box::new(ImageFolder::new()),
        "bop" => Box::new(Bop::new()),
        #[cfg(feature = "mcap")]
        "mcap" => Box::new(match options.samples()? {
            Some(samples) => crate::Mcap::new().with_samples_per_file(samples),
            None => crate::Mcap::new(),
        }),
        "yolo" => Box::new(Yolo::boxes()),
        "yolo-seg" => Box::new(Yolo::polygons()),
        _ => {
            let names: Vec<_> = FORMATS.iter().map(|(name, _)| *name).collect();
            return Err(unsupported(
                format!("unknown format {name:?}"),
                format!("choose from {}", names.join(", ")),
            ));
        }
    };
    options.end()?;
    Ok(writer)
}

fn unsupported(problem: String, remedy: String) -> Error {
    Error::new(ErrorKind::Unsupported, problem, remedy)
}

fn frames(options: &mut Options<'_>) -> Result<Frames> {
    let depth = [
        ("npy", DepthFile::Npy),
        ("kitti", DepthFile::KittiPng),
        #[cfg(feature = "exr")]
        ("exr", DepthFile::Exr),
    ];
    let flow = [
        ("npy", FlowFile::Npy),
        ("flo", FlowFile::Flo),
        ("kitti", FlowFile::KittiPng),
    ];
    let normals = [
        ("npy", NormalsFile::Npy),
        #[cfg(feature = "exr")]
        ("exr", NormalsFile::Exr),
    ];
    Ok(Frames::new()
        .with_depth(options.choice("depth", &depth)?.unwrap_or_default())
        .with_flow(options.choice("flow", &flow)?.unwrap_or_default())
        .with_normals(options.choice("normals", &normals)?.unwrap_or_default()))
}

fn webdataset(options: &mut Options<'_>) -> Result<WebDataset> {
    let labels = [("npy.gz", LabelFile::NpyGz), ("npy", LabelFile::Npy)];
    let labels = options.choice("segmentation", &labels)?;
    let format = WebDataset::new().with_labels(labels.unwrap_or_default());
    Ok(match options.samples()? {
        Some(samples) => format.with_samples_per_file(samples),
        None => format,
    })
}

/// What stands behind the name, taken out as it is understood.
struct Options<'a> {
    format: &'a str,
    left: Vec<(&'a str, &'a str)>,
}

impl<'a> Options<'a> {
    fn parse(format: &'a str, text: &'a str) -> Result<Self> {
        let pairs = text.split(',').filter(|pair| !pair.is_empty());
        let left = pairs.map(|pair| {
            pair.split_once('=').ok_or_else(|| {
                unsupported(
                    format!("the option {pair:?} of the format {format} has no value"),
                    format!("write {format}:KEY=VALUE"),
                )
            })
        });
        Ok(Self {
            format,
            left: left.collect::<Result<_>>()?,
        })
    }

    fn take(&mut self, key: &str) -> Option<&'a str> {
        let at = self.left.iter().position(|(k, _)| *k == key)?;
        Some(self.left.remove(at).1)
    }

    fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let chosen = choices.iter().find(|(name, _)| *name == value);
        chosen.map(|(_, choice)| Some(*choice)).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            unsupported(
                format!("the format {} has no {key} as {value:?}", self.format),
                format!("choose from {}", names.join(", ")),
            )
        })
    }

    fn samples(&mut self) -> Result<Option<NonZeroU64>> {
        let Some(value) = self.take("samples") else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|_| {
            unsupported(
                format!(
                    "{value:?} is no number of samples in a file of {}",
                    self.format
                ),
                "give a whole number from 1 up".to_owned(),
            )
        })
    }

    fn end(&self) -> Result<()> {
        match self.left.first() {
            None => Ok(()),
            Some((key, _)) => Err(unsupported(
                format!("the format {} has no option {key:?}", self.format),
                "see the guide to the formats".to_owned(),
            )),
        }
    }
}
