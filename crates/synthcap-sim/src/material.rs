//! How a surface looks, and how a command changes that.

use glam::Vec3;
use synthcap::server::EngineError;

use crate::texture::{self, Texture, TexturePoint};

/// The properties that `set_material` knows.
pub(crate) const PROPERTIES: [&str; 5] =
    ["base_color", "roughness", "metallic", "emissive", "texture"];

/// The most that an emissive surface gives off, in units of a sunlit white
/// sheet, so that sums of light stay far from overflow.
const MAX_EMISSION: f32 = 1000.0;

/// The look of one part of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Material {
    /// Linear, 0 to 1.
    pub(crate) base_color: Vec3,
    /// The texture's other colour; linear, 0 to 1.
    pub(crate) accent: Vec3,
    /// 0 mirror-like to 1 dull.
    pub(crate) roughness: f32,
    /// 0 or 1, and between for worn surfaces.
    pub(crate) metallic: f32,
    /// Light it gives off, linear; 1 is as bright as a sunlit white sheet.
    pub(crate) emissive: Vec3,
    pub(crate) texture: Texture,
}

impl Default for Material {
    fn default() -> Self {
        Self::plain(Vec3::splat(0.7), 0.5)
    }
}

impl Material {
    /// One colour (linear) and a roughness.
    pub(crate) fn plain(base_color: Vec3, roughness: f32) -> Self {
        Self {
            base_color,
            accent: base_color * 0.35,
            roughness,
            metallic: 0.0,
            emissive: Vec3::ZERO,
            texture: Texture::None,
        }
    }

    /// One colour as `0xrrggbb` in sRGB, and a roughness.
    pub(crate) fn hex(rgb: u32, roughness: f32) -> Self {
        Self::plain(hex_color(rgb), roughness)
    }

    /// A metal.
    pub(crate) fn metal(rgb: u32, roughness: f32) -> Self {
        Self {
            metallic: 1.0,
            ..Self::hex(rgb, roughness)
        }
    }

    /// With a pattern whose other colour is `0xrrggbb` in sRGB.
    pub(crate) fn patterned(self, pattern: texture::Pattern, accent: u32) -> Self {
        Self {
            texture: Texture::Pattern(pattern),
            accent: hex_color(accent),
            ..self
        }
    }

    /// The colour at a point.
    pub(crate) fn color(&self, at: &TexturePoint<'_>) -> Vec3 {
        self.texture.color(self.base_color, self.accent, at)
    }

    /// Applies a change.
    pub(crate) fn apply(&mut self, change: &MaterialChange) {
        match change {
            MaterialChange::BaseColor(color) => {
                // The texture's other colour follows, so that a pattern in the
                // old colour does not shine through.
                self.accent = *color * 0.35;
                self.base_color = *color;
            }
            MaterialChange::Roughness(x) => self.roughness = *x,
            MaterialChange::Metallic(x) => self.metallic = *x,
            MaterialChange::Emissive(color) => self.emissive = *color,
            MaterialChange::Texture(texture) => self.texture = texture.clone(),
        }
    }
}

/// One property with its new value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MaterialChange {
    BaseColor(Vec3),
    Roughness(f32),
    Metallic(f32),
    Emissive(Vec3),
    Texture(Texture),
}

impl MaterialChange {
    /// Reads a property's name and value.
    pub(crate) fn parse(property: &str, value: &str) -> Result<Self, EngineError> {
        let value = value.trim();
        match property {
            "base_color" => color(property, value, 1.0).map(Self::BaseColor),
            "roughness" => fraction(property, value).map(Self::Roughness),
            "metallic" => fraction(property, value).map(Self::Metallic),
            "emissive" => color(property, value, MAX_EMISSION).map(Self::Emissive),
            "texture" => Texture::named(value).map(Self::Texture).ok_or_else(|| {
                let known = texture::names().collect::<Vec<_>>().join(", ");
                invalid(property, value, &format!("one of {known}"))
            }),
            _ => Err(EngineError::invalid(format!(
                "unknown material property {property:?}; choose from {}",
                PROPERTIES.join(", ")
            ))),
        }
    }
}

fn invalid(property: &str, value: &str, expected: &str) -> EngineError {
    EngineError::invalid(format!(
        "{value:?} is no value for the material property {property}; it takes {expected}"
    ))
}

fn fraction(property: &str, value: &str) -> Result<f32, EngineError> {
    let number = value.parse().ok().filter(|x| (0.0..=1.0).contains(x));
    number.ok_or_else(|| invalid(property, value, "a number from 0 to 1"))
}

/// A colour as "#rrggbb" (sRGB), "r,g,b" or one number for a grey (linear).
fn color(property: &str, value: &str, max: f32) -> Result<Vec3, EngineError> {
    let expected = format!("\"#rrggbb\", \"r,g,b\" or one number, linear from 0 to {max}");
    let fail = || invalid(property, value, &expected);
    if let Some(digits) = value.strip_prefix('#') {
        let plain = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let rgb = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
        return rgb.map(hex_color).ok_or_else(fail);
    }
    let numbers: Option<Vec<f32>> = value
        .split(',')
        .map(|part| part.trim().parse().ok().filter(|x| (0.0..=max).contains(x)))
        .collect();
    match numbers.ok_or_else(fail)?[..] {
        [grey] => Ok(Vec3::splat(grey)),
        [r, g, b] => Ok(Vec3::new(r, g, b)),
        _ => Err(fail()),
    }
}

/// `0xrrggbb` in sRGB to linear.
pub(crate) fn hex_color(rgb: u32) -> Vec3 {
    let channel = |shift: u32| srgb_to_linear((rgb >> shift & 0xff) as f32 / 255.0);
    Vec3::new(channel(16), channel(8), channel(0))
}

/// One sRGB channel, 0 to 1, to linear.
pub(crate) fn srgb_to_linear(c: f32) -> f32 {
    if c <= 0.04045 {
        c / 12.92
    } else {
        ((c + 0.055) / 1.055).powf(2.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_each_of_their_forms() {
        let parse = |p, v| MaterialChange::parse(p, v).expect("valid");
        assert_eq!(
            parse("base_color", "#ffffff"),
            MaterialChange::BaseColor(Vec3::ONE)
        );
        let rgb = MaterialChange::BaseColor(Vec3::new(0.1, 0.2, 0.3));
        assert_eq!(parse("base_color", " 0.1, 0.2,0.3"), rgb);
        assert_eq!(
            parse("emissive", "5"),
            MaterialChange::Emissive(Vec3::splat(5.0))
        );
        assert_eq!(parse("roughness", "0.25"), MaterialChange::Roughness(0.25));
        let none = MaterialChange::Texture(Texture::None);
        assert_eq!(parse("texture", "none"), none);
    }

    #[test]
    fn a_bad_value_is_named_with_the_remedy() {
        let cases = [
            ("base_color", "#ggg", "#rrggbb"),
            ("base_color", "#+12345", "#rrggbb"),
            ("base_color", "1,2", "r,g,b"),
            ("base_color", "2,0,0", "from 0 to 1"),
            ("roughness", "NaN", "from 0 to 1"),
            ("roughness", "-1", "from 0 to 1"),
            ("texture", "plaid", "checker"),
            ("colour", "1", "base_color"),
        ];
        for (property, value, remedy) in cases {
            let error = MaterialChange::parse(property, value).expect_err("invalid");
            assert!(error.message.contains(remedy), "{}", error.message);
        }
    }
}
