//! The text forms of encodings, for configuration.

use super::{Encoding, EncodingChoice};

/// Micrometres of each unit that an error can be given in.
const UNITS: [(&str, f64); 4] = [("um", 1.0), ("mm", 1e3), ("cm", 1e4), ("m", 1e6)];
/// The quality of a JPEG for which none is named.
const DEFAULT_QUALITY: u8 = 85;

pub(crate) fn choice_from_text(text: &str) -> Option<EncodingChoice> {
    let text = text.to_ascii_lowercase();
    let (name, parameter) = match text.split_once(':') {
        Some((name, parameter)) => (name, Some(parameter)),
        None => (text.as_str(), None),
    };
    Some(EncodingChoice::Use(match (name, parameter) {
        ("auto", None) => return Some(EncodingChoice::Auto),
        ("raw", None) => Encoding::Raw,
        ("lossless", None) => Encoding::Lossless,
        ("jpeg", None) => Encoding::Jpeg {
            quality: DEFAULT_QUALITY,
        },
        ("jpeg", Some(quality)) => Encoding::Jpeg {
            quality: quality.parse().ok().filter(|q| (1..=100).contains(q))?,
        },
        ("quantized", None) => Encoding::MILLIMETRE,
        ("quantized", Some(error)) => Encoding::Quantized {
            max_error_um: micrometres(error)?,
        },
        _ => return None,
    }))
}

/// A length such as `1mm`.
fn micrometres(text: &str) -> Option<u32> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let um = (digits.parse::<f64>().ok()? * factor).round();
    (1.0..=f64::from(u32::MAX))
        .contains(&um)
        .then_some(um as u32)
}

pub(crate) fn show_choice(choice: &EncodingChoice) -> String {
    match choice {
        EncodingChoice::Auto => "auto".to_owned(),
        EncodingChoice::Use(encoding) => encoding.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_back() {
        for text in [
            "auto",
            "raw",
            "lossless",
            "jpeg:1",
            "jpeg:100",
            "quantized:250um",
        ] {
            let choice = choice_from_text(text).expect(text);
            assert_eq!(show_choice(&choice), text);
        }
        let millimetre = Some(EncodingChoice::Use(Encoding::MILLIMETRE));
        for text in [
            "quantized",
            "quantized:1mm",
            "quantized:0.1cm",
            "QUANTIZED:0.001m",
        ] {
            assert_eq!(choice_from_text(text), millimetre, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_kept_to_is_no_choice() {
        for text in [
            "",
            "png",
            "jpeg:0",
            "jpeg:101",
            "jpeg:",
            "raw:1",
            "quantized:0mm",
            "quantized:-1mm",
            "quantized:1",
            "quantized:5km",
            "quantized:9999m",
        ] {
            assert_eq!(choice_from_text(text), None, "{text}");
        }
    }
}
