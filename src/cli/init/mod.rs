//! `trailbrake init`: a first configuration that explains itself.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::terminal::escape;
use super::{Exit, UsageError};

/// The configuration, with places for its own path and its directory.
const FIRST: &str = include_str!("first.toml");

/// Writes a first configuration that explains itself: valid as it stands, it takes events over HTTP and pauses nobody.
///
/// Only its owner may read the file. One that is there already is kept unless `--force` is given.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  trailbrake init --config trailbrake.toml
  trailbrake check --config trailbrake.toml")]
pub(super) struct Arguments {
    /// The file to write.
    #[arg(long, value_name = "FILE", default_value = "trailbrake.toml")]
    config: PathBuf,

    /// Replaces a file that is there already.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let path = &arguments.config;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = directory.canonicalize().map_err(|error| {
        UsageError(format!(
            "no such directory: {}: {error}\nhint: make it first",
            escape(&directory.display().to_string())
        ))
    })?;
    let text = first(path, &directory)?;
    // Written beside it and then put in its place: nobody ever reads half of it. Such a file is its owner's alone.
    let mut file = tempfile::NamedTempFile::new_in(&directory)
        .with_context(|| format!("cannot write to {}", directory.display()))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    let persisted = if arguments.force { file.persist(path) } else { file.persist_noclobber(path) };
    let shown = escape(&path.display().to_string());
    match persisted {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
            return Err(UsageError(format!("exists already: {shown}\nhint: --force replaces it")).into());
        }
        Err(error) => return Err(error.error).with_context(|| format!("cannot write {shown}")),
    }
    writeln!(out, "{shown}: written")?;
    writeln!(std::io::stderr(), "hint: read it, then: trailbrake check --config {shown}")?;
    Ok(Exit::Fine)
}

fn first(path: &Path, directory: &Path) -> anyhow::Result<String> {
    let state = directory.to_str().with_context(|| {
        format!("not a path that a configuration can hold: {}\nhint: choose one in UTF-8", directory.display())
    })?;
    // A path is shown in comments, where a line's end would end the comment.
    let file = escape(&path.display().to_string());
    Ok(FIRST.replace("@FILE@", &file).replace("@STATE@", &toml::Value::from(state).to_string()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use trailbrake_detectors::scenario;
    use trailbrake_detectors::time::Second;

    use super::*;
    use crate::config::{JournalKind, load};

    fn init(path: &Path, force: bool) -> anyhow::Result<Exit> {
        run(&Arguments { config: path.to_owned(), force }, &mut Vec::new())
    }

    #[test]
    fn what_is_written_is_valid_and_its_owners_alone_and_is_not_overwritten() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("trailbrake \"quoted\"\n.toml");
        assert_eq!(init(&path, false).expect("written"), Exit::Fine);
        assert_eq!(std::fs::metadata(&path).expect("a file").mode() & 0o7777, 0o600);
        let config = load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.warnings.len(), 1, "nobody is told yet: {:?}", config.warnings);
        assert!(
            matches!(&config.journal, JournalKind::Sqlite(file) if file.starts_with(directory.path().canonicalize().expect("there")))
        );
        let (exit, out) = check(&path);
        assert_eq!(exit, Exit::Fine, "{out}");
        assert!(out.contains("http, only pages"), "{out}");

        std::fs::write(&path, "mine").expect("writable");
        let error = init(&path, false).expect_err("refused");
        assert!(error.is::<UsageError>() && error.to_string().contains("--force"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("kept"), "mine");
        init(&path, true).expect("replaced");
        load(&path).unwrap_or_else(|error| panic!("{error}"));
        let left = std::fs::read_dir(directory.path()).expect("a directory").count();
        assert_eq!(left, 1, "nothing else is left there");
        assert!(
            init(&directory.path().join("nowhere/trailbrake.toml"), false).expect_err("refused").is::<UsageError>()
        );
    }

    #[test]
    fn the_trail_that_it_says_to_send_is_over_by_then() {
        let (_, rest) = FIRST.split_once("simulate ").expect("a recipe");
        let (scenario, rest) = rest.split_once(" --seed 7 --start $(date -u -d '").expect("a recipe");
        let (minutes, _) = rest.split_once(" minutes ago'").expect("a recipe");
        let minutes: i64 = minutes.parse().expect("a number");
        let start = Second::parse("2026-01-05T09:00:00Z").expect("a time");
        let records = scenario::stream(scenario, &scenario::Options::new(7, start)).expect("a scenario");
        let last = records.map(|record| record.time).max().expect("records");
        assert!(last < start.plus(minutes * 60), "it goes on until {last}");
    }

    fn check(path: &Path) -> (Exit, String) {
        let mut out = Vec::new();
        let arguments = ["trailbrake".into(), "check".into(), "--config".into(), path.as_os_str().to_owned()];
        let exit = super::super::run(arguments, &mut out);
        (exit, String::from_utf8(out).expect("text"))
    }

    /// Whoever removes a "#" must not find that the example is wrong.
    #[test]
    fn every_example_in_it_is_valid() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (name, secret) in [
            ("pagerduty-routing-key", "0123456789abcdef0123456789abcdef"),
            ("slack-url", "https://hooks.slack.com/services/T0/B0/x"),
        ] {
            let path = directory.path().join(name);
            std::fs::write(&path, secret).expect("writable");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
        }
        let is_example =
            |line: &str| line.starts_with('#') && line[1..].starts_with(|c: char| c == '[' || c.is_lowercase());
        let text = FIRST
            .replace("@STATE@", "\"/tmp\"")
            .replace("/etc/trailbrake/secrets", &directory.path().display().to_string());
        assert_eq!(text.matches("@FILE@").count(), 3);
        let text: Vec<&str> = text.lines().map(|line| if is_example(line) { &line[1..] } else { line }).collect();
        let config = crate::config::parse(&text.join("\n"), "first").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((config.sources.len(), config.receivers.len(), config.act.is_some()), (4, 3, true));
        assert_eq!(config.settings.limits, trailbrake_detectors::detector::Limits::default(), "examples are defaults");
    }
}
