//! COCO's run lengths: pixels column by column, background first, and their
//! compressed text.

/// Neighbouring pixels of one instance, counted down the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) id: u32,
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// All runs of an image of instance IDs, background left out.
pub(crate) fn runs(ids: &[u32], width: usize, height: usize) -> Vec<Run> {
    let columns = transposed(ids, width, height);
    let mut runs = Vec::new();
    let mut start = 0;
    for run in columns.chunk_by(|a, b| a == b) {
        if let Some(&id) = run.first().filter(|id| **id != 0) {
            let len = run.len() as u32;
            runs.push(Run { id, start, len });
        }
        start += run.len() as u32;
    }
    runs
}

/// Columns one after the other. In tiles, so that both sides stay in the cache.
fn transposed(ids: &[u32], width: usize, height: usize) -> Vec<u32> {
    const TILE: usize = 16;
    let mut out = vec![0; ids.len()];
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for y in top..(top + TILE).min(height) {
                for x in left..(left + TILE).min(width) {
                    out[x * height + y] = ids[y * width + x];
                }
            }
        }
    }
    out
}

/// Lengths of background and mask in turn, of the runs of one instance.
pub(crate) fn counts(runs: impl IntoIterator<Item = Run>, pixels: u32) -> Vec<u32> {
    let mut counts = Vec::new();
    let mut end = 0;
    for run in runs {
        counts.push(run.start - end);
        counts.push(run.len);
        end = run.start + run.len;
    }
    if end < pixels {
        counts.push(pixels - end);
    }
    counts
}

/// The text that stands for the counts: from the fourth on, the difference to the
/// one two before, in groups of five bits, least first.
pub(crate) fn compressed(counts: &[u32]) -> String {
    let mut text = String::with_capacity(counts.len() * 2);
    for (i, count) in counts.iter().enumerate() {
        let before = if i > 2 { counts[i - 2] } else { 0 };
        let mut left = i64::from(*count) - i64::from(before);
        loop {
            let group = (left & 0x1f) as u8;
            left >>= 5;
            // The sign is the highest bit of the last group.
            let last = left == if group & 0x10 == 0 { 0 } else { -1 };
            let more = if last { 0 } else { 0x20 };
            text.push(char::from(48 + (group | more)));
            if last {
                break;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The other way round, written from the description of the format.
    fn decompressed(text: &str) -> Vec<u32> {
        let mut counts: Vec<i64> = Vec::new();
        let (mut value, mut shift) = (0_i64, 0);
        for byte in text.bytes() {
            let group = i64::from(byte - 48);
            value |= (group & 0x1f) << shift;
            shift += 5;
            if group & 0x20 == 0 {
                if group & 0x10 != 0 {
                    value -= 1 << shift;
                }
                let place = counts.len();
                counts.push(value + if place > 2 { counts[place - 2] } else { 0 });
                (value, shift) = (0, 0);
            }
        }
        counts.into_iter().map(|c| c as u32).collect()
    }

    fn mask(counts: &[u32]) -> Vec<bool> {
        let alternating = counts.iter().enumerate();
        let pixels = alternating.flat_map(|(i, n)| std::iter::repeat_n(i % 2 == 1, *n as usize));
        pixels.collect()
    }

    #[test]
    fn known_masks_have_known_texts() {
        // As pycocotools 2.0.11 encodes them: a 4x3 image with its middle set, a full
        // 2x2 image, and one without a pixel.
        let middle = [0, 0, 0, 0, 0, 7, 7, 0, 0, 0, 0, 0];
        let one = counts(runs(&middle, 4, 3), 12);
        assert_eq!(one, [4, 1, 2, 1, 4]);
        assert_eq!(compressed(&one), "41202");
        assert_eq!(compressed(&counts(runs(&[5; 4], 2, 2), 4)), "04");
        assert_eq!(compressed(&counts(runs(&[0; 4], 2, 2), 4)), "4");
    }

    proptest! {
        #[test]
        fn masks_come_back(
            (width, height, ids) in (1_usize..40, 1_usize..40).prop_flat_map(|(w, h)| {
                (Just(w), Just(h), prop::collection::vec(0_u32..4, w * h))
            })
        ) {
            let all = runs(&ids, width, height);
            for id in 1..4 {
                let own = all.iter().copied().filter(|run| run.id == id);
                let text = compressed(&counts(own, (width * height) as u32));
                let decoded = mask(&decompressed(&text));
                let expected: Vec<bool> = (0..width * height)
                    .map(|i| ids[(i % height) * width + i / height] == id)
                    .collect();
                prop_assert_eq!(decoded, expected);
            }
        }

        #[test]
        fn counts_come_back(counts in prop::collection::vec(0_u32..4_000_000, 0..50)) {
            prop_assert_eq!(decompressed(&compressed(&counts)), counts);
        }
    }
}
