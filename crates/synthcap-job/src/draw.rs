//! Random numbers that depend on nothing but what they are for: the same seed,
//! frame and purpose give the same numbers on every machine and in any order.

/// A sequence of random numbers.
///
/// ```
/// use synthcap_job::Draw;
///
/// let sun = |sample| Draw::new(7, sample, "sun").range(0.5, 1.5);
/// assert_eq!(sun(3), sun(3));
/// assert_ne!(sun(3), sun(4));
/// ```
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// The sequence for a purpose within a frame.
    pub fn new(seed: u64, frame: u64, purpose: &str) -> Self {
        // FNV-1a tells purposes apart; the mixing below does the rest.
        let purpose = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let start = [seed, frame, purpose]
            .into_iter()
            .fold(0, |state: u64, part| mix(state ^ mix(part)));
        Self(start)
    }

    /// SplitMix64 (Steele, Lea and Flood).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From `low` up to, not including, `high`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        // The upper 53 bits are a fraction that f64 holds exactly.
        let fraction = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        low + (high - low) * fraction
    }

    /// From minus `most` to `most`.
    pub fn around_zero(&mut self, most: f64) -> f64 {
        self.range(-most, most)
    }

    /// One of `among` things, of which there is at least one.
    pub fn pick(&mut self, among: usize) -> usize {
        (self.next() % among.max(1) as u64) as usize
    }

    /// A seed for something else.
    pub fn seed(&mut self) -> u64 {
        self.next()
    }

    /// Up to `count` of the numbers from 0 up to `among`, in rising order.
    pub fn choose(&mut self, count: usize, among: usize) -> Vec<usize> {
        let mut all: Vec<_> = (0..among).map(|i| (self.next(), i)).collect();
        all.sort_unstable();
        let mut chosen: Vec<_> = all.into_iter().take(count).map(|(_, i)| i).collect();
        chosen.sort_unstable();
        chosen
    }
}

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u64, frame: u64, purpose: &str) -> Vec<u64> {
        let mut draw = Draw::new(seed, frame, purpose);
        (0..4).map(|_| draw.next()).collect()
    }

    #[test]
    fn every_part_matters_and_nothing_else() {
        let base = numbers(1, 2, "light");
        assert_eq!(base, numbers(1, 2, "light"));
        for other in [
            numbers(2, 2, "light"),
            numbers(1, 1, "light"),
            numbers(2, 1, "light"),
            numbers(1, 2, "poses"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn numbers_fill_their_range() {
        let mut draw = Draw::new(7, 0, "range");
        let drawn: Vec<_> = (0..4000).map(|_| draw.range(-3.0, 5.0)).collect();
        assert!(drawn.iter().all(|x| (-3.0..5.0).contains(x)));
        let mean = drawn.iter().sum::<f64>() / 4000.0;
        assert!((mean - 1.0).abs() < 0.15, "{mean}");
    }

    #[test]
    fn a_choice_has_no_doubles_and_never_too_many() {
        let mut draw = Draw::new(7, 0, "choice");
        assert_eq!(draw.choose(5, 3), [0, 1, 2]);
        let mut chosen = draw.choose(6, 40);
        assert_eq!(chosen.len(), 6);
        chosen.dedup();
        assert_eq!(chosen.len(), 6);
        assert!(draw.choose(3, 0).is_empty());
    }
}
