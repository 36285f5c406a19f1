//! Cameras of a job: where they go, what they look at, what their sensor does.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use synthcap::Transform;

use super::Range;

/// A camera. At most one of `path`, `spherical` and `volume` says where it goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CameraJob {
    /// Its name. One that the scene lacks is made. Default: the scene's first.
    pub name: Option<String>,
    /// `orbit`: once around the things of the scene while it lasts; `random`: as
    /// `spherical` with its defaults; else a pose file, relative to the job file.
    /// Default: `orbit`.
    pub path: Option<String>,
    /// A view of its own for each sample, from a shell around the things.
    pub spherical: Option<Spherical>,
    /// A view of its own for each sample, from within a box.
    pub volume: Option<Volume>,
    /// Added to each pose.
    pub jitter: Option<Jitter>,
    /// Turns the camera to an object, and draws again while that is hidden.
    pub look_at: Option<LookAt>,
    /// Horizontal field of view, degrees, drawn for each sample. Default: as made.
    pub fov_deg: Option<Range>,
    /// Adds a view `NAME_sensor`: the same instant through a sensor with noise. The
    /// clean one stays.
    pub sensor: Option<Sensor>,
    /// What the pose file holds; read with the job.
    #[serde(skip_deserializing, serialize_with = "digest")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub poses: Vec<Transform>,
}

/// Poses are recorded by their hash: a file of thousands would drown the rest.
fn digest<S: serde::Serializer>(poses: &[Transform], serializer: S) -> Result<S::Ok, S::Error> {
    let mut hasher = Sha256::new();
    for pose in poses {
        let (l, r) = (pose.location, pose.rotation);
        for x in [l.x, l.y, l.z, r.pitch, r.yaw, r.roll] {
            hasher.update(x.to_le_bytes());
        }
    }
    let text: String = hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    serializer.serialize_str(&format!("{} poses, sha256 {text}", poses.len()))
}

/// A shell around the things of the scene; even over its surface.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spherical {
    /// Around the vertical, degrees. Default: all around.
    pub azimuth_deg: Range,
    /// Above the horizontal, degrees. Default: 14 to 62.
    pub elevation_deg: Range,
    /// In units of the distance from which the scene's camera sees it. Default: 0.6
    /// to 1.05.
    pub distance: Range,
    /// How far beside the middle it looks, in units of the things' radius. Default:
    /// 0.3.
    pub aside: f64,
}

impl Default for Spherical {
    fn default() -> Self {
        Self {
            azimuth_deg: Range::new(0.0, 360.0),
            elevation_deg: Range::new(14.0, 62.0),
            distance: Range::new(0.6, 1.05),
            aside: 0.3,
        }
    }
}

/// A box in the world, from within which the camera looks at the things.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// One corner, wire axes, centimetres.
    pub min_cm: [f64; 3],
    /// The other corner, not below the first on any axis.
    pub max_cm: [f64; 3],
}

/// Offsets, up to so much either way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jitter {
    /// Along each axis, centimetres. Default: 2.
    pub location_cm: f64,
    /// Of each angle, degrees. Default: 1.
    pub rotation_deg: f64,
}

impl Default for Jitter {
    fn default() -> Self {
        Self {
            location_cm: 2.0,
            rotation_deg: 1.0,
        }
    }
}

/// What a camera looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LookAt {
    /// Objects of this class, one of them for each sample. Default: any thing that
    /// can move.
    pub class: Option<String>,
    /// The share of it that must be visible, 0 to 1: a place from which less is seen
    /// is drawn again. It is looked for at the tick before the sample's. Default:
    /// 0.3.
    pub min_visibility: f64,
    /// Draws at the most; then the best of them is taken, and the record says so.
    /// Default: 12.
    pub max_tries: u32,
}

impl Default for LookAt {
    fn default() -> Self {
        Self {
            class: None,
            min_visibility: 0.3,
            max_tries: 12,
        }
    }
}

/// What a sensor does to the light that reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sensor {
    /// Exposure, stops; drawn for each sample. Default: 0.
    pub exposure_ev: Range,
    /// Electrons that a pixel holds: fewer mean more shot noise. 0: no shot noise.
    /// Default: 10000.
    pub full_well_e: f64,
    /// Standard deviation of the readout, electrons. Default: 10.
    pub read_noise_e: f64,
    /// What a depth camera does. Default: nothing.
    pub depth: Option<DepthNoise>,
}

impl Default for Sensor {
    fn default() -> Self {
        Self {
            exposure_ev: Range::new(0.0, 0.0),
            full_well_e: 10_000.0,
            read_noise_e: 10.0,
            depth: None,
        }
    }
}

/// The errors of a depth camera that triangulates. The defaults are those that
/// Nguyen, Izadi and Lovell (2012) measured of a Kinect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DepthNoise {
    /// Standard deviation at `offset_m`, metres. Default: 0.0012.
    pub sigma_m: f64,
    /// Growth with the square of the distance beyond `offset_m`, per metre. Default:
    /// 0.0019.
    pub sigma_per_m: f64,
    /// Metres. Default: 0.4.
    pub offset_m: f64,
    /// Steps of disparity: depth z comes in steps of z² times this, per metre. 0: no
    /// steps. Default: 0.00285.
    pub step_per_m: f64,
    /// Nearest and farthest depth that it sees, metres. Default: 0.4 to 8.
    pub range_m: Range,
    /// Share of pixels that it loses anywhere. Default: 0.002.
    pub dropout: f64,
    /// A pixel is lost where depth jumps by more than this to a neighbour, metres; 0:
    /// none is. Default: 0.05.
    pub edge_m: f64,
}

impl Default for DepthNoise {
    fn default() -> Self {
        Self {
            sigma_m: 0.0012,
            sigma_per_m: 0.0019,
            offset_m: 0.4,
            step_per_m: 0.002_85,
            range_m: Range::new(0.4, 8.0),
            dropout: 0.002,
            edge_m: 0.05,
        }
    }
}
