//! Watches inventory files: what existed before the trail is told to the engine again whenever one of them changes.

use std::path::PathBuf;
use std::time::SystemTime;

use tokio::sync::mpsc;
use trailbrake_detectors::inventory::Inventory;

use crate::clock::SharedClock;
use crate::inventory;
use crate::limits::INVENTORY_POLL;
use crate::pipeline::Work;

/// What tells one state of a file from the next: when it was written, and how long it is; nothing if it is not there.
type Stamp = Option<(SystemTime, u64)>;

/// Files, and what they were when they were last read.
pub(super) struct InventoryWatch {
    files: Vec<PathBuf>,
    read: Option<Vec<Stamp>>,
}

impl InventoryWatch {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        Self { files, read: None }
    }

    /// The inventory, if a file has changed and all of them can be read. What cannot is logged once for each change, and
    /// what was known before stays.
    pub(super) async fn look(&mut self) -> Option<Inventory> {
        let mut stamps = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let found = tokio::fs::metadata(file).await.ok();
            stamps.push(found.and_then(|found| Some((found.modified().ok()?, found.len()))));
        }
        if self.read.as_ref() == Some(&stamps) {
            return None;
        }
        self.read = Some(stamps);
        let files = self.files.clone();
        match tokio::task::spawn_blocking(move || inventory::read_all(&files)).await {
            Ok(Ok(inventory)) => {
                tracing::info!(aliases = inventory.len(), files = self.files.len(), "inventory read");
                Some(inventory)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "inventory not read: what was known before stays");
                None
            }
            Err(error) => {
                tracing::error!(%error, "inventory not read: what was known before stays");
                None
            }
        }
    }

    /// Looks again and again, as long as there is an engine.
    pub(super) async fn run(mut self, acts: mpsc::WeakSender<Work>, clock: SharedClock) {
        loop {
            tokio::time::sleep(INVENTORY_POLL).await;
            let Some(inventory) = self.look().await else { continue };
            let Some(acts) = acts.upgrade() else { return };
            if acts.send(Work::Inventory(Box::new(inventory), clock.now())).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBNETS: &str = r#"{"Subnets":[{"SubnetId":"subnet-1","AvailabilityZone":"eu-west-1a",
        "AvailabilityZoneId":"euw1-az1","SubnetArn":"arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1",
        "OwnerId":"123456789012"}]}"#;

    #[tokio::test]
    async fn a_file_is_read_when_it_changes_and_not_otherwise() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("subnets.json");
        let mut watch = InventoryWatch::new(vec![file.clone()]);
        assert_eq!(watch.look().await, None, "it is not there");
        std::fs::write(&file, SUBNETS).expect("writable");
        assert!(watch.look().await.is_some_and(|inventory| !inventory.is_empty()));
        assert_eq!(watch.look().await, None, "it is as before");
        std::fs::write(&file, &SUBNETS[..40]).expect("writable");
        assert_eq!(watch.look().await, None, "it is cut off");
        std::fs::write(&file, format!("{SUBNETS}\n")).expect("writable");
        assert!(watch.look().await.is_some());
    }
}
