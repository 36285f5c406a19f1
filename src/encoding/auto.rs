//! When encoding pays: a decision per modality, of what has been measured.
//!
//! No clock and no I/O in here: rates and times come in, a choice goes out.

use std::time::Duration;

use super::Encoding;
use crate::Modality;

/// What one encoded image showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) modality: Modality,
    pub(crate) encoding: Encoding,
    pub(crate) raw_bytes: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) encode_time: Duration,
    pub(crate) decode_time: Duration,
}

/// How many times faster encoding must promise to be before it is begun: it takes
/// processor time from the engine and the program, and estimates are rough.
const GAIN_TO_BEGIN: f64 = 1.5;
/// How many times faster it must promise to be to go on. Less than to begin, so
/// that a link at the limit does not change its mind with every image.
const GAIN_TO_GO_ON: f64 = 1.1;
/// The weight of a new measurement against all before it.
const NEWS: f64 = 0.25;
/// The weight of what is expected of a codec, against what was measured, with each
/// image that came without it: what a busy moment made slow is tried again.
const FADING: f64 = 0.02;
/// Smaller images say more about switching threads than about the codec.
const LEAST_BYTES: u64 = 64 << 10;

/// What a codec does to a modality, per byte of raw pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    /// Encoded bytes.
    ratio: f64,
    /// Seconds.
    encode: f64,
    /// Seconds.
    decode: f64,
}

impl Cost {
    const fn new(ratio: f64, encode_mb_s: f64, decode_mb_s: f64) -> Self {
        Self {
            ratio,
            encode: 1e-6 / encode_mb_s,
            decode: 1e-6 / decode_mb_s,
        }
    }

    /// What the lossless codecs do before anything is known, a little on the slow
    /// side of what a desktop of 2020 measures.
    const fn expected(modality: Modality) -> Self {
        match modality {
            Modality::Rgb => Self::new(0.4, 1000.0, 600.0),
            Modality::Depth => Self::new(0.3, 2000.0, 2000.0),
            Modality::Segmentation => Self::new(0.01, 5000.0, 15000.0),
            Modality::Normals => Self::new(0.2, 1500.0, 1000.0),
            Modality::Flow => Self::new(0.4, 1500.0, 1000.0),
        }
    }

    fn towards(&mut self, other: Self, weight: f64) {
        for (own, other) in [
            (&mut self.ratio, other.ratio),
            (&mut self.encode, other.encode),
            (&mut self.decode, other.decode),
        ] {
            *own += weight * (other - *own);
        }
    }

    /// Seconds per raw byte at this link rate. With several requests under way
    /// the stages overlap and the slowest sets the pace; with one they add up. The
    /// middle of the two serves both.
    fn seconds(self, link_bytes_per_s: f64) -> f64 {
        let stages = [self.ratio / link_bytes_per_s, self.encode, self.decode];
        let slowest = stages.into_iter().fold(0.0, f64::max);
        0.5 * (slowest + stages.iter().sum::<f64>())
    }
}

/// The state of the decisions.
#[derive(Clone, Debug)]
pub(crate) struct Auto {
    /// `None` until measured; until then images stay raw.
    link_bytes_per_s: Option<f64>,
    costs: [Cost; Modality::ALL.len()],
    encodes: [bool; Modality::ALL.len()],
}

impl Default for Auto {
    fn default() -> Self {
        Self {
            link_bytes_per_s: None,
            costs: Modality::ALL.map(Cost::expected),
            encodes: [false; Modality::ALL.len()],
        }
    }
}

impl Auto {
    /// What to ask for now.
    pub(crate) fn choose(&self, modality: Modality) -> Encoding {
        if self.encodes[modality as usize] {
            Encoding::Lossless
        } else {
            Encoding::Raw
        }
    }

    /// The link was measured anew; the rate is already smoothed.
    pub(crate) fn link(&mut self, bytes_per_s: f64) {
        if bytes_per_s.is_finite() && bytes_per_s > 0.0 {
            self.link_bytes_per_s = Some(bytes_per_s);
            Modality::ALL
                .into_iter()
                .for_each(|modality| self.decide(modality));
        }
    }

    /// The connection is another one; what is known of the codecs stays.
    pub(crate) fn forget_link(&mut self) {
        self.link_bytes_per_s = None;
        self.encodes = Default::default();
    }

    /// An image came raw.
    pub(crate) fn raw(&mut self, modality: Modality) {
        self.costs[modality as usize].towards(Cost::expected(modality), FADING);
        self.decide(modality);
    }

    /// An image came encoded.
    pub(crate) fn encoded(&mut self, measured: &Measured) {
        let Measured { modality, .. } = *measured;
        if measured.raw_bytes < LEAST_BYTES || measured.encoding != Encoding::Lossless {
            return;
        }
        let per_byte = 1.0 / measured.raw_bytes as f64;
        let cost = Cost {
            ratio: measured.wire_bytes as f64 * per_byte,
            encode: measured.encode_time.as_secs_f64() * per_byte,
            decode: measured.decode_time.as_secs_f64() * per_byte,
        };
        self.costs[modality as usize].towards(cost, NEWS);
        self.decide(modality);
    }

    fn decide(&mut self, modality: Modality) {
        let Some(link) = self.link_bytes_per_s else {
            return;
        };
        let encodes = &mut self.encodes[modality as usize];
        let needed = if *encodes {
            GAIN_TO_GO_ON
        } else {
            GAIN_TO_BEGIN
        };
        *encodes = 1.0 / link > needed * self.costs[modality as usize].seconds(link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIGABIT: f64 = 118e6;
    const LOOPBACK: f64 = 1.2e9;

    fn image(ratio: f64, encode_ms: u64, decode_ms: u64) -> Measured {
        let raw_bytes = 1920 * 1080 * 4;
        Measured {
            modality: Modality::Rgb,
            encoding: Encoding::Lossless,
            raw_bytes,
            wire_bytes: (raw_bytes as f64 * ratio) as u64,
            encode_time: Duration::from_millis(encode_ms),
            decode_time: Duration::from_millis(decode_ms),
        }
    }

    fn rgb(auto: &Auto) -> Encoding {
        auto.choose(Modality::Rgb)
    }

    #[test]
    fn colour_is_encoded_on_a_gigabit_link_and_raw_on_loopback() {
        let mut auto = Auto::default();
        assert_eq!(rgb(&auto), Encoding::Raw);
        auto.link(GIGABIT);
        assert_eq!(rgb(&auto), Encoding::Lossless);
        assert_eq!(auto.choose(Modality::Depth), Encoding::Lossless);
        auto.link(LOOPBACK);
        assert_eq!(rgb(&auto), Encoding::Raw);
        assert_eq!(auto.choose(Modality::Depth), Encoding::Raw);
        auto.link(GIGABIT);
        assert_eq!(rgb(&auto), Encoding::Lossless);
        auto.forget_link();
        assert_eq!(rgb(&auto), Encoding::Raw);
    }

    /// The first of these rates at which the decision is another than at the first.
    fn falls(mut rates: impl Iterator<Item = f64>) -> Option<f64> {
        let mut auto = Auto::default();
        auto.link(rates.next()?);
        let first = rgb(&auto);
        rates.find(|rate| {
            auto.link(*rate);
            rgb(&auto) != first
        })
    }

    #[test]
    fn a_link_at_the_limit_changes_its_mind_once() {
        // The rates at which the decision falls, from either side.
        let rates = || (20..1000).map(|mb| f64::from(mb) * 1e6);
        let off = falls(rates()).expect("raw on a fast link");
        let on = falls(rates().rev()).expect("encoded on a slow one");
        assert!(off > 1.2 * on, "on below {on}, off above {off}");
        let mut auto = Auto::default();
        auto.link(0.9 * on);
        let mut changes = 0;
        for i in 0..200 {
            let before = rgb(&auto);
            // A rate that swings by ten percent around the middle of the two.
            let swing = if i % 2 == 0 { 1.1 } else { 0.9 };
            auto.link(0.5 * (on + off) * swing / 1.1);
            changes += usize::from(rgb(&auto) != before);
        }
        assert!(changes <= 1, "{changes} changes");
    }

    #[test]
    fn a_codec_that_does_not_pay_is_given_up_and_tried_again() {
        let mut auto = Auto::default();
        auto.link(GIGABIT);
        // Pictures of noise, on a slow machine.
        let images = (0..20).take_while(|_| {
            auto.encoded(&image(0.95, 60, 80));
            rgb(&auto) == Encoding::Lossless
        });
        assert!(images.count() < 10);
        // What was true then may not be for ever.
        let images = (0..1000).take_while(|_| {
            auto.raw(Modality::Rgb);
            rgb(&auto) == Encoding::Raw
        });
        let count = images.count();
        assert!((10..500).contains(&count), "tried again after {count}");
    }

    #[test]
    fn small_images_and_lossy_ones_teach_nothing() {
        let mut auto = Auto::default();
        auto.link(GIGABIT);
        let slow = image(0.95, 600, 800);
        let small = Measured {
            raw_bytes: 4096,
            ..slow
        };
        let lossy = Measured {
            encoding: Encoding::Jpeg { quality: 9 },
            ..slow
        };
        for _ in 0..100 {
            auto.encoded(&small);
            auto.encoded(&lossy);
        }
        assert_eq!(rgb(&auto), Encoding::Lossless);
    }

    #[test]
    fn nonsense_rates_are_ignored() {
        let mut auto = Auto::default();
        for rate in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            auto.link(rate);
        }
        assert!(auto.link_bytes_per_s.is_none());
    }
}
