//! Renders one view of a scene and writes every modality as a PNG to look at.
//!
//!     cargo run --release -p synthcap-sim --example render -- OUT_DIR [SCENE] [SEED] [TICKS] [WEATHER] [HOUR]

use std::{env, error::Error, path::Path, time::Instant};

use image::{Rgb, RgbImage};
use synthcap::{
    Environment, Modality, ModalitySet, PartialTransform, Pixels, Vec3,
    server::{Engine, ResolvedView},
};
use synthcap_sim::{SimConfig, Simulator};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let argument = |i: usize, default: &str| {
        arguments
            .get(i)
            .map_or_else(|| default.to_owned(), String::clone)
    };
    let out = argument(1, "target/render");
    std::fs::create_dir_all(&out)?;
    let start = Instant::now();
    let mut simulator = Simulator::new(SimConfig {
        scene: argument(2, "tabletop"),
        seed: argument(3, "0").parse()?,
        ..SimConfig::default()
    })?;
    println!("made in {:.0?}", start.elapsed());
    simulator.set_environment(&Environment {
        weather: Some(argument(5, "clear")),
        time_of_day_h: arguments.get(6).map(|h| h.parse()).transpose()?,
        ..Environment::default()
    })?;
    for _ in 0..argument(4, "3").parse::<u32>()? {
        simulator.tick();
    }
    let camera = simulator.cameras().remove(0);
    // A small move after the last tick, so that there is flow everywhere.
    let at = camera.pose.location;
    let moved = PartialTransform::location(Vec3::new(at.x, at.y + 1.5, at.z));
    simulator.set_camera_transform(&camera.name, &moved)?;
    let view = ResolvedView {
        camera: camera.name,
        width: camera.intrinsics.width,
        height: camera.intrinsics.height,
        modalities: ModalitySet::ALL,
    };
    let start = Instant::now();
    let captured = simulator.capture(std::slice::from_ref(&view), false)?;
    println!("captured in {:.0?}", start.elapsed());
    for (modality, pixels) in ModalitySet::ALL.iter().zip(&captured.views[0].images) {
        save(Path::new(&out), modality, pixels, view.width, view.height)?;
    }
    let scene = simulator.capture(&[view], true)?.scene.unwrap_or_default();
    println!("{} objects", scene.objects.len());
    Ok(())
}

fn save(
    out: &Path,
    modality: Modality,
    pixels: &Pixels,
    width: u32,
    height: u32,
) -> Result<(), Box<dyn Error>> {
    let color = |i: usize| match pixels {
        Pixels::Rgb(rgb) => [0, 1, 2].map(|c| rgb.as_rgba()[4 * i + c]),
        Pixels::Depth(depth) => [(255.0 * (-0.3 * depth.metres()[i]).exp()) as u8; 3],
        Pixels::Segmentation(ids) => {
            let hash = ids.ids()[i].wrapping_mul(0x9e37_79b1);
            hash.to_le_bytes()[1..].try_into().unwrap_or_default()
        }
        Pixels::Normals(normals) => normals.vectors()[i].map(|n| (127.5 * (n + 1.0)) as u8),
        Pixels::Flow(flow) => {
            let [u, v] = flow.vectors()[i];
            let valid = f32::from(flow.validity()[i]);
            [u, v, 0.0].map(|x| (valid * (127.5 + 6.0 * x).clamp(0.0, 255.0)) as u8)
        }
        _ => [0; 3],
    };
    let image = RgbImage::from_fn(width, height, |x, y| Rgb(color((y * width + x) as usize)));
    image.save(out.join(format!("{modality}.png")))?;
    Ok(())
}
