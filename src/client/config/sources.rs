//! Settings from outside the program: the environment and a file.

use super::{
    ClientConfig, Preset, invalid,
    settings::{SETTINGS, Setting, truth},
};
use crate::Error;

/// What one source sets, not applied yet.
#[derive(Clone, Default)]
pub(super) struct Layer {
    pub(super) preset: Option<Preset>,
    values: Vec<Value>,
}

/// Without `Debug`, for the text may be a secret.
#[derive(Clone)]
struct Value {
    setting: &'static Setting,
    text: String,
    /// Where it stands, for messages.
    origin: String,
}

impl Layer {
    /// Puts the values into a configuration.
    pub(super) fn apply(&self, config: &mut ClientConfig) -> Result<(), Error> {
        for value in &self.values {
            let Value {
                setting,
                text,
                origin,
            } = value;
            (setting.set)(config, text).ok_or_else(|| {
                let shown = if setting.is_secret() { "..." } else { text };
                unusable(origin, shown, setting.expects)
            })?;
        }
        Ok(())
    }

    /// False when there is no such setting.
    fn push(&mut self, key: &str, text: String, origin: String) -> bool {
        let setting = Setting::named(key);
        self.values.extend(setting.map(|setting| Value {
            setting,
            text,
            origin,
        }));
        setting.is_some()
    }

    fn set_preset(&mut self, text: &str, origin: &str) -> Result<(), Error> {
        let preset = Preset::from_text(text).ok_or_else(|| {
            let expects = "development, production, high_throughput or low_memory";
            unusable(origin, text, expects)
        })?;
        self.preset = Some(preset);
        Ok(())
    }
}

fn unusable(origin: &str, text: &str, expects: &str) -> Error {
    invalid(format!("{origin} is {text:?}; it must be {expects}"))
}

/// Reads `UESYNTH_*`, then `SYNTHCAP_*` over it.
pub(super) fn environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Layer, Error> {
    let mut layer = Layer::default();
    uesynth(&lookup, &mut layer)?;
    if let Some(text) = lookup("SYNTHCAP_PRESET") {
        layer.set_preset(&text, "SYNTHCAP_PRESET")?;
    }
    for setting in SETTINGS {
        let variable = setting.variable();
        if let Some(text) = lookup(&variable) {
            layer.push(setting.key, text, variable);
        }
    }
    Ok(layer)
}

/// The variables that users of UESynth have set already.
fn uesynth(lookup: impl Fn(&str) -> Option<String>, layer: &mut Layer) -> Result<(), Error> {
    let tls = match lookup("UESYNTH_ENABLE_SSL") {
        Some(text) => {
            truth(&text).ok_or_else(|| unusable("UESYNTH_ENABLE_SSL", &text, "0 or 1"))?
        }
        None => false,
    };
    if tls && !cfg!(feature = "tls") {
        return Err(invalid(
            "UESYNTH_ENABLE_SSL asks for TLS, which this build does not have (feature `tls`); \
             unset it to connect without encryption"
                .to_owned(),
        ));
    }
    if tls {
        let origin = "UESYNTH_ENABLE_SSL".to_owned();
        layer.push("require_tls", "true".to_owned(), origin);
    }
    let (host, port) = (lookup("UESYNTH_HOST"), lookup("UESYNTH_PORT"));
    if let Some(port) = &port
        && port.parse::<u16>().is_err()
    {
        return Err(unusable("UESYNTH_PORT", port, "a port, 0 to 65535"));
    }
    if host.is_some() || port.is_some() {
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        let port = port.unwrap_or_else(|| "50051".to_owned());
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        let host = if is_bare_ipv6 {
            format!("[{host}]")
        } else {
            host
        };
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{host}:{port}");
        layer.push("url", url, "UESYNTH_HOST with UESYNTH_PORT".to_owned());
    }
    for (variable, key) in [
        ("UESYNTH_TIMEOUT", "request_timeout_s"),
        ("UESYNTH_LOG_LEVEL", "log_level"),
    ] {
        if let Some(text) = lookup(variable) {
            layer.push(key, text, variable.to_owned());
        }
    }
    Ok(())
}

/// Reads a file's text; `file` is its name, for messages.
#[cfg(feature = "config-file")]
pub(super) fn toml(text: &str, file: &str) -> Result<Layer, Error> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        invalid(format!("{file} is not TOML: {}", error.message()))
    })?;
    let mut layer = Layer::default();
    for (key, value) in table {
        let origin = format!("{file}: {key}");
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            _ => {
                let message = format!("{origin} must be a text, a number, or true or false");
                return Err(invalid(message));
            }
        };
        if key == "preset" {
            layer.set_preset(&text, &origin)?;
            continue;
        }
        if !layer.push(&key, text, origin) {
            return Err(unknown(file, &key));
        }
    }
    Ok(layer)
}

#[cfg(feature = "config-file")]
fn unknown(file: &str, key: &str) -> Error {
    let known: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
    invalid(format!(
        "{file}: there is no setting {key:?}; known are preset, {}",
        known.join(", ")
    ))
}
