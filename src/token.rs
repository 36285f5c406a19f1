//! The secret that a client shows and a server knows.

use std::{fmt, path::Path, sync::Arc};

use crate::{Error, ErrorKind};

/// A bearer token. It is never printed: `Debug` says only that there is one.
///
/// ```
/// use synthcap::Token;
///
/// let token = Token::new("f3b8-5e0a-91c4")?;
/// assert_eq!(format!("{token:?}"), "Token(not shown)");
/// assert!(Token::new("two words").is_err());
/// # Ok::<_, synthcap::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

impl Token {
    /// A token of this text: letters, digits and `-._~+/=`, as HTTP allows them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty text and for other characters.
    pub fn new(text: impl AsRef<str>) -> Result<Self, Error> {
        let text = text.as_ref();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        if text.is_empty() || !text.chars().all(allowed) {
            // Without the text, which may be a secret with a typing error.
            let message = "a token must be of letters, digits and -._~+/= only, and not empty";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Self(text.into()))
    }

    /// The token in a file: its first line that is neither empty nor a comment
    /// (`#`), up to the first space.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when the file cannot be read or holds none.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let invalid = |why: &dyn fmt::Display| {
            let message = format!("cannot take a token from {}: {why}", path.display());
            Error::new(ErrorKind::InvalidInput, message)
        };
        let text = std::fs::read_to_string(path).map_err(|error| invalid(&error))?;
        let mut lines = entries(&text);
        let (_, line) = lines
            .next()
            .ok_or_else(|| invalid(&"it holds none; write one on a line of its own"))?;
        let first = line.split_whitespace().next().unwrap_or_default();
        Self::new(first).map_err(|error| invalid(&error))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// The lines of a token file that say something, with their numbers.
pub(crate) fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
