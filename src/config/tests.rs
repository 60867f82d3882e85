//! What a configuration may say, and what is said about one that is wrong.

use trailbrake_detectors::engine::Mode;

use super::*;

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
        .filter(|receiver| receiver.routes.lead_to(&receiver.name, &situation))
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
                [detectors.zone-spread]\nzones_critical = { places = 4 }\nregions_high = \"never\"\nregions_critical = \"never\"\n\
                [detectors.denied-destruction]\ncalls.low = 3\n";
    let config = parse(&format!("{text}{SOURCE}"), "x").unwrap_or_else(|error| panic!("{error}"));
    let mut expected = Limits::default();
    expected.weights.holds_state = 5_000;
    expected.deletion_burst.five_minutes.high = Some(7_500);
    expected.deletion_burst.five_minutes.critical = None;
    expected.zone_spread.zones_critical = Some(Spread { places: 4, weight: 8_000 });
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

/// Each text is followed by a source; what is said about it is compared whole.
const WRONG: &[(&str, &str)] = &[
    (
        "mode = \"observe\"",
        "x:1: mode: unknown key `mode`\n\
         hint: known are deployment, state_directory, journal, http, metrics, log, decode, catalog, inventory, weights, detectors, brake, tokens, sources, receivers, routes, act",
    ),
    (
        "deployment = ",
        "x:1: string values must be quoted\n\
         hint: expected literal string\n\
         x:1: deployment: must not be empty",
    ),
    ("deployment = \"\"", "x:1: deployment: must not be empty"),
    (
        "[http]\nlisten = \"localhost\"",
        "x:2: http.listen: invalid socket address syntax\n\
         hint: write an address and a port: 127.0.0.1:8080",
    ),
    (
        "[http]\nlisten = \"127.0.0.1:9464\"",
        "x: metrics.listen: 127.0.0.1:9464 is taken by http.listen\n\
         hint: give metrics and health a port of their own",
    ),
    (
        "[http]\nlisten = \"192.0.2.1:8080\"",
        "x:2: http.listen: tokens would cross the network in the open: 192.0.2.1:8080\n\
         hint: set http.tls = { certificate = \"…\", key = \"…\" }, listen on loopback behind a proxy that speaks TLS, or say http.allow_plaintext = true where the network itself is encrypted",
    ),
    (
        "[http]\ntls = { certificate = \"a.pem\" }",
        "x:2: http.tls: missing field `key`\n\
         hint: deploy/trailbrake.example.toml shows every key",
    ),
    (
        "[brake]\nmode = \"warn\"",
        "x:2: brake.mode: unknown variant `warn`\n\
         hint: expected `observe` or `enforce`",
    ),
    (
        "[brake]\nmode = \"enforce\"",
        "x:1: brake: enforce needs a way to pause\n\
         hint: write [act.aws_iam] or [act.webhook], or stay in observe\n\
         x:1: brake: enforce needs a reviewer who can resume\n\
         hint: make a token for each reviewer: trailbrake token create NAME --role read --role review --config FILE",
    ),
    (
        "[brake]\nmod = \"observe\"\n[http]\npublic_url = 7",
        "x:2: brake: unknown field `mod`\n\
         hint: did you mean `mode`? expected one of `mode`, `exceptions`, `protected`, `pauses_per_hour_account`, `pauses_per_hour_total`, `reviewers_to_resume_critical`\n\
         x:4: http.public_url: invalid type: integer `7`\n\
         hint: expected a string",
    ),
    (
        "[brake]\nprotected = [\"admin\", \"arn:aws:iam::123456789012:role/*\"]\npauses_per_hour_total = 0",
        "x:2: brake.protected[0]: no exact ARN or unique id: admin\n\
         hint: write the whole ARN (arn:aws:iam::123456789012:role/name) or the unique id (AROA…, AIDA…); wildcards are not known\n\
         x:2: brake.protected[1]: no exact ARN or unique id: arn:aws:iam::123456789012:role/*\n\
         hint: write the whole ARN (arn:aws:iam::123456789012:role/name) or the unique id (AROA…, AIDA…); wildcards are not known\n\
         x:3: brake.pauses_per_hour_total: 0 is out of bounds\n\
         hint: from 1 to 1000",
    ),
    (
        "[[brake.exceptions]]\nmode = \"observe\"\n[[brake.exceptions]]\nmode = \"observe\"\naccount = \"42\"\ndetector = \"zone-sprad\"",
        "x:1: brake.exceptions[0]: an exception without a condition hides `brake.mode`\n\
         hint: name an account, a detector or both\n\
         x:5: brake.exceptions[1].account: no AWS account: 42\n\
         hint: twelve digits, in quotes\n\
         x:6: brake.exceptions[1].detector: no detector: zone-sprad\n\
         hint: known are blind, delete-recreate, deletion-burst, denied-destruction, guard-removal, zone-spread",
    ),
    (
        "[detectors.zone-sprad]\n[detectors.deletion-burst]\nfive_minute = {}\n[weights]\nsmal = 1",
        "x:1: detectors.zone-sprad: no detector with limits: zone-sprad\n\
         hint: did you mean `zone-spread`? known are delete-recreate, deletion-burst, denied-destruction, guard-removal, zone-spread\n\
         x:3: detectors.deletion-burst: unknown field `five_minute`\n\
         hint: did you mean `five_minutes`? expected one of `five_minutes`, `hour`, `resources`, `resources_full`\n\
         x:5: weights: unknown field `smal`\n\
         hint: did you mean `small`? expected one of `holds_state`, `serves_traffic`, `small`, `copy`, `usually_unused`, `lessened_share`, `own_young_max`, `copies_max`, `usually_unused_max`",
    ),
    (
        "[weights]\nsmall = -1\nlessened_share = 1.5\n[detectors.deletion-burst]\nfive_minutes = { low = 3, medium = nan }\nhour = { high = 50 }\nresources = { low = 2.5 }",
        "x:2: weights.small: -1 is out of bounds\n\
         hint: from 0.001 to 1000000\n\
         x:3: weights.lessened_share: 1.5 is out of bounds\n\
         hint: a share, from 0.001 to 1\n\
         x:5: detectors.deletion-burst.five_minutes.medium: NaN is out of bounds\n\
         hint: from 0.001 to 1000000\n\
         x:6: detectors.deletion-burst.hour.high: high (50) is above critical (30)\n\
         hint: raise critical, lower high, or write high = \"never\"\n\
         x:7: detectors.deletion-burst.resources.low: 2.5 is no whole number\n\
         hint: this limit counts resources or calls",
    ),
    (
        "[detectors.zone-spread]\nzones_high = { places = 0, weight = 20 }\n[detectors.delete-recreate]\nkinds = 0\nreturned.high = \"often\"",
        "x:2: detectors.zone-spread.zones_high.places: 0 is out of bounds\n\
         hint: from 2 to 100\n\
         x:2: detectors.zone-spread.zones_high: zones_high asks for more than zones_critical\n\
         hint: raise zones_critical, or lower zones_high, in places and weight\n\
         x:5: detectors.delete-recreate.returned.high: invalid value: string \"often\"\n\
         hint: expected a number, or \"never\"",
    ),
    (
        "[detectors.zone-spread]\nzones_high = 3\n[detectors.deletion-burst]\nhour = 7\nresources = { hihg = 3 }",
        "x:2: detectors.zone-spread.zones_high: invalid type: integer `3`\n\
         hint: expected { places = …, weight = … }, or \"never\"\n\
         x:4: detectors.deletion-burst.hour: invalid type: integer `7`\n\
         hint: expected { low = …, medium = …, high = …, critical = … }, or some of these",
    ),
    (
        "[detectors]\nguard-removal = true\n[detectors.zone-spread]\nzones_critical = { plcaes = 3 }",
        "x:2: detectors.guard-removal: invalid type: boolean `true`\n\
         hint: expected a table, as in deploy/trailbrake.example.toml\n\
         x:4: detectors.zone-spread.zones_critical: unknown field `plcaes`\n\
         hint: did you mean `places`? expected `places` or `weight`",
    ),
    (
        "[catalog]\nfile = \"/nowhere/at/all\"",
        "x:2: catalog.file: catalog cannot be read: /nowhere/at/all: No such file or directory (os error 2)\n\
         hint: detectors/catalog/README.md says how one is written",
    ),
    (
        "[tokens.eve]\nroles = []\nsecret = \"plain\"",
        "x:3: tokens.eve.secret: no place of a secret\n\
         hint: expected { file = \"…\" } or { env = \"…\" }",
    ),
    (
        "[tokens.eve]\nroles = [\"root\"]\nsecret = { env = \"PATH\" }",
        "x:2: tokens.eve.roles: unknown variant `root`\n\
         hint: expected one of `ingest`, `read`, `review`, `gate`, `admin`",
    ),
    (
        "[tokens.eve]\nroles = []\nsecret = { env = \"PATH\" }\n[tokens.mallory]\nroles = [\"read\"]\nsecret = { env = \"PATH\" }",
        "x:2: tokens.eve.roles: a token without a role is of no use\n\
         hint: name some of ingest, read, review, gate, admin\n\
         x:6: tokens.mallory.secret: the same token as that of eve\n\
         hint: give each holder a token of their own",
    ),
    (
        "[tokens.eve]\nroles = [\"read\"]\nsecret = { file = \"/nowhere/at/all\" }",
        "x:3: tokens.eve.secret: secret file cannot be read: /nowhere/at/all: No such file or directory (os error 2)\n\
         hint: it must be there, filled, and readable by the daemon's user",
    ),
    (
        "sources = 7",
        "x:1: sources: expected a table, found integer\n\
         hint: write [sources.NAME]\n\
         x:2: cannot extend value of type integer with a dotted key\n\
         hint: deploy/trailbrake.example.toml shows every key\n\
         x:2: cannot extend value of type integer with a dotted key\n\
         hint: deploy/trailbrake.example.toml shows every key",
    ),
    (
        "[sources.a]",
        "x:1: sources.a: expected exactly one kind of source, found 0\n\
         hint: name one of kinesis, kafka, cloudtrail, file, stdin, http",
    ),
    (
        "[sources.a]\nkinesis = { stream = \"s\", region = \"r\" }\nhttp = {}",
        "x:1: sources.a: expected exactly one kind of source, found 2\n\
         hint: name one of kinesis, kafka, cloudtrail, file, stdin, http",
    ),
    (
        "[sources.a.kinesis]\nstream = \"\"\npoll_interval_milliseconds = 1",
        "x:1: sources.a.kinesis: missing field `region`\n\
         hint: deploy/trailbrake.example.toml shows every key",
    ),
    (
        "[sources.a.kinesis]\nstream = \"s\"\nregion = \"r\"\nendpoint = \"http://kinesis.example\"\npoll_interval_seconds = 1",
        "x:5: sources.a.kinesis: unknown field `poll_interval_seconds`\n\
         hint: did you mean `poll_interval_milliseconds`? expected one of `stream`, `region`, `endpoint`, `start`, `poll_interval_milliseconds`",
    ),
    (
        "[sources.a]\nstdin = {}\naccounts = [\"1234\"]",
        "x:3: sources.a.accounts[0]: no AWS account: 1234\n\
         hint: twelve digits, in quotes\n\
         x:4: sources.input: there can be only one source of this kind\n\
         hint: remove one of them",
    ),
    (
        "[sources.a.kafka]\nbrokers = []\ntopic = \"t\"\nproperties = { \"sasl.password\" = \"p\" }",
        "x:2: sources.a.kafka.brokers: expected at least one broker\n\
         hint: write [\"host:9092\"]\n\
         x:4: sources.a.kafka.properties: `sasl.password` is a secret and must not stand here\n\
         hint: write { file = \"…\" } or { env = \"…\" }",
    ),
    (
        "[receivers.a.pager]",
        "x:1: receivers.a: unknown variant `pager`\n\
         hint: did you mean `pagerduty`? expected one of `alertmanager`, `pagerduty`, `slack`, `webhook`",
    ),
    (
        "[receivers.a]\nalertmanager = { urls = [] }\npagerduty = { routing_key = { env = \"PATH\" } }",
        "x:1: receivers.a: wanted exactly 1 element, more than 1 element\n\
         hint: write exactly one kind",
    ),
    (
        "[receivers.a.slack]\nurl = \"https://hooks.slack.com/services/T0/B0/secret\"",
        "x:2: receivers.a.url: no place of a secret\n\
         hint: expected { file = \"…\" } or { env = \"…\" }",
    ),
    (
        "[receivers.a.slack]\nurl = { env = \"PATH\" }\nmessages_per_minute = 0",
        "x:2: receivers.a.slack.url: no web address: relative URL without a base\n\
         hint: it is the whole URL of an incoming webhook, https://hooks.slack.com/services/…\n\
         x:3: receivers.a.slack.messages_per_minute: 0 is out of bounds\n\
         hint: from 1 to 6000",
    ),
    (
        "[receivers.a.webhook]\nurl = \"http://host.example/\"\nsecret = { env = \"PATH\" }\nsource = \"two words\"",
        "x:2: receivers.a.webhook.url: http is allowed on loopback addresses only\n\
         hint: write it as https://host/path\n\
         x:3: receivers.a.webhook.secret: secret does not begin with whsec_\n\
         hint: make one with: echo \"whsec_$(openssl rand -base64 32)\"\n\
         x:4: receivers.a.webhook.source: no URI reference\n\
         hint: write it as urn:example:production or https://host/path",
    ),
    (
        "[receivers.a.alertmanager]\nurls = [\"http://127.0.0.1:9093\"]\n[[routes]]\nseverity = \"medium\"\naccounts = [\"7\"]\ndetectors = [\"zone-sprad\"]\nreceivers = [\"b\"]\n[[routes]]\nreceivers = []",
        "x:4: routes[0].severity: nobody is told of what is only medium\n\
         hint: write high or critical\n\
         x:5: routes[0].accounts[0]: no AWS account: 7\n\
         hint: twelve digits, in quotes\n\
         x:6: routes[0].detectors[0]: no detector: zone-sprad\n\
         hint: did you mean `zone-spread`? known are blind, delete-recreate, deletion-burst, denied-destruction, guard-removal, zone-spread\n\
         x:7: routes[0].receivers[0]: no receiver: b\n\
         hint: known are a\n\
         x:9: routes[1].receivers: a route without receivers would silence what pages\n\
         hint: name one; who is paged too often raises the detector's limit",
    ),
    (
        "[[routes]]\nseverity = \"worst\"\nreceivers = []",
        "x:2: routes.severity: unknown variant `worst`\n\
         hint: expected one of `info`, `low`, `medium`, `high`, `critical`",
    ),
    (
        "[receivers.a.alertmanager]\nurls = []",
        "x:2: receivers.a.alertmanager.urls: 0 is out of bounds\n\
         hint: from 1 to 16",
    ),
    (
        "[receivers.a.pagerduty]\nrouting_key = { env = \"HOME\" }\nendpoint = \"http://events.example\"",
        "x:3: receivers.a.pagerduty.endpoint: http is allowed on loopback addresses only\n\
         hint: write it as https://host/path",
    ),
    (
        "[act]",
        "x:1: act: expected exactly one hook\n\
         hint: write [act.aws_iam] or [act.webhook]",
    ),
    (
        "[act.webhook]\nurl = \"ftp://x\"\nsecret = { env = \"PATH\" }",
        "x:2: act.webhook.url: expected http or https, found ftp\n\
         hint: write it as https://host/path",
    ),
    (
        "[act]\nsocket = \"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss\"\n[act.aws_iam]",
        "x:2: act.socket: socket path is longer than 107 bytes: ./ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss\n\
         hint: name a shorter path, in a directory that only this user can enter",
    ),
];
#[test]
fn what_is_wrong_is_said_with_its_place_and_a_way_out() {
    for (text, said) in WRONG {
        let Err(error) = parse(&format!("{text}\n{SOURCE}"), "x") else { panic!("nothing is wrong with {text}") };
        assert_eq!(&error.to_string(), said, "\n{text}");
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
