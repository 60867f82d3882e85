//! Structured logs on standard error.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The variables that say what is logged, the first that is set counts; see `tracing_subscriber::EnvFilter`.
const VARIABLES: [&str; 2] = ["TRAILBRAKE_LOG", "RUST_LOG"];
const DEFAULT_FILTER: &str = "info";

/// Starts logging, as text or as JSON lines. The first call counts.
pub fn start(json: bool) {
    let (filter, mistake) = filter(VARIABLES.iter().find_map(|name| Some((*name, std::env::var(name).ok()?))));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(Escaped(io::stderr));
    let started = if json { builder.json().flatten_event(true).try_init() } else { builder.try_init() };
    if let (Ok(()), Some(mistake)) = (started, mistake) {
        tracing::warn!("{mistake}");
    }
}

/// Parts what an error says from its hint, which is a field of its own in a log.
pub fn parted(said: &str) -> (&str, Option<&str>) {
    match said.split_once("\nhint: ") {
        Some((what, hint)) => (what, Some(hint)),
        None => (said, None),
    }
}

fn filter(wanted: Option<(&str, String)>) -> (EnvFilter, Option<String>) {
    let Some((name, text)) = wanted else { return (EnvFilter::new(DEFAULT_FILTER), None) };
    match EnvFilter::try_new(&text) {
        Ok(filter) => (filter, None),
        Err(error) => {
            let mistake = format!("{name} is no filter, {DEFAULT_FILTER} stands in: {error}");
            (EnvFilter::new(DEFAULT_FILTER), Some(mistake))
        }
    }
}

/// Escapes what could move a reader's terminal or forge a line: values stem from events, and so from attackers.
///
/// The subscriber escapes some values by itself and not others (those recorded by `%`), so it is done for whole lines.
struct Escaped<M>(M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Escaped<M> {
    type Writer = EscapedWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        EscapedWriter(self.0.make_writer())
    }
}

struct EscapedWriter<W>(W);

impl<W: Write> Write for EscapedWriter<W> {
    /// The subscriber writes each event at once, with its line's end.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = match text.strip_suffix('\n') {
            Some(text) => (text, "\n"),
            None => (text.as_ref(), ""),
        };
        self.0.write_all(format!("{}{end}", escape(text)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes control characters, and invisible ones that reorder text, in the form that JSON has for them too.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            character if character.is_control() => escaped.push_str(&format!("\\u{:04x}", u32::from(character))),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("whole").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const HOSTILE: &str = "a\u{1b}[2J\nINFO forged \u{9b}\u{202e}\r\u{7f}ä\\";

    fn logged(json: bool) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let builder = tracing_subscriber::fmt().with_ansi(false).with_writer(Escaped(move || writer.clone()));
        let log = || tracing::info!(shown = %HOSTILE, debugged = ?HOSTILE, text = HOSTILE, "message {HOSTILE}");
        if json {
            tracing::subscriber::with_default(builder.json().flatten_event(true).finish(), log);
        } else {
            tracing::subscriber::with_default(builder.finish(), log);
        }
        let bytes = kept.0.lock().expect("whole").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn values_cannot_move_the_terminal_or_forge_lines() {
        for json in [false, true] {
            let text = logged(json);
            let line = text.strip_suffix('\n').expect("a whole line");
            assert!(!line.contains(|character: char| character.is_control() || character == '\u{202e}'), "{text:?}");
            assert!(line.contains('ä'));
        }
    }

    #[test]
    fn a_hint_is_a_field_of_its_own() {
        assert_eq!(parted("it is broken: x\nhint: mend it"), ("it is broken: x", Some("mend it")));
        assert_eq!(parted("it is broken"), ("it is broken", None));
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(Escaped(move || writer.clone())).finish();
        let problem = |hint: &str| crate::config::Problem {
            origin: "a.toml".to_owned(),
            line: Some(7),
            path: "receivers".to_owned(),
            what: "nobody is told".to_owned(),
            hint: hint.to_owned(),
        };
        tracing::subscriber::with_default(subscriber, || {
            problem("name one").warn();
            problem("").warn();
        });
        let text = String::from_utf8(kept.0.lock().expect("whole").clone()).expect("UTF-8");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with("configuration: a.toml:7: receivers: nobody is told hint=\"name one\""), "{text}");
        assert!(lines[1].ends_with("configuration: a.toml:7: receivers: nobody is told"), "{text}");
        assert_eq!(lines.len(), 2, "{text}");
    }

    #[test]
    fn json_stays_json_and_keeps_the_value() {
        let event: serde_json::Value = serde_json::from_str(&logged(true)).expect("JSON");
        assert_eq!(event["text"], HOSTILE);
        assert_eq!(event["shown"], HOSTILE);
        assert_eq!(event["level"], "INFO");
    }

    #[test]
    fn a_wrong_filter_is_said_and_does_not_silence() {
        let (filter, mistake) = super::filter(Some(("TRAILBRAKE_LOG", "trailbrake=loud".to_owned())));
        assert_eq!(filter.to_string(), "info");
        assert!(mistake.is_some_and(|mistake| mistake.starts_with("TRAILBRAKE_LOG is no filter")));
        let (filter, mistake) = super::filter(Some(("RUST_LOG", "trailbrake=debug".to_owned())));
        assert_eq!((filter.to_string().as_str(), mistake), ("trailbrake=debug", None));
    }
}
