//! Secrets: named in the configuration, kept in a file or in the environment, never shown.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::limits::SECRET_BYTES_MAX;

/// A secret from a file or the environment. Never shown.
///
/// In the configuration it is `{ file = "…" }` or `{ env = "…" }`; reading the configuration reads the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    value: String,
    /// The file that it came from, if others than its owner and group may read that file.
    exposed_in: Option<PathBuf>,
}

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: String) -> Self {
        Self { value: secret, exposed_in: None }
    }

    /// The secret itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// The file that it came from, if every user of the machine may read that file.
    pub fn exposed_in(&self) -> Option<&Path> {
        self.exposed_in.as_deref()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<secret>")
    }
}

/// Where a secret is kept.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    File(PathBuf),
    Env(String),
}

impl Place {
    fn fetch(self) -> Result<Secret, String> {
        let (mut value, exposed_in) = match self {
            Self::File(path) => {
                let file = std::fs::File::open(&path)
                    .map_err(|error| format!("secret file cannot be read: {}: {error}", path.display()))?;
                let exposed = is_readable_by_all(&file).then(|| path.clone());
                let mut value = String::new();
                file.take(SECRET_BYTES_MAX as u64 + 1)
                    .read_to_string(&mut value)
                    .map_err(|error| format!("secret file cannot be read: {}: {error}", path.display()))?;
                (value, exposed)
            }
            Self::Env(name) => match std::env::var(&name) {
                Ok(value) => (value, None),
                Err(error) => return Err(format!("secret is not in the environment: {name}: {error}")),
            },
        };
        value.truncate(value.trim_end_matches(['\n', '\r']).len());
        match value.len() {
            0 => Err("secret is empty".to_owned()),
            length if length > SECRET_BYTES_MAX => Err(format!("secret is longer than {SECRET_BYTES_MAX} bytes")),
            _ => Ok(Secret { value, exposed_in }),
        }
    }
}

/// A secret that cannot be looked at for its permissions counts as well kept: reading it has its own error.
fn is_readable_by_all(file: &std::fs::File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o004 != 0)
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error beneath is left out: it would show what was written, and that may be the secret.
        let place = Place::deserialize(deserializer)
            .map_err(|_| D::Error::custom("no place of a secret, expected { file = \"…\" } or { env = \"…\" }"))?;
        place.fetch().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        secret: Secret,
    }

    fn read(place: &str) -> Result<Secret, String> {
        match toml::from_str::<Holder>(&format!("secret = {place}")) {
            Ok(holder) => Ok(holder.secret),
            Err(error) => Err(error.message().to_owned()),
        }
    }

    #[test]
    fn a_file_is_read_and_its_permissions_are_looked_at() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("secret");
        std::fs::write(&path, "s3cret\n").expect("written");
        for (mode, exposed) in [(0o600, false), (0o640, false), (0o644, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            let secret = read(&format!("{{ file = {path:?} }}")).expect("a secret");
            assert_eq!(secret.expose(), "s3cret");
            assert_eq!(secret.exposed_in().is_some(), exposed, "{mode:o}");
            assert_eq!(format!("{secret:?}"), "<secret>");
        }
        std::fs::write(&path, "\n").expect("written");
        assert_eq!(read(&format!("{{ file = {path:?} }}")), Err("secret is empty".to_owned()));
        std::fs::write(&path, "x".repeat(SECRET_BYTES_MAX + 1)).expect("written");
        assert!(read(&format!("{{ file = {path:?} }}")).is_err_and(|error| error.contains("longer than")));
    }

    #[test]
    fn the_environment_is_read() {
        assert_eq!(read("{ env = \"PATH\" }").expect("set").expose(), std::env::var("PATH").expect("set"));
        let missing = read("{ env = \"TRAILBRAKE_SURELY_NOT_SET\" }");
        assert!(missing.is_err_and(|error| error.starts_with("secret is not in the environment")));
    }

    #[test]
    fn a_secret_in_the_open_is_refused() {
        for place in ["\"s3cret\"", "{ plain = \"s3cret\" }", "{ file = \"a\", env = \"b\" }", "7"] {
            let error = read(place).expect_err("refused");
            assert!(error.starts_with("no place of a secret") && !error.contains("s3cret"), "{place}: {error}");
        }
    }
}
