//! What a configuration may say, and what is said about one that is wrong.

use trailbrake_detectors::engine::Mode;

use super::*;

const EXAMPLE: &str = include_str!("../../deploy/trailbrake.example.toml");
const SOURCE: &str = "[sources.input.stdin]\n";

/// The example, with its secrets in a directory that exists.
fn example(directory: &std::path::Path) -> String {
    for name in
        ["token-alice", "token-bob", "token-forwarder", "kafka-password", "pagerduty-routing-key", "webhook-secret"]
    {
        let path = directory.join(name);
        std::fs::write(&path, format!("a secret that is long enough for {name}\n")).expect("written");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    }
    EXAMPLE.replace("/etc/trailbrake/secrets", directory.to_str().expect("a path"))
}

/// Turns `#key = value` into a key, and `[act.aws_iam]` into the other hook.
fn with_optional_keys(text: &str) -> String {
    let without_iam: String = match (text.find("[act.aws_iam]"), text.find("# Or tells a program")) {
        (Some(start), Some(end)) => format!("{}{}", &text[..start], &text[end..]),
        _ => panic!("the example has changed its last sections"),
    };
    let is_key = |line: &str| line.starts_with('#') && line[1..].starts_with(|c: char| c == '[' || c.is_lowercase());
    without_iam.lines().map(|line| if is_key(line) { &line[1..] } else { line }).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_loads_with_and_without_its_optional_keys() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let text = example(directory.path());
    let path = directory.path().join("trailbrake.toml");
    std::fs::write(&path, &text).expect("written");
    let config = load(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.warnings, []);
    assert_eq!((config.sources.len(), config.receivers.len(), config.tokens.len()), (6, 2, 3));
    assert_eq!(config.journal, JournalKind::Sqlite("/var/lib/trailbrake/trailbrake.sqlite".into()));
    assert!(matches!(config.act.map(|act| act.hook), Some(HookKind::AwsIam { .. })));

    let config = parse(&with_optional_keys(&text), "example").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.public_url.as_deref(), Some("https://trailbrake.example.com"));
    assert_eq!(config.decode_threads, 2);
    assert!(matches!(config.act.map(|act| act.hook), Some(HookKind::Webhook { .. })));
}

/// An unknown key makes serde list the known ones: each of them must be in the example's section.
#[test]
fn the_example_shows_every_key() {
    let sections = [
        "http",
        "metrics",
        "log",
        "decode",
        "brake",
        "tokens.alice",
        "sources.stream",
        "sources.stream.kinesis",
        "sources.topic.kafka",
        "sources.lookup.cloudtrail",
        "sources.records.file",
        "receivers.oncall",
        "receivers.oncall.pagerduty",
        "receivers.alerts.alertmanager",
        "act",
        "act.aws_iam",
        "act.webhook",
    ];
    let mut seen = 0;
    for section in sections {
        let Err(error) = parse(&format!("[{section}]\nno_such_key = 1\n"), "x") else {
            panic!("{section} takes any key")
        };
        let text = error.to_string();
        let known = text.split("hint: expected ").nth(1).and_then(|known| known.lines().next());
        for key in known.unwrap_or_else(|| panic!("{section}: {text}")).split('`').skip(1).step_by(2) {
            let shown = [format!("\n{key} = "), format!("\n#{key} = "), format!(".{key}]"), format!(".{key}]]")];
            assert!(shown.iter().any(|shown| EXAMPLE.contains(shown)), "{section}.{key} is not in the example");
            seen += 1;
        }
    }
    for key in raw::SECTIONS {
        let shown = [format!("\n{key} = "), format!("\n[{key}"), format!("\n[[{key}.")];
        assert!(shown.iter().any(|shown| EXAMPLE.contains(shown)), "{key} is not in the example");
    }
    assert!(seen > 45, "only {seen} keys were looked for");
}

#[test]
fn a_source_is_all_that_must_be_written() {
    let config = parse(SOURCE, "x").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.settings.brake, trailbrake_detectors::engine::BrakeSettings::default());
    assert_eq!(config.settings.brake.mode, Mode::Observe);
    assert_eq!(config.settings.quiet_limits["input"], 60);
    assert_eq!(config.journal, JournalKind::Sqlite("./trailbrake.sqlite".into()));
    assert_eq!(
        (config.http.to_string(), config.metrics.to_string()),
        ("127.0.0.1:8080".into(), "127.0.0.1:9464".into())
    );
    assert!(config.act.is_none() && config.decode_threads >= 1 && !config.sources[0].terms.may_pause);
    let warnings: Vec<String> = config.warnings.iter().map(Problem::to_string).collect();
    assert_eq!(
        warnings,
        ["x: receivers: nobody is told about incidents\nhint: name a receiver: [receivers.oncall.pagerduty] or \
          [receivers.alerts.alertmanager]"]
    );
}

#[test]
fn only_what_aws_alone_can_write_may_pause_by_itself() {
    for (kind, may_pause) in [
        ("kinesis = { stream = \"s\", region = \"r\" }", true),
        ("cloudtrail = { region = \"r\" }", true),
        ("kafka = { brokers = [\"a:9092\"], topic = \"t\" }", false),
        ("file = { path = \"f\" }", false),
        ("stdin = {}", false),
        ("http = {}", false),
    ] {
        let config = parse(&format!("[sources.a]\n{kind}\n"), "x").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.sources[0].terms.may_pause, may_pause, "{kind}");
        let config = parse(&format!("[sources.a]\nmay_pause = true\n{kind}\n"), "x").expect("right");
        assert!(config.sources[0].terms.may_pause);
        assert_eq!(config.warnings.len(), 1 + usize::from(!may_pause), "{kind}");
    }
}

/// Each text is followed by a source; what is said about it is compared whole.
const WRONG: &[(&str, &str)] = &[("mode = ", "x:1: invalid")];

#[test]
fn what_is_wrong_is_said_with_its_place_and_a_way_out() {
    for (text, said) in WRONG {
        let Err(error) = parse(&format!("{text}\n{SOURCE}"), "x") else { panic!("nothing is wrong with {text}") };
        assert_eq!(&error.to_string(), said, "\n{text}");
    }
}
