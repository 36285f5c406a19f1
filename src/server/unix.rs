//! Listening on a Unix socket.

use std::{
    fs::{self, Metadata, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

/// The file of a socket; removed when dropped, unless another server has taken
/// its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    pub(super) path: PathBuf,
    made: (u64, u64),
}

/// Binds a socket that only this user can connect to.
///
/// # Errors
///
/// When the path cannot be used, or a server listens there.
pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    make_way(path)?;
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(format!(".{:x}", std::process::id()));
    let hidden = PathBuf::from(hidden);
    let listener = UnixListener::bind(&hidden)?;
    // Nobody can connect before the permissions stand.
    let placed = fs::set_permissions(&hidden, Permissions::from_mode(0o600))
        .and_then(|()| fs::rename(&hidden, path));
    if let Err(error) = placed {
        // What was made goes again; the first error is the one that counts.
        let _ = fs::remove_file(&hidden);
        return Err(error);
    }
    let file = SocketFile {
        path: path.to_owned(),
        made: identity(&fs::symlink_metadata(path)?),
    };
    Ok((listener, file))
}

/// Sees to it that nothing of value is at the path: a socket that nobody listens
/// at is what a server that was killed leaves behind.
fn make_way(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        let message = "there is a file that is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(_) => Ok(()),
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| identity(&found) == self.made) {
            // What cannot be removed is made way for by the next server.
            let _ = fs::remove_file(&self.path);
        }
    }
}
