//! Every setting by its key: how text becomes a value and a value text. The file,
//! the environment and the printed configuration share it.

use std::{path::PathBuf, time::Duration};

use super::{ClientConfig, Compression, KeepalivePolicy, LogLevel, SharedMemory};
use crate::{
    Backoff, EncodingChoice, InputBuffering, Modality, ReconnectPolicy, ResendPolicy, Token,
    encoding::{choice_from_text, show_choice},
};

/// A setting that can be given as text.
#[derive(Debug)]
pub(super) struct Setting {
    /// As in a file; in the environment in capitals after `SYNTHCAP_`.
    pub(super) key: &'static str,
    /// What its value must be, for messages.
    pub(super) expects: &'static str,
    /// `None` when the text is no such value.
    pub(super) set: fn(&mut ClientConfig, &str) -> Option<()>,
    pub(super) show: fn(&ClientConfig) -> String,
}

impl Setting {
    pub(super) fn variable(&self) -> String {
        format!("SYNTHCAP_{}", self.key.to_ascii_uppercase())
    }

    /// Whether messages must not show what was given.
    pub(super) fn is_secret(&self) -> bool {
        self.key == "token"
    }

    pub(super) fn named(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}

macro_rules! settings {
    ($($key:literal, $expects:expr, $($field:ident).+, $read:expr, $show:expr;)*) => {
        pub(super) const SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            expects: $expects,
            set: |config, text| put(&mut config.$($field).+, $read(text)),
            show: |config| $show(&config.$($field).+),
        },)*];
    };
}

const SECONDS: &str = "a number of seconds above 0, such as 2.5";
const COUNT: &str = "a whole number above 0";
const LABELS: &str = "auto, raw or lossless";
const BYTES: &str = "a whole number of bytes";
const FILE: &str = "the path of a file";

settings! {
    "url", "an address such as http://127.0.0.1:50051", url, text, String::clone;
    "require_tls", "true or false", require_tls, truth, bool::to_string;
    "tls_ca_file", FILE, tls.ca_file, file, show_file;
    "tls_cert_file", FILE, tls.cert_file, file, show_file;
    "tls_key_file", FILE, tls.key_file, file, show_file;
    "tls_server_name", "the name in the server's certificate", tls.server_name,
        name, show_name;
    "token", "letters, digits and -._~+/= (it is not shown)", token, token, show_token;
    "token_file", FILE, token_file, file, show_file;
    "connect_timeout_s", SECONDS, connect_timeout, seconds, show_seconds;
    "request_timeout_s", SECONDS, request_timeout, seconds, show_seconds;
    "max_captures_in_flight", COUNT, max_captures_in_flight, number, usize::to_string;
    "max_commands_in_flight", COUNT, max_commands_in_flight, number, usize::to_string;
    "max_message_bytes", BYTES, max_message_bytes, number, usize::to_string;
    "max_pooled_bytes", BYTES, max_pooled_bytes, number, usize::to_string;
    "separate_replies", "true or false", separate_replies, truth, bool::to_string;
    "stream_window_bytes", BYTES, stream_window_bytes, number, u32::to_string;
    "connection_window_bytes", BYTES, connection_window_bytes, number, u32::to_string;
    "max_frame_bytes", BYTES, max_frame_bytes, number, u32::to_string;
    "tcp_keepalive_s", "a number of seconds above 0, or off", tcp_keepalive,
        seconds_or_off, show_seconds_or_off;
    "keepalive", "off, where_allowed or always", keepalive.policy,
        KeepalivePolicy::from_text, KeepalivePolicy::to_string;
    "keepalive_interval_s", SECONDS, keepalive.interval, seconds, show_seconds;
    "keepalive_timeout_s", SECONDS, keepalive.timeout, seconds, show_seconds;
    "keepalive_while_idle", "true or false", keepalive.while_idle, truth, bool::to_string;
    "compression", "off or gzip", compression, Compression::from_text, Compression::to_string;
    "shared_memory", "off or auto", shared_memory, SharedMemory::from_text, SharedMemory::to_string;
    "encoding_rgb", "auto, raw, lossless, or jpeg:1 to jpeg:100", encodings.rgb,
        |text| encoding(Modality::Rgb, text), show_encoding;
    "encoding_depth", "auto, raw, lossless, or quantized: and a length such as 1mm",
        encodings.depth, |text| encoding(Modality::Depth, text), show_encoding;
    "encoding_segmentation", LABELS, encodings.segmentation,
        |text| encoding(Modality::Segmentation, text), show_encoding;
    "encoding_normals", LABELS, encodings.normals,
        |text| encoding(Modality::Normals, text), show_encoding;
    "encoding_flow", LABELS, encodings.flow,
        |text| encoding(Modality::Flow, text), show_encoding;
    "reconnect", "never, grpc or doubling", reconnect, reconnect, show_reconnect;
    "resend", "never or idempotent", resend, resend, show_resend;
    "input_buffering", "off, on or coalesce", input_buffering, buffering, show_buffering;
    "kept_requests", "a whole number", kept_requests, number, usize::to_string;
    "log_level", "off, error, warn, info, debug or trace", log_level,
        LogLevel::from_text, LogLevel::to_string;
}

fn put<T>(slot: &mut T, value: Option<T>) -> Option<()> {
    *slot = value?;
    Some(())
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Empty means none, so that what is printed reads back.
fn file(path: &str) -> Option<Option<PathBuf>> {
    Some((!path.is_empty()).then(|| path.into()))
}

fn show_file(path: &Option<PathBuf>) -> String {
    let shown = path.as_ref().map(|path| path.display().to_string());
    shown.unwrap_or_default()
}

fn name(name: &str) -> Option<Option<String>> {
    Some(text(name))
}

fn show_name(name: &Option<String>) -> String {
    name.clone().unwrap_or_default()
}

fn token(text: &str) -> Option<Option<Token>> {
    if text.is_empty() {
        return Some(None);
    }
    Token::new(text).ok().map(Some)
}

/// Reads back as an error rather than as a token of this text.
fn show_token(token: &Option<Token>) -> String {
    let shown = token.as_ref().map(|_| "(not shown)".to_owned());
    shown.unwrap_or_default()
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    // People write large numbers in groups.
    text.replace('_', "").parse().ok()
}

fn seconds(text: &str) -> Option<Duration> {
    let duration = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    (!duration.is_zero()).then_some(duration)
}

fn show_seconds(duration: &Duration) -> String {
    duration.as_secs_f64().to_string()
}

fn seconds_or_off(text: &str) -> Option<Option<Duration>> {
    if text.eq_ignore_ascii_case("off") {
        return Some(None);
    }
    seconds(text).map(Some)
}

fn show_seconds_or_off(duration: &Option<Duration>) -> String {
    duration
        .as_ref()
        .map_or_else(|| "off".to_owned(), show_seconds)
}

/// The forms that environments are known to hold.
pub(super) fn truth(text: &str) -> Option<bool> {
    Some(match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => true,
        "" | "0" | "false" | "no" | "off" => false,
        _ => return None,
    })
}

fn encoding(modality: Modality, text: &str) -> Option<Option<EncodingChoice>> {
    let choice = choice_from_text(text)?;
    choice.suits(modality).then_some(Some(choice))
}

fn show_encoding(choice: &Option<EncodingChoice>) -> String {
    choice
        .as_ref()
        .map_or_else(|| "raw".to_owned(), show_choice)
}

fn reconnect(text: &str) -> Option<ReconnectPolicy> {
    Some(match text.to_ascii_lowercase().as_str() {
        "never" => ReconnectPolicy::Never,
        "grpc" => ReconnectPolicy::Backoff(Backoff::GRPC),
        "doubling" => ReconnectPolicy::Backoff(Backoff::DOUBLING),
        _ => return None,
    })
}

fn show_reconnect(policy: &ReconnectPolicy) -> String {
    match policy {
        ReconnectPolicy::Never => "never",
        ReconnectPolicy::Backoff(backoff) if *backoff == Backoff::GRPC => "grpc",
        ReconnectPolicy::Backoff(backoff) if *backoff == Backoff::DOUBLING => "doubling",
        // Only code can set one, so no file needs to express it.
        ReconnectPolicy::Backoff(_) => "custom",
    }
    .to_owned()
}

fn buffering(text: &str) -> Option<Option<InputBuffering>> {
    Some(match text.to_ascii_lowercase().as_str() {
        "off" => None,
        "on" => Some(InputBuffering::default()),
        "coalesce" => Some(InputBuffering {
            coalesce: true,
            ..InputBuffering::default()
        }),
        _ => return None,
    })
}

fn show_buffering(buffering: &Option<InputBuffering>) -> String {
    match buffering {
        None => "off",
        Some(settings) if settings.coalesce => "coalesce",
        Some(_) => "on",
    }
    .to_owned()
}

fn resend(text: &str) -> Option<ResendPolicy> {
    Some(match text.to_ascii_lowercase().as_str() {
        "never" => ResendPolicy::Never,
        "idempotent" => ResendPolicy::Idempotent,
        _ => return None,
    })
}

fn show_resend(policy: &ResendPolicy) -> String {
    match policy {
        ResendPolicy::Never => "never",
        ResendPolicy::Idempotent => "idempotent",
    }
    .to_owned()
}
