//! What a configuration may say, and what is said about one that is wrong.

use trailbrake_detectors::engine::Mode;

use super::*;

mod wrong;

const EXAMPLE: &str = include_str!("../../deploy/trailbrake.example.toml");
const SOURCE: &str = "[sources.input.stdin]\n";

/// The example, with its secrets in a directory that exists.
fn example(directory: &std::path::Path) -> String {
    for name in [
        "token-alice",
        "token-bob",
        "token-forwarder",
        "kafka-password",
        "pagerduty-routing-key",
        "webhook-secret",
        "slack-url",
        "receiver-secret",
    ] {
        let path = directory.join(name);
        let secret = match name {
            "slack-url" => "https://hooks.slack.com/services/T0/B0/x".to_owned(),
            "receiver-secret" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            name => format!("a secret that is long enough for {name}"),
        };
        std::fs::write(&path, format!("{secret}\n")).expect("written");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    }
    let catalog = directory.join("catalog.txt");
    std::fs::write(&catalog, "# Nothing of our own.\n").expect("written");
    let directory = directory.to_str().expect("a path");
    let text = EXAMPLE.replace("/etc/trailbrake/secrets", directory);
    text.replace("\"catalog.txt\"", &format!("\"{}\"", catalog.display()))
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
    assert_eq!(config.settings.limits, trailbrake_detectors::detector::Limits::default(), "the defaults are shown");
    assert_eq!((config.sources.len(), config.receivers.len(), config.tokens.len()), (6, 4, 3));
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
        "catalog",
        "inventory",
        "weights",
        "detectors.deletion-burst",
        "detectors.zone-spread",
        "detectors.delete-recreate",
        "detectors.guard-removal",
        "detectors.denied-destruction",
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
        "receivers.chat.slack",
        "receivers.program.webhook",
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
        let shown = [format!("\n{key} = "), format!("\n[{key}"), format!("\n[[{key}")];
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
fn routes_lead_where_they_say_and_a_receiver_without_one_is_warned_of() {
    let text = "[receivers.a.alertmanager]\nurls = [\"http://127.0.0.1:9093\"]\n\
                [receivers.b.alertmanager]\nurls = [\"http://127.0.0.1:9093\"]\n\
                [[routes]]\naccounts = [\"123456789012\"]\nreceivers = [\"a\"]\n";
    let config = parse(&format!("{text}{SOURCE}"), "x").unwrap_or_else(|error| panic!("{error}"));
    let situation = crate::alert::example(trailbrake_detectors::engine::Change::Opened).situation;
    let told: Vec<&str> = config
        .receivers
        .iter()
        .filter(|receiver| config.routes.lead_to(&receiver.name, &situation))
        .map(|receiver| receiver.name.as_str())
        .collect();
    assert_eq!(told, ["a"]);
    let warnings: Vec<String> = config.warnings.iter().map(Problem::to_string).collect();
    assert_eq!(
        warnings,
        ["x:3: receivers.b: no route names this receiver: it is told only of what no route takes\n\
          hint: name it in a route, or remove it"]
    );
}

#[test]
fn limits_and_weights_that_are_written_hold_and_all_others_keep_their_defaults() {
    use trailbrake_detectors::detector::{Limits, Spread};
    let text = "[weights]\nholds_state = 5\n[detectors.deletion-burst]\nfive_minutes = { high = 7.5, critical = \"never\" }\n\
                [detectors.zone-spread]\nzones_critical = { places = 4, weight = 9 }\nregions_high = \"never\"\nregions_critical = \"never\"\n\
                [detectors.denied-destruction]\ncalls.low = 3\n";
    let config = parse(&format!("{text}{SOURCE}"), "x").unwrap_or_else(|error| panic!("{error}"));
    let mut expected = Limits::default();
    expected.weights.holds_state = 5_000;
    expected.deletion_burst.five_minutes.high = Some(7_500);
    expected.deletion_burst.five_minutes.critical = None;
    expected.zone_spread.zones_critical = Some(Spread { places: 4, weight: 9_000 });
    (expected.zone_spread.regions_high, expected.zone_spread.regions_critical) = (None, None);
    expected.denied_destruction.low = Some(3);
    assert_eq!(config.settings.limits, expected);
}

#[test]
fn a_catalog_of_ones_own_goes_over_the_built_in_and_its_mistakes_are_named_with_their_lines() {
    use trailbrake_detectors::catalog::{Catalog, Known};
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("own.txt");
    let text = format!("[catalog]\nfile = \"{}\"\n{SOURCE}", file.display());
    std::fs::write(&file, "own:Thing small regional\nown:DeleteThing destroy own:Thing id=request.name\n")
        .expect("written");
    let config = parse(&text, "x").unwrap_or_else(|error| panic!("{error}"));
    let catalog = config.catalog.expect("a catalog");
    assert!(matches!(catalog.lookup("own", "DeleteThing"), Known::Listed(_)));
    assert!(matches!(Catalog::built_in().lookup("own", "DeleteThing"), Known::Guessed(_)));
    std::fs::write(&file, "own:Thing small regional\nown:DeleteThing destroys own:Thing id=request.name\n")
        .expect("written");
    let error = parse(&text, "x").expect_err("wrong").to_string();
    let path = file.display();
    assert_eq!(
        error,
        format!(
            "{path}:2: unknown word: destroys\nhint: detectors/catalog/README.md has the words that a line is made of"
        )
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

#[test]
fn judging_a_trail_needs_no_source_and_running_does() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("trailbrake.toml");
    let said = |text: &str, load: fn(&std::path::Path) -> Result<Config, ConfigError>| {
        std::fs::write(&path, text).expect("written");
        let origin = format!("{}:", path.display());
        let unplaced = |text: String| text.replace(&origin, "").trim_start().to_owned();
        load(&path).map(|config| config.settings.limits.weights.small).map_err(|error| unplaced(error.to_string()))
    };
    let limits = "[weights]\nsmall = 0.5";
    assert_eq!(said(limits, load_for_judging), Ok(500));
    assert_eq!(
        said(limits, load),
        Err("sources: there is no source\nhint: write one, such as [sources.trail.kinesis] with stream and region"
            .to_owned())
    );
    for (wrong, expected) in [
        ("[sourcs.a.stdin]", "1: sourcs: "),
        ("[weights]\nsmal = 0.5", "2: weights"),
        ("[weights]\nsmall = -1", "2: weights.small: "),
        ("[sources.a.fax]", "1: sources.a: "),
    ] {
        let error = said(wrong, load_for_judging).expect_err(wrong);
        assert!(error.starts_with(expected) && error.contains("\nhint: "), "{wrong}: {error}");
    }
}
