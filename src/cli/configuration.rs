//! Where the configuration is: the same for all commands that need one.

use std::path::{Path, PathBuf};

/// What is read where nobody says otherwise.
const DEFAULT: &str = "trailbrake.toml";

/// The configuration file of the daemon.
#[derive(Debug, clap::Args)]
pub(super) struct Configuration {
    /// The configuration file; without it `trailbrake.toml` in the directory that the command is started in.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Configuration {
    /// The file that was named, if one was.
    pub(super) fn named(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The file that was named, or the default.
    pub(super) fn path(&self) -> &Path {
        self.named().unwrap_or(Path::new(DEFAULT))
    }
}

#[cfg(test)]
impl From<PathBuf> for Configuration {
    fn from(path: PathBuf) -> Self {
        Self { config: Some(path) }
    }
}
