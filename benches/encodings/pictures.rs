//! Pictures to encode: of the embedded simulator, and made like photographs.

use synthcap::{
    Modality, ModalitySet, PartialTransform, Pixels, Vec3,
    frame::{Depth, Flow, FlowDirection, Normals, Rgb, Segmentation},
    server::{Engine, ResolvedView},
};
use synthcap_sim::{SimConfig, Simulator};

/// Every modality of one view, in the order of [`Modality::ALL`].
pub(crate) type Set = Vec<Pixels>;

/// The scene people see first, with motion in it.
pub(crate) fn simulated(seed: u64, width: u32, height: u32) -> Set {
    let config = SimConfig {
        seed,
        ..SimConfig::default()
    };
    let mut simulator = Simulator::new(config).expect("a scene that exists");
    for _ in 0..3 {
        simulator.tick();
    }
    let camera = simulator.cameras().remove(0);
    // A small move after the last tick, so that there is flow everywhere.
    let at = camera.pose.location;
    let moved = PartialTransform::location(Vec3::new(at.x, at.y + 1.5, at.z));
    let done = simulator.set_camera_transform(&camera.name, &moved);
    done.expect("the camera exists");
    let view = ResolvedView {
        camera: camera.name,
        width,
        height,
        modalities: ModalitySet::ALL,
    };
    let mut captured = simulator
        .capture(&[view], false)
        .expect("it can be captured");
    captured.views.remove(0).images
}

/// What a camera in rough country would see, without a renderer: fractal ground
/// whose detail goes down to the pixel, light from its slopes, a few hundred
/// labelled patches, and a sensor's noise. No two neighbouring pixels are equal in
/// colour, depth, normal or flow, which is the hard case.
pub(crate) fn photographic(seed: u64, width: u32, height: u32) -> Set {
    let ground = Ground { seed };
    let pixel = |i: u32| ground.pixel((i % width) as f32, (i / width) as f32, i);
    let all: Vec<_> = (0..width * height).map(pixel).collect();
    let colours = all.iter().flat_map(|pixel| pixel.colour);
    let ids: Vec<_> = all.iter().map(|pixel| pixel.id).collect();
    let metres: Vec<_> = all.iter().map(|pixel| pixel.depth).collect();
    let normals: Vec<_> = all.iter().map(|pixel| pixel.normal).collect();
    let flow: Vec<_> = all.iter().map(|pixel| pixel.flow).collect();
    let valid: Vec<_> = all
        .iter()
        .map(|pixel| u8::from(pixel.id % 17 != 0))
        .collect();
    let (w, h, direction) = (width, height, FlowDirection::Backward);
    let fits = "the counts are those of the pixels";
    Modality::ALL
        .into_iter()
        .map(|modality| match modality {
            Modality::Rgb => {
                let colours: Vec<_> = colours.clone().collect();
                Rgb::new(w, h, colours).expect(fits).into()
            }
            Modality::Depth => Depth::new(w, h, metres.clone()).expect(fits).into(),
            Modality::Segmentation => {
                let labelled = Segmentation::new(w, h, ids.clone(), []);
                labelled.expect(fits).into()
            }
            Modality::Normals => Normals::new(w, h, normals.clone()).expect(fits).into(),
            _ => Flow::new(w, h, &flow, &valid, direction)
                .expect(fits)
                .into(),
        })
        .collect()
}

struct Ground {
    seed: u64,
}

struct Pixel {
    colour: [u8; 4],
    depth: f32,
    id: u32,
    normal: [f32; 3],
    flow: [f32; 2],
}

impl Ground {
    fn pixel(&self, x: f32, y: f32, i: u32) -> Pixel {
        let height = |x: f32, y: f32| self.fractal(x, y, 9);
        let (h, dx, dy) = (height(x, y), height(x + 1.0, y), height(x, y + 1.0));
        let slope = [40.0 * (h - dx), 40.0 * (h - dy), 1.0];
        let length = slope.iter().map(|s| s * s).sum::<f32>().sqrt();
        let normal = slope.map(|s| s / length);
        let depth = 6.0 + 10.0 * h + 0.004 * y;
        let patch = |scale: f32| self.noise(x / scale, y / scale, 77);
        let id = (60.0 * patch(90.0)) as u32 + 61 * (2.0 * patch(170.0)) as u32;
        let light = 0.25 + 0.75 * (0.5 * normal[0] + 0.8 * normal[2]).clamp(0.0, 1.0);
        let hue = [0.9 - 0.3 * h, 0.6 + 0.2 * patch(60.0), 0.35 + 0.4 * h];
        let sensor = |channel: u64| {
            // About a normal distribution of two steps' deviation.
            let sum: f32 = (0..4)
                .map(|k| self.random(i.into(), 4 * channel + k) - 0.5)
                .sum();
            3.5 * sum
        };
        let shade = |c: usize| {
            let bright = 255.0 * (light * hue[c]).clamp(0.0, 1.0).powf(1.0 / 2.2);
            (bright + sensor(c as u64)).clamp(0.0, 255.0) as u8
        };
        Pixel {
            colour: [shade(0), shade(1), shade(2), 255],
            depth,
            id,
            normal,
            flow: [12.0 / depth + 0.001 * x, 0.3 / depth],
        }
    }

    /// Noise of ever smaller scale and strength, 0 to about 1.
    fn fractal(&self, x: f32, y: f32, octaves: u64) -> f32 {
        let octave = |k: u64| {
            let scale = 512.0 / (1_u64 << k) as f32;
            self.noise(x / scale, y / scale, k) / (1.7_f32).powi(k as i32 + 1)
        };
        (0..octaves).map(octave).sum()
    }

    /// Smooth noise, 0 to 1.
    fn noise(&self, x: f32, y: f32, layer: u64) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let [u, v] = [x - left, y - top].map(|t| t * t * (3.0 - 2.0 * t));
        let at = |dx: f32, dy: f32| {
            let place = ((left + dx) as i64 as u64) << 32 ^ (top + dy) as i64 as u64;
            self.random(place, layer)
        };
        let mix = |a: f32, b: f32, t: f32| a + t * (b - a);
        mix(
            mix(at(0.0, 0.0), at(1.0, 0.0), u),
            mix(at(0.0, 1.0), at(1.0, 1.0), u),
            v,
        )
    }

    fn random(&self, place: u64, layer: u64) -> f32 {
        let mut bits = place ^ layer.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.seed << 17;
        for multiplier in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
            bits = (bits ^ bits >> 30).wrapping_mul(multiplier);
        }
        ((bits ^ bits >> 31) >> 40) as f32 / (1 << 24) as f32
    }
}
