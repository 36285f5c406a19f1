//! What each encoding saves and costs, beside gzip and plain PNG, as the table of
//! `docs/encodings.md`. Run it with `cargo bench --bench encodings`.

#[path = "encodings/codecs.rs"]
mod codecs;
#[path = "encodings/pictures.rs"]
mod pictures;

use std::time::{Duration, Instant};

use codecs::{CODECS, Codec};
use synthcap::{Modality, Pixels, frame::PixelData};

/// How often each thing is done; the fastest counts, because the others were
/// interrupted.
const TURNS: usize = 7;

fn main() {
    // What `cargo test --benches` passes; then it is enough that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("| pictures | modality | encoding | smaller by | encodes | decodes |");
    println!("|---|---|---|---|---|---|");
    for (name, sets) in [
        (
            "simulator, 1920x1080",
            [0, 1].map(|seed| pictures::simulated(seed, 1920, 1080)),
        ),
        (
            "simulator, 512x512",
            [0, 1].map(|seed| pictures::simulated(seed, 512, 512)),
        ),
        (
            "photographic, 1920x1080",
            [0, 1].map(|seed| pictures::photographic(seed, 1920, 1080)),
        ),
    ] {
        for (index, modality) in Modality::ALL.into_iter().enumerate() {
            let images: Vec<_> = sets.iter().map(|set| &set[index]).collect();
            for codec in CODECS.iter().filter(|codec| (codec.suits)(modality)) {
                row(name, modality, codec, &images);
            }
        }
    }
}

/// Prints the mean over some images.
fn row(name: &str, modality: Modality, codec: &Codec, images: &[&Pixels]) {
    let (mut raw_bytes, mut encoded_bytes) = (0, 0);
    let (mut encode, mut decode) = (Duration::ZERO, Duration::ZERO);
    for image in images {
        let raw = (*image).clone().into_bytes();
        let width = image.width() as usize;
        let mut encoded = Vec::new();
        encode += fastest(|| {
            encoded.clear();
            (codec.encode)(modality, width, &raw, &mut encoded);
        });
        let mut decoded = vec![0; raw.len()];
        decode += fastest(|| (codec.decode)(modality, width, &encoded, &mut decoded));
        assert!(
            codec.loses || decoded == raw,
            "{} of {modality} is not exact",
            codec.name
        );
        raw_bytes += raw.len();
        encoded_bytes += encoded.len();
    }
    let saved = 100.0 * (1.0 - encoded_bytes as f64 / raw_bytes as f64);
    let rate = |took: Duration| raw_bytes as f64 / took.as_secs_f64() / 1e6;
    println!(
        "| {name} | {modality} | {} | {saved:.1} % | {:.0} MB/s | {:.0} MB/s |",
        codec.name,
        rate(encode),
        rate(decode)
    );
}

fn fastest(mut run: impl FnMut()) -> Duration {
    let mut turn = || {
        let begun = Instant::now();
        run();
        begun.elapsed()
    };
    (0..TURNS).map(|_| turn()).min().unwrap_or_default()
}
