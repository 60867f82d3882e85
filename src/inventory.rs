//! Reads inventory files: what existed before a trail, and where.

use std::io::Read;
use std::path::{Path, PathBuf};

use trailbrake_detectors::inventory::{Inventory, InventoryError, parse};
use trailbrake_detectors::limits::INVENTORY_BYTES_MAX;

/// Why a file of an inventory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InventoryFileError {
    /// The file cannot be read.
    #[error("inventory cannot be read: {path}: {reason}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        reason: std::io::Error,
    },
    /// It was read, and is no inventory.
    #[error("{path}: {reason}")]
    Invalid {
        /// The file.
        path: String,
        /// Why.
        reason: InventoryError,
    },
}

/// Reads all files as one inventory; what several tell of, the last tells.
pub fn read_all(files: &[PathBuf]) -> Result<Inventory, InventoryFileError> {
    let mut inventory = Inventory::default();
    for file in files {
        inventory.extend(read(file)?);
    }
    Ok(inventory)
}

fn read(path: &Path) -> Result<Inventory, InventoryFileError> {
    let shown = || path.display().to_string();
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(INVENTORY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|reason| InventoryFileError::Read { path: shown(), reason })?;
    parse(&bytes).map_err(|reason| InventoryFileError::Invalid { path: shown(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_inventory_is_said_with_its_file() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let said = |text: &str| {
            let file = directory.path().join("a.json");
            std::fs::write(&file, text).expect("writable");
            let said = read_all(&[file]).expect_err("no inventory").to_string();
            said.replace(&directory.path().display().to_string(), "")
        };
        assert!(said("").starts_with("/a.json: inventory is empty\nhint: "));
        assert!(said("{\n\"a\":").starts_with("/a.json: inventory is no JSON: line 2"));
        assert!(said("{\"a\":1}").starts_with("/a.json: inventory has a shape that is not known"));
        let absent = read_all(&[directory.path().join("absent.json")]).expect_err("absent").to_string();
        assert!(absent.ends_with("absent.json: No such file or directory (os error 2)"), "{absent}");
    }
}
