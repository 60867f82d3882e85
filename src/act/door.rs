//! The Unix socket, and the locks that keep a second `act` out.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::ActError;

/// The root user, who may do everything anyway.
const ROOT: u32 = 0;

/// A socket that listens. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Door {
    listener: UnixListener,
    socket: PathBuf,
    owner: u32,
    /// The group whose members may come in; nothing: the owner only.
    group: Option<u32>,
    /// Held as long as this lives, also when the process is killed: then the system lets go of them.
    _locks: [File; 2],
}

impl Door {
    /// Binds the socket, for its owner only or for its group as well. What a killed predecessor left is removed; a living
    /// one is left alone.
    pub(super) fn open(socket: &Path, state: &Path, is_for_group: bool) -> Result<Self, ActError> {
        let locks = [lock(socket)?, lock(state)?];
        let error = |reason: io::Error| ActError::Socket { path: socket.to_owned(), reason: reason.to_string() };
        remove_stale(socket).map_err(error)?;
        let listener = UnixListener::bind(socket).map_err(error)?;
        let mode = if is_for_group { 0o660 } else { 0o600 };
        fs::set_permissions(socket, Permissions::from_mode(mode)).map_err(error)?;
        let found = fs::metadata(socket).map_err(error)?;
        let group = is_for_group.then(|| found.gid());
        Ok(Self { listener, socket: socket.to_owned(), owner: found.uid(), group, _locks: locks })
    }

    /// The next connection; nothing if it is a stranger's, who came in before the socket was closed to others. A member of
    /// the group is known by the group that its process runs as.
    pub(super) async fn accept(&self) -> io::Result<Option<UnixStream>> {
        let (stream, _) = self.listener.accept().await?;
        let peer = stream.peer_cred()?;
        let may_enter = peer.uid() == self.owner || peer.uid() == ROOT || self.group == Some(peer.gid());
        Ok(may_enter.then_some(stream))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.socket) {
            tracing::warn!(%error, "the socket could not be removed");
        }
    }
}

fn lock(path: &Path) -> Result<File, ActError> {
    let beside = path.with_added_extension("lock");
    let error = |reason: io::Error| ActError::Socket { path: beside.clone(), reason: reason.to_string() };
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&beside).map_err(error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ActError::Running { path: path.to_owned() }),
        Err(TryLockError::Error(reason)) => Err(error(reason)),
    }
}

fn remove_stale(socket: &Path) -> io::Result<()> {
    match fs::symlink_metadata(socket) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(socket),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else than a socket is there")),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lets_one_act_in_and_cleans_up_after_the_dead() {
        let directory = tempfile::tempdir().expect("a directory");
        let (socket, state) = (directory.path().join("act.sock"), directory.path().join("state.json"));
        let first = Door::open(&socket, &state, false).expect("opens");
        let mode = || fs::metadata(&socket).expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        for (socket, state) in [(&socket, &directory.path().join("b")), (&directory.path().join("c"), &state)] {
            let error = Door::open(socket, state, false).expect_err("shares a file");
            assert!(matches!(error, ActError::Running { .. }), "{error}");
        }
        UnixStream::connect(&socket).await.expect("the first still listens");
        drop(first);
        assert!(!socket.exists());

        drop(std::os::unix::net::UnixListener::bind(&socket).expect("binds"));
        assert!(socket.exists(), "a dead listener leaves its socket");
        let second = Door::open(&socket, &state, true).expect("opens over a stale socket");
        assert_eq!(mode(), 0o660);
        UnixStream::connect(&socket).await.expect("the second listens");
        drop(second);

        fs::write(&socket, "precious").expect("a file");
        let error = Door::open(&socket, &state, false).expect_err("not a socket").to_string();
        assert!(error.contains("something else than a socket"), "{error}");
        assert_eq!(fs::read_to_string(&socket).expect("still there"), "precious");
    }
}
