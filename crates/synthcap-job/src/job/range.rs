//! Ranges as a job file writes them: `[low, high]`, or one number that is both.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Unexpected, Visitor},
};

use crate::Draw;

/// From a low number up to a high one. Both ends are finite, and the low one is not
/// above the high one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// A range, for defaults in code; the ends are put in order.
    pub const fn new(a: f64, b: f64) -> Self {
        if a <= b {
            Self { low: a, high: b }
        } else {
            Self { low: b, high: a }
        }
    }

    /// The lower end.
    pub const fn low(self) -> f64 {
        self.low
    }

    /// The upper end.
    pub const fn high(self) -> f64 {
        self.high
    }

    /// Whether both ends lie in an interval, its ends included.
    pub(crate) fn within(self, low: f64, high: f64) -> bool {
        self.low >= low && self.high <= high
    }

    /// A number of the range.
    pub(crate) fn draw(self, draw: &mut Draw) -> f64 {
        draw.range(self.low, self.high)
    }

    fn ordered<E: serde::de::Error>(low: f64, high: f64) -> Result<Self, E> {
        if !low.is_finite() || !high.is_finite() {
            return Err(E::custom("a range has finite ends"));
        }
        if low > high {
            return Err(E::custom(format!(
                "the range [{low}, {high}] is upside down; write [{high}, {low}]"
            )));
        }
        Ok(Self { low, high })
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.low, self.high).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RangeVisitor)
    }
}

struct RangeVisitor;

impl<'de> Visitor<'de> for RangeVisitor {
    type Value = Range;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a range [low, high]")
    }

    fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Range, E> {
        Range::ordered(x, x)
    }

    fn visit_i64<E: serde::de::Error>(self, x: i64) -> Result<Range, E> {
        self.visit_f64(x as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, x: u64) -> Result<Range, E> {
        self.visit_f64(x as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut ends: A) -> Result<Range, A::Error> {
        let mut numbers = Vec::with_capacity(2);
        while let Some(x) = ends.next_element::<f64>()? {
            numbers.push(x);
        }
        match numbers[..] {
            [low, high] => Range::ordered(low, high),
            _ => Err(A::Error::invalid_length(numbers.len(), &self)),
        }
    }
}

/// How many, from the least up to the most, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    least: u32,
    most: u32,
}

impl Count {
    /// Exactly so many.
    pub const fn exactly(count: u32) -> Self {
        Self {
            least: count,
            most: count,
        }
    }

    /// The greatest number.
    pub const fn most(self) -> u32 {
        self.most
    }

    /// A number of them.
    pub(crate) fn draw(self, draw: &mut Draw) -> usize {
        let span = f64::from(self.most - self.least) + 1.0;
        let more = draw.range(0.0, span) as u32;
        (self.least + more.min(self.most - self.least)) as usize
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.least, self.most).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Range { low, high } = Range::deserialize(deserializer)?;
        let whole = |x: f64| {
            if x.fract() == 0.0 && (0.0..=100_000.0).contains(&x) {
                Ok(x as u32)
            } else {
                let expected = "a count: whole numbers from 0 to 100000";
                Err(D::Error::invalid_value(Unexpected::Float(x), &expected))
            }
        };
        Ok(Self {
            least: whole(low)?,
            most: whole(high)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Doc {
        r: Option<Range>,
        n: Option<Count>,
    }

    fn read(text: &str) -> Result<Doc, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    #[test]
    fn one_number_or_two_are_a_range() {
        assert_eq!(read("r = 2").expect("one").r, Some(Range::new(2.0, 2.0)));
        let two = read("r = [1, 2.5]").expect("two").r;
        assert_eq!(two, Some(Range::new(1.0, 2.5)));
        let count = read("n = [2, 5]").expect("count").n.expect("given");
        let mut draw = Draw::new(1, 2, "n");
        let drawn: std::collections::BTreeSet<_> =
            (0..200).map(|_| count.draw(&mut draw)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
    }

    #[test]
    fn what_is_no_range_is_said() {
        for (text, word) in [
            ("r = [5, 2]", "[2, 5]"),
            ("r = [5, inf]", "finite"),
            ("r = [1, 2, 3]", "[low, high]"),
            ("r = 'wide'", "[low, high]"),
            ("n = 1.5", "whole numbers"),
            ("n = -1", "whole numbers"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
