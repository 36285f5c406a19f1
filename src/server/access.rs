//! Who may do what.

use std::{collections::BTreeMap, fmt, ops::BitOr, path::Path, sync::Arc};

use subtle::ConstantTimeEq;
use tonic::{Request, Status};

use super::{EngineError, ServerError, faults::Wire, listen::Origin};
use crate::{Command, ErrorCode, Token, token::entries, wire::request::Asked};

/// What the holder of a token may do. A set: join them by `|`.
///
/// ```
/// use synthcap::server::Permissions;
///
/// let viewer = Permissions::QUERY | Permissions::CAPTURE;
/// assert!(Permissions::ALL.contains(viewer));
/// assert!(!viewer.contains(Permissions::CONTROL));
/// assert_eq!(viewer.to_string(), "query,capture");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    /// Nothing but asking what the server is.
    pub const NONE: Self = Self(0);
    /// Reading poses, names and the scene's state.
    pub const QUERY: Self = Self(1);
    /// Images and subscriptions.
    pub const CAPTURE: Self = Self(2);
    /// Changing cameras, objects, materials, light and weather.
    pub const CONTROL: Self = Self(4);
    /// Time itself: step, pause, resume, reset.
    pub const SIMULATION: Self = Self(8);
    /// Everything.
    pub const ALL: Self = Self(15);

    /// Each with its name in files and messages.
    const NAMES: [(&'static str, Self); 4] = [
        ("query", Self::QUERY),
        ("capture", Self::CAPTURE),
        ("control", Self::CONTROL),
        ("simulation", Self::SIMULATION),
    ];

    /// Whether all of these are among them.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What a command needs.
    fn for_command(command: &Command) -> Self {
        match command {
            Command::Step { .. } | Command::Pause | Command::Resume | Command::Reset { .. } => {
                Self::SIMULATION
            }
            command if command.is_capture() => Self::CAPTURE,
            command if command.is_query() => Self::QUERY,
            _ => Self::CONTROL,
        }
    }

    /// What a request needs.
    fn for_request(asked: &Asked) -> Self {
        match asked {
            Asked::One(command) => Self::for_command(command),
            Asked::Batch(items) => {
                let needs = items.iter().map(|(_, command)| Self::for_command(command));
                needs.fold(Self::NONE, BitOr::bitor)
            }
            Asked::Subscribe(_) => Self::CAPTURE,
            // They concern the client's own requests.
            Asked::AddCredits(..) | Asked::Cancel(_) => Self::NONE,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let named = |name: &str| match name {
            "all" => Some(Self::ALL),
            name => {
                let mut known = Self::NAMES.iter();
                known.find(|(own, _)| *own == name).map(|(_, one)| *one)
            }
        };
        let each = text.split(',').map(|name| named(name.trim()));
        each.reduce(|all, one| Some(all? | one?)).flatten()
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = Self::NAMES.iter().filter(|(_, one)| self.contains(*one));
        let names: Vec<_> = held.map(|(name, _)| *name).collect();
        f.pad(&names.join(","))
    }
}

/// The tokens that a server knows. Whoever shows none of them is refused.
///
/// ```
/// use synthcap::{Token, server::{Permissions, Tokens}};
///
/// let tokens = Tokens::new()
///     .with(Token::new("f3b8-5e0a")?, Permissions::ALL)
///     .with(Token::new("91c4-77d2")?, Permissions::QUERY | Permissions::CAPTURE);
/// let same = Tokens::parse("f3b8-5e0a all\n# for the labelling team\n91c4-77d2 query,capture")?;
/// assert_eq!(tokens, same);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tokens(Vec<(Token, Permissions)>);

impl Tokens {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token.
    #[must_use]
    pub fn with(mut self, token: Token, permissions: Permissions) -> Self {
        self.0.push((token, permissions));
        self
    }

    /// Reads one token per line, with its permissions after a space: `query`,
    /// `capture`, `control` and `simulation`, separated by commas, or `all`.
    /// Without permissions a token may do everything. Empty lines and those that
    /// begin with `#` are passed over.
    ///
    /// # Errors
    ///
    /// Names the first line that cannot be read, without its token.
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let mut tokens = Self::new();
        for (number, line) in entries(text) {
            let (token, words) = line
                .split_once(char::is_whitespace)
                .unwrap_or((line, "all"));
            let unusable = |why: &dyn fmt::Display| {
                ServerError::new(format!("line {number} of the tokens: {why}"))
            };
            let token = Token::new(token).map_err(|error| unusable(&error))?;
            let permissions = Permissions::parse(words.trim()).ok_or_else(|| {
                let known = "permissions are query, capture, control, simulation, or all";
                unusable(&format!("{:?} is none; {known}", words.trim()))
            })?;
            tokens = tokens.with(token, permissions);
        }
        if tokens.0.is_empty() {
            let message = "there is no token; write at least one, on a line of its own";
            return Err(ServerError::new(message));
        }
        Ok(tokens)
    }

    /// As [`parse`](Self::parse), from a file.
    ///
    /// # Errors
    ///
    /// Also when the file cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ServerError> {
        let path = path.as_ref();
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ServerError::new(format!("cannot read {name}: {error}")))?;
        Self::parse(&text).map_err(|error| ServerError::new(format!("{name}: {error}")))
    }

    /// What the holder of this text may do; `None` for a stranger. Takes as long
    /// wherever a wrong text differs from the right one.
    fn of(&self, shown: &[u8]) -> Option<Permissions> {
        let mut found = None;
        for (token, permissions) in &self.0 {
            // All are looked at, so that the time does not tell which it was.
            if bool::from(token.as_str().as_bytes().ct_eq(shown)) {
                found = Some(*permissions);
            }
        }
        found
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut holders = BTreeMap::new();
        for (_, permissions) in &self.0 {
            *holders.entry(permissions.to_string()).or_insert(0) += 1;
        }
        f.debug_tuple("Tokens").field(&holders).finish()
    }
}

/// Who makes a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    permissions: Permissions,
    /// Where faults can be done to the connection.
    pub(super) wire: Option<Arc<Wire>>,
}

impl Caller {
    /// Of a request that has passed [`guard`]; one who may do nothing where it has
    /// not.
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        let permissions = request.extensions().get::<Permissions>();
        let origin = request.extensions().get::<Origin>();
        Self {
            permissions: permissions.copied().unwrap_or(Permissions::NONE),
            wire: origin.and_then(|origin| origin.wire.clone()),
        }
    }

    /// # Errors
    ///
    /// Names what is missing.
    pub(super) fn check(&self, asked: &Asked) -> Result<(), EngineError> {
        self.grant(Permissions::for_request(asked))
    }

    /// As [`check`](Self::check), for a single command.
    pub(super) fn check_command(&self, command: &Command) -> Result<(), EngineError> {
        self.grant(Permissions::for_command(command))
    }

    fn grant(&self, needed: Permissions) -> Result<(), EngineError> {
        if self.permissions.contains(needed) {
            return Ok(());
        }
        let missing = Permissions(needed.0 & !self.permissions.0);
        let message = format!("the token does not allow this; it lacks {missing}");
        Err(EngineError::new(ErrorCode::PermissionDenied, message))
    }
}

/// Lets requests in, every one: whoever shows a known token, or anybody where
/// there are no tokens.
pub(super) fn guard(
    tokens: Option<Arc<Tokens>>,
) -> impl Fn(Request<()>) -> Result<Request<()>, Status> + Clone {
    move |mut request| {
        let permissions = match &tokens {
            Some(tokens) => admit(tokens, &request)?,
            None => Permissions::ALL,
        };
        request.extensions_mut().insert(permissions);
        Ok(request)
    }
}

fn admit(tokens: &Tokens, request: &Request<()>) -> Result<Permissions, Status> {
    let header = request.metadata().get("authorization");
    let shown = header.and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    });
    let shown = shown.ok_or_else(|| {
        Status::unauthenticated("a token is needed; give the client the one meant for it")
    })?;
    let known = tokens.of(shown);
    known.ok_or_else(|| Status::unauthenticated("the token is not known here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_its_name_and_no_other_is_known() {
        for (name, one) in Permissions::NAMES {
            assert_eq!(Permissions::parse(name), Some(one));
            assert_eq!(one.to_string(), name);
        }
        assert_eq!(Permissions::parse("all"), Some(Permissions::ALL));
        assert_eq!(
            Permissions::parse(&Permissions::ALL.to_string()),
            Some(Permissions::ALL)
        );
        for bad in ["", "query,", "root", "query capture"] {
            assert_eq!(Permissions::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_the_whole_token_opens() {
        let tokens = Tokens::parse("abcd query\nabce all\n").expect("good lines");
        assert_eq!(tokens.of(b"abcd"), Some(Permissions::QUERY));
        assert_eq!(tokens.of(b"abce"), Some(Permissions::ALL));
        for wrong in [&b""[..], b"abc", b"abcde", b"ABCD", b"abcd "] {
            assert_eq!(tokens.of(wrong), None);
        }
        let shown = format!("{tokens:?}");
        assert!(!shown.contains("abc"), "{shown}");
    }

    #[test]
    fn a_bad_line_is_named_without_its_token() {
        for text in ["ok all\nse!cret all", "ok\nsecret root"] {
            let error = Tokens::parse(text).expect_err("bad").to_string();
            assert!(error.contains("line 2"), "{error}");
            assert!(
                !error.contains("secret") && !error.contains("se!cret"),
                "{error}"
            );
        }
        assert!(Tokens::parse("# nothing\n").is_err());
    }
}
