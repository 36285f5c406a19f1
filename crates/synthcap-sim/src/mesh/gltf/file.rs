//! Files of the assets directory, and what they refer to.

use std::{
    borrow::Cow,
    fs,
    path::{Component, Path, PathBuf},
};

use base64::Engine as _;
use synthcap::{ErrorCode, server::EngineError};

/// Files larger than this are refused, and files that refer to more than this.
pub(super) const MAX_FILE_BYTES: u64 = 512 << 20;

/// A file being loaded.
pub(super) struct AssetFile<'a> {
    assets: &'a Path,
    /// Where files that it refers to are looked up.
    folder: PathBuf,
    /// The name in messages.
    asset: &'a str,
    /// So much more it may refer to, each time that it does.
    bytes_left: u64,
}

impl<'a> AssetFile<'a> {
    /// Finds a file of the assets directory, and reads it.
    pub(super) fn open(assets: &'a Path, asset: &'a str) -> Result<(Self, Vec<u8>), EngineError> {
        let path = resolve(assets, assets, asset)?;
        let file = Self {
            assets,
            folder: path.parent().unwrap_or(assets).to_owned(),
            asset,
            bytes_left: MAX_FILE_BYTES,
        };
        let bytes = file.read(&path, "it is larger than 512 MiB", MAX_FILE_BYTES)?;
        Ok((file, bytes))
    }

    /// The error that says why the file cannot be used.
    pub(super) fn bad(&self, why: impl AsRef<str>) -> EngineError {
        EngineError::invalid(format!(
            "the asset {:?} cannot be used: {}",
            self.asset,
            why.as_ref()
        ))
    }

    /// The bytes that a URI stands for: in itself, or in a file beside this one.
    pub(super) fn fetch(&mut self, uri: &str) -> Result<Vec<u8>, EngineError> {
        const TOO_MUCH: &str = "it refers to more than 512 MiB in all";
        let bytes = match uri.strip_prefix("data:") {
            Some(data) => {
                let encoded = data.split_once(";base64,").map(|(_, encoded)| encoded);
                let encoded =
                    encoded.ok_or_else(|| self.bad("it has a data URI without base64"))?;
                let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
                decoded.map_err(|e| self.bad(format!("it has a broken data URI: {e}")))?
            }
            None => {
                let name: Cow<'_, str> = urlencoding::decode(uri)
                    .map_err(|_| self.bad("it refers to a file whose name is not UTF-8"))?;
                let path = resolve(self.assets, &self.folder, &name)?;
                self.read(&path, TOO_MUCH, self.bytes_left)?
            }
        };
        let left = self.bytes_left.checked_sub(bytes.len() as u64);
        self.bytes_left = left.ok_or_else(|| self.bad(TOO_MUCH))?;
        Ok(bytes)
    }

    fn read(&self, path: &Path, too_large: &str, most: u64) -> Result<Vec<u8>, EngineError> {
        let unreadable = |e: std::io::Error| self.bad(format!("it cannot be read: {e}"));
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(self.bad("it is not a file"));
        }
        if metadata.len() > most {
            return Err(self.bad(too_large));
        }
        fs::read(path).map_err(unreadable)
    }
}

/// The real path of `relative`, which must name a file in `folder` and must not
/// lead out of `assets`, neither by itself nor through a link.
fn resolve(assets: &Path, folder: &Path, relative: &str) -> Result<PathBuf, EngineError> {
    let outside = || {
        let message = format!(
            "the asset path {relative:?} leaves the assets directory; give a path relative to it, without \"..\""
        );
        EngineError::new(ErrorCode::PermissionDenied, message)
    };
    let plain = |part| matches!(part, Component::Normal(_));
    if relative.contains('\\') || !Path::new(relative).components().all(plain) {
        return Err(outside());
    }
    let missing = |_| {
        EngineError::not_found(format!(
            "there is no asset {relative:?} in the assets directory"
        ))
    };
    let root = assets.canonicalize().map_err(missing)?;
    let path = folder.join(relative).canonicalize().map_err(missing)?;
    if !path.starts_with(&root) {
        return Err(outside());
    }
    Ok(path)
}
