//! What a simulator is made with.

use std::{error::Error, fmt, path::PathBuf};

use crate::scene;

/// The largest image side, pixels: what a server lets its clients ask for unless its
/// limits say otherwise. A camera beyond it could not be used at its own size.
const MAX_SIDE: u32 = 8192;

/// What a simulator is made with. Every field has a default.
///
/// ```
/// use synthcap_sim::{SimConfig, Simulator};
///
/// let config = SimConfig { seed: 7, scene: "shapes".into(), ..SimConfig::default() };
/// let simulator = Simulator::new(config)?;
/// # Ok::<(), synthcap_sim::SimError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SimConfig {
    /// What the scene is drawn from, default 0. The same seed gives the same
    /// objects, places and colours, to the bit.
    pub seed: u64,
    /// One of [`Simulator::scenes`](crate::Simulator::scenes), default
    /// "tabletop".
    pub scene: String,
    /// Image width of new cameras in pixels, 1 to 8192, default 640.
    pub width: u32,
    /// Image height of new cameras in pixels, 1 to 8192, default 480.
    pub height: u32,
    /// Where glTF files are loaded from. Default `None`: only built-in shapes
    /// can be spawned. Nothing outside this directory is ever read.
    pub assets_dir: Option<PathBuf>,
    /// Ticks per second of simulation time, default 60. Lower means larger and
    /// less exact steps of physics.
    pub tick_rate_hz: f64,
    /// How many rays a pixel of a colour image gets at the most, default 6. The
    /// first goes through its centre; the others only where there is contrast, two
    /// of them where they agree, and only smooth colour: labels come from the
    /// first alone. 1 is fastest.
    pub rgb_samples: u32,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            scene: scene::NAMES[0].to_owned(),
            width: 640,
            height: 480,
            assets_dir: None,
            tick_rate_hz: 60.0,
            rgb_samples: 6,
        }
    }
}

impl SimConfig {
    /// A few simple shapes in small images, one ray a pixel: quick to make, for
    /// tests and examples.
    pub fn small() -> Self {
        Self {
            scene: "shapes".to_owned(),
            width: 96,
            height: 72,
            rgb_samples: 1,
            ..Self::default()
        }
    }

    /// Says what is wrong with it, if anything is.
    pub(crate) fn validate(&self) -> Result<(), SimError> {
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            return Err(SimError::Size {
                width: self.width,
                height: self.height,
            });
        }
        if !(1.0..=10_000.0).contains(&self.tick_rate_hz) {
            return Err(SimError::TickRate(self.tick_rate_hz));
        }
        if !(1..=256).contains(&self.rgb_samples) {
            return Err(SimError::Samples(self.rgb_samples));
        }
        match &self.assets_dir {
            Some(dir) if !dir.is_dir() => Err(SimError::AssetsDir(dir.clone())),
            _ => Ok(()),
        }
    }
}

/// Why a simulator could not be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SimError {
    /// There is no scene of that name.
    UnknownScene(String),
    /// The image size is zero or beyond what can be rendered.
    Size {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// The tick rate is not between 1 and 10,000 per second.
    TickRate(f64),
    /// The number of samples is not between 1 and 256.
    Samples(u32),
    /// The assets directory is not a directory.
    AssetsDir(PathBuf),
    /// It could not be served.
    Serve(String),
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownScene(name) => {
                let known = scene::NAMES.join(", ");
                write!(f, "unknown scene {name:?}; choose from {known}")
            }
            Self::Size { width, height } => write!(
                f,
                "an image of {width}x{height} pixels cannot be made; each side is from 1 to {MAX_SIDE}"
            ),
            Self::TickRate(hz) => {
                write!(
                    f,
                    "{hz} ticks per second cannot be simulated; take 1 to 10000"
                )
            }
            Self::Samples(n) => write!(f, "{n} samples per pixel; take 1 to 256"),
            Self::Serve(reason) => f.write_str(reason),
            Self::AssetsDir(dir) => write!(
                f,
                "the assets directory {} is not a directory; create it or name another",
                dir.display()
            ),
        }
    }
}

impl Error for SimError {}
