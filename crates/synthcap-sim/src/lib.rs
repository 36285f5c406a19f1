//! The embedded simulator of `synthcap`: a small world that renders itself on
//! the CPU, so that everything runs on a bare machine.
//!
//! [`Simulator`] is one [`Engine`](synthcap::server::Engine) among others. Its
//! scenes are made from a seed; things rest and move under physics; images come
//! from rays, and so do the labels, which are exact.
//!
//! # What is exact
//!
//! Every label of a pixel comes from the one ray through its centre: depth
//! (planar, metres), instance ID, normal of the geometry, and flow. The same
//! seed and the same calls give the same bytes of every image, in every process
//! and with any number of threads. Floors, walls and tables are objects like
//! all others; only the sky, with far hills painted on it, is background.
//!
//! Flow is backward: from a pixel to where its surface point was when the last
//! tick began. It is valid where that point could be seen by then: in the image,
//! from the same side, with nothing before it. At tick 0 nothing is valid.
//!
//! # What can be spawned
//!
//! `shape:<name>` for one of [`Simulator::shapes`]: basic shapes are 1 m in size
//! and centred on their origin, everyday things have their natural size. Their
//! class is the name. Anything else is the path of a glTF 2.0 file (`.gltf` or
//! `.glb`) relative to the assets directory; its class is the file's name
//! without the extension. What is spawned falls when time advances.
//!
//! # What can be changed
//!
//! Materials: `base_color`, `emissive` ("#rrggbb" in sRGB, or "r,g,b" or one
//! number, linear), `roughness`, `metallic` (0 to 1) and `texture` (a name; the
//! error for an unknown one lists them). A change applies to all parts of an
//! object. Lights: "sun" and "lamp". Weather: "clear", "overcast" and "fog".
//!
//! ```
//! use synthcap::{Modality, server::{Engine, ResolvedView}};
//! use synthcap_sim::{SimConfig, Simulator};
//!
//! let mut simulator = Simulator::new(SimConfig { scene: "shapes".into(), ..Default::default() })?;
//! simulator.tick();
//! let view = ResolvedView {
//!     camera: "main".into(),
//!     width: 32,
//!     height: 24,
//!     modalities: Modality::Rgb | Modality::Depth,
//! };
//! let captured = simulator.capture(&[view], true)?;
//! assert_eq!(captured.views[0].images.len(), 2);
//! assert!(captured.scene.is_some_and(|scene| scene.objects.len() == 7));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod boxes;
mod camera;
mod capture;
mod config;
mod convert;
mod engine;
mod even;
mod light;
mod material;
mod mesh;
mod noise;
mod physics;
mod region;
mod render;
mod scene;
mod serve;
mod simulator;
mod sky;
mod texture;
mod trace;
mod tree;
mod world;

pub use config::{SimConfig, SimError};
pub use serve::serve;
pub use simulator::Simulator;
