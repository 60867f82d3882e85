//! Tells whether a file is still the one that was read.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What changes when a file is replaced, written to, or given other permissions; nothing if it is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp(Option<[i64; 6]>);

impl Stamp {
    /// The file as it is at this moment. One that cannot be looked at counts as not there.
    pub fn of(path: &Path) -> Self {
        let found = std::fs::metadata(path).ok();
        Self(found.map(|found: Metadata| {
            let (device, inode) = (found.dev().cast_signed(), found.ino().cast_signed());
            [device, inode, found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()]
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_changes_with_content_permissions_and_replacement() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        let mut seen = vec![Stamp::of(&path)];
        let mut look = |what: &str| {
            let stamp = Stamp::of(&path);
            assert_eq!(stamp, Stamp::of(&path), "{what}");
            assert!(!seen.contains(&stamp), "{what} is not seen");
            seen.push(stamp);
            // The kernel's clock for files moves a few hundred times a second.
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        write(&path, "a").expect("written");
        look("a new file");
        write(&path, "b").expect("written");
        look("another content of the same length");
        set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        look("another mode");
        write(directory.path().join("new"), "b").expect("written");
        std::fs::rename(directory.path().join("new"), &path).expect("renamed");
        look("another file");
    }
}
