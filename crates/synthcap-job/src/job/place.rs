//! Where in a job file something stands.

use toml::de::{DeTable, DeValue};

/// The line, from 1, on which the value of a key stands, such as
/// `cameras.0.fov_deg`; that of the innermost part of it that is there.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut span = None;
    let mut inner: Option<&DeValue<'_>> = None;
    for part in key.split('.') {
        let next = match inner {
            None => table.get_ref().get(part),
            Some(DeValue::Table(table)) => table.get(part),
            Some(DeValue::Array(array)) => part.parse().ok().and_then(|i: usize| array.get(i)),
            Some(_) => None,
        };
        let Some(next) = next else {
            break;
        };
        span = Some(next.span());
        inner = Some(next.get_ref());
    }
    span.map(|span| line_at(text, span.start))
}

/// The line, from 1, of a byte.
pub(super) fn line_at(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().iter().take(byte);
    before.filter(|b| **b == b'\n').count() + 1
}
