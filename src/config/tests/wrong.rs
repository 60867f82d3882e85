//! What is wrong is said with its place and a way out.

use super::*;

/// Each text is followed by a source; what is said about it is compared whole.
const WRONG: &[(&str, &str)] = &[
    (
        "mode = \"observe\"",
        "x:1: mode: unknown key `mode`\n\
         hint: known are deployment, state_directory, journal, http, metrics, log, decode, catalog, inventory, weights, detectors, brake, tokens, sources, receivers, routes, act",
    ),
    (
        "deployment = ",
        "x:1: deployment: no valid TOML: string values must be quoted\n\
         hint: expected literal string",
    ),
    // What is wrong with the text itself is said once for each line, and nothing else is: the rest may be right.
    (
        "mode = 7\n[detectors.zone-spread]\nzones_high = 3.x",
        "x:3: zones_high: no valid TOML: invalid fraction\n\
         hint: expected digits",
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
        "[detectors.zone-spread]\nzones_high = { weight = 6 }\nzones_critical = { places = 4 }\nregions_high = {}",
        "x:2: detectors.zone-spread.zones_high: `places` is missing\n\
         hint: write both, as in the default { places = 2, weight = 5.0 }, or \"never\"\n\
         x:3: detectors.zone-spread.zones_critical: `weight` is missing\n\
         hint: write both, as in the default { places = 3, weight = 8.0 }, or \"never\"\n\
         x:4: detectors.zone-spread.regions_high: `places` and `weight` are missing\n\
         hint: write both, as in the default { places = 2, weight = 5.0 }, or \"never\"",
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
    ("sources = 7", "x:2: no valid TOML: cannot extend value of type integer with a dotted key"),
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
