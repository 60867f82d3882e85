//! How far a file is read, as the journal keeps it.

use sha2::{Digest, Sha256};

/// Bytes before the offset that tell whether a file is still the one that was read.
pub(super) const MARK_BYTES: usize = 64;

/// How far a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing of it is.
    #[default]
    Nothing,
    /// Its lines, up to an offset.
    Lines {
        /// Which file.
        inode: u64,
        /// How many of its bytes.
        offset: u64,
        /// What the last of these were; nothing where that is not known. A new file may be given an old one's number.
        mark: Option<u64>,
    },
    /// All of it, when it was so large and written then. Its number tells nothing: some file systems give another one
    /// at each mount.
    Whole {
        /// Bytes.
        size: u64,
        /// Nanoseconds since 1970.
        modified: i64,
    },
}

impl Progress {
    /// What [`Progress::text`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(whole) = text.strip_prefix("whole:") {
            let (size, modified) = whole.split_once(':')?;
            return Some(Self::Whole { size: size.parse().ok()?, modified: modified.parse().ok()? });
        }
        let (inode, offset) = text.split_once(':')?;
        let (offset, mark) = match offset.split_once(':') {
            Some((offset, mark)) => (offset, Some(u64::from_str_radix(mark, 16).ok()?)),
            None => (offset, None),
        };
        Some(Self::Lines { inode: inode.parse().ok()?, offset: offset.parse().ok()?, mark })
    }

    /// Itself as a position; nothing where nothing is read.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Lines { inode, offset, mark: Some(mark) } => Some(format!("{inode}:{offset}:{mark:016x}")),
            Self::Lines { inode, offset, mark: None } => Some(format!("{inode}:{offset}")),
            Self::Whole { size, modified } => Some(format!("whole:{size}:{modified}")),
        }
    }
}

/// What stands for the last bytes that were read.
pub(super) fn mark(last: &[u8]) -> u64 {
    Sha256::digest(last).iter().take(8).fold(0, |mark, byte| (mark << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nonsense_is_not() {
        for progress in [
            Progress::Lines { inode: 7, offset: 12, mark: None },
            Progress::Lines { inode: 7, offset: 12, mark: Some(mark(b"{}\n")) },
            Progress::Whole { size: 3, modified: -1 },
        ] {
            assert_eq!(progress.text().as_deref().and_then(Progress::parse), Some(progress));
        }
        assert_eq!(Progress::Nothing.text(), None);
        for text in ["", "7", "whole:", "whole:1", "whole:1:x", "7:x", "7:1:xyz", "7:1:2:3"] {
            assert_eq!(Progress::parse(text), None, "{text}");
        }
    }
}
