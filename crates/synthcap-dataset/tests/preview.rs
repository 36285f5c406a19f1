//! The preview: it is there, right for any shape of set, and the same each time.
//! Whether it looks right is for people's eyes.

use std::fs;

use crate::common::{plan, write};
use synthcap::Modality;
use synthcap_dataset::Options;

fn preview(
    cameras: &[&str],
    size: (u32, u32),
    samples: u64,
    modalities: Option<Modality>,
) -> (u32, u32, Vec<u8>) {
    let folder = tempfile::tempdir().expect("folder");
    let mut plan = plan(cameras, size.0, size.1, samples);
    if let Some(modality) = modalities {
        plan.modalities = modality.into();
    }
    write(folder.path(), &plan, samples, Options::default()).expect("written");
    let file = fs::File::open(folder.path().join("preview.png")).expect("preview");
    let mut reader = png::Decoder::new(std::io::BufReader::new(file))
        .read_info()
        .expect("PNG");
    let mut data = vec![0; reader.output_buffer_size().expect("size")];
    let info = reader.next_frame(&mut data).expect("image");
    (info.width, info.height, data)
}

#[test]
fn rows_are_frames_and_columns_are_modalities() {
    let (one_wide, one_high, _) = preview(&["main"], (32, 24), 1, Some(Modality::Rgb));
    let (all_wide, four_high, _) = preview(&["main"], (32, 24), 4, None);
    // A picture is 320 x 240, with a gap of 8.
    assert_eq!(all_wide - one_wide, 4 * 328);
    assert_eq!(four_high - one_high, 3 * 248);
}

#[test]
fn long_sets_and_many_cameras_have_a_sheet_of_the_same_size() {
    let (_, four, _) = preview(&["main"], (16, 12), 4, None);
    let (_, long, _) = preview(&["main"], (16, 12), 41, None);
    let (_, stereo, _) = preview(&["left", "right"], (16, 12), 9, None);
    let (_, rig, _) = preview(&["a", "b", "c", "d", "e"], (16, 12), 2, None);
    assert_eq!([long, stereo, rig], [four; 3]);
}

#[test]
fn odd_sizes_have_a_sheet_too() {
    for size in [(1, 1), (3, 90), (90, 3)] {
        let (width, height, _) = preview(&["main"], size, 2, None);
        assert!(width > 320 && height > 100, "{width}x{height}");
    }
}

#[test]
fn the_same_set_has_the_same_sheet() {
    let sheet = || preview(&["main"], (24, 18), 6, None);
    assert_eq!(sheet(), sheet());
}

#[test]
fn every_modality_shows() {
    for modality in Modality::ALL {
        let (_, _, data) = preview(&["main"], (32, 24), 2, Some(modality));
        let (pixels, _) = data.as_chunks::<3>();
        let colors: std::collections::HashSet<_> = pixels.iter().collect();
        assert!(colors.len() > 40, "{modality}: {} colours", colors.len());
    }
}
