//! Tests of the command line: what it takes, what it refuses, what it teaches.

use std::ffi::OsString;

use clap::CommandFactory;

use super::*;

mod words;

fn run_with(arguments: &[&str]) -> (Exit, String) {
    let mut out = Vec::new();
    let arguments = std::iter::once("trailbrake").chain(arguments.iter().copied()).map(OsString::from);
    let exit = run(arguments, &mut out);
    (exit, String::from_utf8(out).expect("text"))
}

#[test]
fn the_definition_is_consistent_and_every_command_has_an_example() {
    Arguments::command().debug_assert();
    for command in Arguments::command().get_subcommands() {
        let name = command.get_name();
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains(&format!("trailbrake {name}")), "{name} teaches nothing:\n{help}");
        assert!(command.get_about().is_some_and(|about| !about.to_string().is_empty()), "{name}");
    }
}

#[test]
fn wrong_usage_ends_with_two_and_failure_with_one() {
    for (arguments, exit) in [
        (vec!["--version"], Exit::Fine),
        (vec!["--help"], Exit::Fine),
        (vec![], Exit::Usage),
        (vec!["fly"], Exit::Usage),
        (vec!["run"], Exit::Usage),
        (vec!["run", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["act", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["check", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["check"], Exit::Usage),
        (vec!["init", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["incidents", "close", "tb-x"], Exit::Usage),
        (vec!["incidents", "confirm", "--reason", "x"], Exit::Usage),
        (vec!["check", "--catalog-facts", "/nowhere/facts.csv"], Exit::Failed),
        (vec!["detectors"], Exit::Fine),
        (vec!["detectors", "--format", "json"], Exit::Fine),
        (vec!["detectors", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["explain", "somebody"], Exit::Usage),
        (vec!["explain", "", "-"], Exit::Usage),
        (vec!["explain", "/", "somebody"], Exit::Usage),
        (vec!["replay", "--inventory", "/nowhere/inventory.json", "-"], Exit::Failed),
        (vec!["replay"], Exit::Usage),
        (vec!["replay", "/nowhere/trail.json"], Exit::Failed),
        (vec!["replay", "--config", "/nowhere/trailbrake.toml", "-"], Exit::Usage),
        (vec!["simulate", "--list"], Exit::Fine),
        (vec!["simulate", "agent-rebuild"], Exit::Usage),
        (vec!["simulate", "no-such-scenario", "--seed", "1"], Exit::Usage),
        (vec!["simulate", "no-such-scenario"], Exit::Usage),
        (vec!["simulate", "agent-rebuild", "--seed", "1", "--start", "yesterday"], Exit::Usage),
        (vec!["simulate", "agent-rebuild", "--seed", "1", "--shuffle", "600", "--duplicates", "30"], Exit::Fine),
        (vec!["simulate", "agent-rebuild", "--seed", "1", "--duplicates", "130"], Exit::Usage),
        (vec!["simulate", "agent-rebuild", "--seed", "1", "--principals", "5"], Exit::Usage),
        (vec!["simulate", "organisation", "--seed", "1", "--duration", "5m", "--inject", "zone-sweep"], Exit::Fine),
        (vec!["simulate", "organisation", "--seed", "1", "--duration", "a day"], Exit::Usage),
        (vec!["simulate", "organisation", "--seed", "1", "--inject", "autoscaling"], Exit::Usage),
        (vec!["simulate", "organisation", "--seed", "1", "--inject", "no-such-scenario"], Exit::Usage),
        (vec!["demo", "--seconds", "61"], Exit::Usage),
        (vec!["incidents"], Exit::Usage),
        (vec!["incidents", "resume", "tb-x"], Exit::Usage),
        (vec!["status", "--url", "no address"], Exit::Usage),
        (vec!["status", "--token-file", "/nowhere/token"], Exit::Usage),
        (vec!["alert"], Exit::Usage),
        (vec!["alert", "test"], Exit::Usage),
        (vec!["alert", "test", "oncall", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["audit"], Exit::Usage),
        (vec!["audit", "verify"], Exit::Usage),
        (vec!["audit", "verify", "--config", "a", "--journal", "b"], Exit::Usage),
        (vec!["audit", "verify", "--config", "/nowhere/trailbrake.toml"], Exit::Usage),
        (vec!["audit", "verify", "--journal", "/nowhere/trailbrake.sqlite"], Exit::Failed),
        (vec!["audit", "verify", "--journal", "/nowhere/trailbrake.sqlite", "--head", "12"], Exit::Usage),
        (vec!["iam-policy"], Exit::Usage),
        (vec!["iam-policy", "--deny", "some"], Exit::Usage),
        (vec!["iam-policy", "--hook-role"], Exit::Usage),
        (vec!["iam-policy", "--hook-role", "--account", "12"], Exit::Usage),
        (vec!["iam-policy", "--deny", "all", "--hook-role", "--account", "111122223333"], Exit::Usage),
        (vec!["iam-policy", "--deny", "all"], Exit::Fine),
        (vec!["iam-policy", "--hook-role", "--account", "111122223333"], Exit::Fine),
    ] {
        assert_eq!(run_with(&arguments).0, exit, "{arguments:?}");
    }
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = directory.path().join("trailbrake.toml");
    // Whoever makes tokens need not be able to read the daemon's secrets.
    let text = "[tokens.declared]\nroles = [\"read\"]\nsecret = { file = \"/nowhere\" }\n";
    std::fs::write(&config, text).expect("writable");
    let config = config.display().to_string();
    let token = |arguments: &[&str]| run_with(&[&["token", "--config", &config], arguments].concat());
    let arn = "arn:aws:iam::123456789012:user/alice";

    let (exit, made) = token(&["create", "alice", "--role", "read", "--role", "review", "--principal", arn]);
    assert_eq!(exit, Exit::Fine);
    let made = made.strip_suffix('\n').expect("a line");
    assert!(made.starts_with("tb_") && made.len() == 46, "{made}");
    for wrong in [
        vec!["create", "alice", "--role", "read"],
        vec!["create", "declared", "--role", "read"],
        vec!["create", "bob"],
        vec!["create", "bob", "--role", "root"],
        vec!["create", "b b", "--role", "read"],
        vec!["create", "bob", "--role", "review", "--principal", "arn:aws:iam::123456789012:user/*"],
        vec!["revoke", "declared"],
        vec!["revoke", "bob"],
    ] {
        assert_eq!(token(&wrong), (Exit::Usage, String::new()), "{wrong:?}");
    }
    let (_, listed) = token(&["list", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("one line");
    assert_eq!((&listed["name"], &listed["principals"][0]), (&"alice".into(), &arn.into()));
    assert_eq!(listed["roles"], serde_json::json!(["read", "review"]));
    assert!(listed.get("sha256").is_none() && listed["created_at"].as_str().is_some_and(|at| at.ends_with('Z')));
    let file = directory.path().join("tokens.json");
    let held = crate::token::Tokens::open(&[], file.clone()).expect("a token file");
    assert_eq!(held.find(made.as_bytes()).expect("is held").name, "alice");

    assert_eq!(token(&["revoke", "alice"]), (Exit::Fine, String::new()));
    assert!(matches!(held.look(), crate::token::Look::Taken { tokens: 0 }));
    assert!(held.find(made.as_bytes()).is_none());
    let (_, listed) = token(&["list"]);
    assert_eq!(listed.lines().count(), 1, "only the heading: {listed}");

    std::fs::write(&file, "{").expect("writable");
    assert_eq!(token(&["list"]).0, Exit::Failed);
    assert_eq!(token(&["create", "carol", "--role", "read"]).0, Exit::Failed);
    assert_eq!(run_with(&["token", "list", "--config", "/nowhere/trailbrake.toml"]).0, Exit::Usage);
}

#[test]
fn a_daemon_that_is_not_there_is_a_failure_with_a_hint() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let token = directory.path().join("token");
    std::fs::write(&token, "secret\n").expect("writable");
    let token = token.display().to_string();
    // Port 9 is discard: nothing listens there.
    let (exit, out) = run_with(&["status", "--url", "http://127.0.0.1:9", "--token-file", &token]);
    assert_eq!((exit, out.as_str()), (Exit::Failed, ""));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let first = run_with(&["simulate", "agent-rebuild", "--seed", "7"]);
    let again = run_with(&["simulate", "agent-rebuild", "--seed", "7"]);
    assert_eq!(first, again);
    assert_ne!(first, run_with(&["simulate", "agent-rebuild", "--seed", "8"]));
    assert!(first.1.lines().all(|line| line.starts_with('{')));
    let shuffled = run_with(&["simulate", "agent-rebuild", "--seed", "7", "--shuffle", "600"]);
    assert_ne!(first, shuffled);
    assert_eq!(first.1.lines().count(), shuffled.1.lines().count());
}

#[test]
fn a_scenario_that_is_none_is_told_first_and_with_the_nearest_name() {
    let said = Arguments::try_parse_from(["trailbrake", "simulate", "zonesweep"]).expect_err("no scenario").to_string();
    assert!(said.contains("invalid value 'zonesweep'") && said.contains("'zone-sweep'"), "{said}");
    let help = Arguments::command().find_subcommand_mut("simulate").expect("a command").render_help().to_string();
    assert!(!help.contains("possible values"), "{help}");
}

/// Whoever reads it goes away after some bytes.
struct Closing(usize);

impl Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure_in_any_format() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("trail.ndjson").display().to_string();
    std::fs::write(&path, run_with(&["simulate", "zone-sweep", "--seed", "7"]).1).expect("writable");
    let commands: [&[&str]; 4] = [
        &["replay", &path],
        &["replay", "--format", "json", &path],
        &["explain", "oskar", &path],
        &["explain", "--format", "json", "oskar", &path],
    ];
    for command in commands {
        let arguments = || std::iter::once(&"trailbrake").chain(command).map(OsString::from);
        assert_eq!(run(arguments(), &mut Closing(200)), Exit::Fine, "{command:?}");
        assert_eq!(run(arguments(), &mut Closing(usize::MAX)), Exit::Fine, "{command:?}");
    }
}

#[test]
fn nothing_that_was_read_is_no_all_clear() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let digest = r#"{"awsAccountId":"111122223333","digestS3Bucket":"b","digestS3Object":"o","logFiles":[]}"#;
    let read = r#"{"eventVersion":"1.08","userIdentity":{"type":"Root","arn":"arn:aws:iam::111122223333:root"},
        "eventTime":"2026-01-05T09:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeVpcs",
        "eventID":"e","readOnly":true,"awsRegion":"eu-west-1"}"#;
    for (name, text, exit) in [
        ("empty.json", "", Exit::Failed),
        ("foreign.json", "{}", Exit::Failed),
        ("digest.json", digest, Exit::Failed),
        ("read.json", read, Exit::Fine),
    ] {
        let path = directory.path().join(name).display().to_string();
        std::fs::write(&path, text).expect("writable");
        let said = if exit == Exit::Fine { "no incidents\n" } else { "" };
        assert_eq!(run_with(&["replay", &path]), (exit, said.to_owned()), "{name}");
        assert_eq!(run_with(&["replay", "--format", "json", &path]), (exit, String::new()), "{name}");
        let explained = if exit == Exit::Fine { Exit::Usage } else { Exit::Failed };
        assert_eq!(run_with(&["explain", "somebody", &path]), (explained, String::new()), "{name}");
    }
}

#[test]
fn whom_replay_names_is_explained_long_after_by_all_that_it_names() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("trail.ndjson").display().to_string();
    let (_, mut trail) = run_with(&["simulate", "zone-sweep", "--seed", "7"]);
    // Somebody else goes on for days, once every nine hours.
    for hours in [20, 29, 38, 47] {
        let start = format!("2026-01-{:02}T{:02}:00:00Z", 8 + hours / 24, hours % 24);
        trail.push_str(&run_with(&["simulate", "read-storm", "--seed", "1", "--start", &start]).1);
        trail.push_str(&run_with(&["simulate", "rolling-replace", "--seed", "1", "--start", &start]).1);
    }
    std::fs::write(&path, trail).expect("writable");
    let (_, found) = run_with(&["replay", "--format", "json", &path]);
    let worst = found.lines().find(|line| line.contains("\"severity_peak\":\"critical\"")).expect("an incident");
    let worst: serde_json::Value = serde_json::from_str(worst).expect("JSON");
    let id = worst["id"].as_str().expect("an id");
    let arn = worst["principal"]["arn"].as_str().expect("an ARN");
    let name = arn.rsplit('/').next().expect("a name");
    let mut told = Vec::new();
    for asked in [id, arn, name] {
        let (exit, text) = run_with(&["explain", asked, &path]);
        assert_eq!(exit, Exit::Fine, "{asked}");
        let long = text.lines().filter(|line| line.chars().count() > 100).collect::<Vec<_>>();
        assert!(long.is_empty(), "{long:?}");
        let (first, last) = (worst["first_event_time"].as_str(), worst["last_event_time"].as_str());
        let incident = format!("  critical  {id}  {} to {}\n", first.expect("a time"), last.expect("a time"));
        assert!(text.contains(&incident), "{text}");
        for said in [
            "    would have paged at 2026-01-08T10:10:20Z with 6 gone, paused at 2026-01-08T10:12:00Z with 8 gone\n",
            "    destroyed 30 resources of weight 30 by 30 calls\n      30 AWS::EC2::Instance  i-",
            " and 28 more\n",
            "\nzone-spread: high at 2026-01-08T10:10:20Z, critical at 2026-01-08T10:12:00Z\n",
            "\n  zones_critical   reached 3 with weight 11 at 2026-01-08T10:15:20Z: zones within 10 minutes\n",
            "\n  share_min        2: a zone or region with less weight than this does not count\n",
        ] {
            assert!(text.contains(said), "{said:?} is not in:\n{text}");
        }
        let place = |name: &str| text.find(&format!("\n{name}: ")).expect("a detector that spoke");
        assert!(place("deletion-burst") < place("zone-spread"), "the order in which they spoke:\n{text}");
        told.push(text);
    }
    assert_eq!(told[1], told[2]);
}

#[test]
fn all_limits_of_the_configuration_are_listed_by_their_keys() {
    let example: toml::Table = toml::from_str(include_str!("../../deploy/trailbrake.example.toml")).expect("TOML");
    let sections = example["detectors"].as_table().expect("detectors");
    let (_, text) = run_with(&["detectors"]);
    let (_, lines) = run_with(&["detectors", "--format", "json"]);
    for (name, keys) in sections {
        let (_, text) = text.split_once(&format!("{name}: ")).unwrap_or_else(|| panic!("{name} is not in:\n{text}"));
        let (text, _) = text.split_once("\n\n").expect("a block");
        let line = lines.lines().find(|line| line.contains(&format!("\"name\":\"{name}\""))).expect("a line");
        for key in keys.as_table().expect("keys").keys() {
            assert!(text.contains(&format!("\n  {key} ")), "{name} {key} is not in:\n{text}");
            assert!(line.contains(&format!("\"name\":\"{key}\"")), "{name} {key} is not in {line}");
        }
    }
}

#[test]
fn commands_that_need_a_configuration_take_the_same_one_and_say_when_it_is_not_there() {
    let commands: [&[&str]; 6] =
        [&["run"], &["act"], &["check"], &["alert", "test"], &["token", "list"], &["token", "revoke", "nobody"]];
    for command in commands {
        for (named, path) in [(vec![], "trailbrake.toml"), (vec!["--config", "/nowhere/t.toml"], "/nowhere/t.toml")] {
            let arguments = ["trailbrake"].iter().chain(command).chain(&named);
            let parsed = Arguments::try_parse_from(arguments).expect("complete");
            // Beside these tests lies no such file.
            let error = dispatch(parsed.command, &mut Vec::new()).expect_err("no configuration").to_string();
            let said = format!("configuration cannot be read: {path}: No such file");
            assert!(error.starts_with(&said) && error.contains("\nhint: name the file with --config"), "{error}");
        }
    }
}

#[test]
fn policies_are_json() {
    for arguments in
        [vec!["--deny", "destructive"], vec!["--deny", "all"], vec!["--hook-role", "--account", "111122223333"]]
    {
        let (_, out) = run_with(&[vec!["iam-policy"], arguments].concat());
        let policy: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(policy["Version"], "2012-10-17");
    }
}

#[test]
fn the_demo_shows_the_chain_and_saves_something() {
    for seed in ["1", "2", "3"] {
        let (exit, out) = run_with(&["demo", "--seconds", "0", "--seed", seed]);
        assert_eq!(exit, Exit::Fine, "{out}");
        for said in ["agent", "BRAKE", "PAGE", "PAUSED", "REFUSED", "What was saved", "trailbrake incidents resume tb-"]
        {
            assert!(out.contains(said), "seed {seed} lacks {said}:\n{out}");
        }
        let saved =
            out.lines().find_map(|line| line.trim().strip_prefix("saved")?.split_whitespace().next()?.parse().ok());
        assert!(saved.is_some_and(|saved: u64| saved > 0), "seed {seed} saves nothing:\n{out}");
    }
}

#[test]
fn what_only_judges_takes_a_configuration_without_sources() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("writable");
        path.display().to_string()
    };
    let config = write("limits.toml", "[detectors.deletion-burst.resources]\nlow = 7\n");
    let wrong = write("wrong.toml", "[detectors.deletion-burst.resources]\nlow = -7\n");
    let (_, trail) = run_with(&["simulate", "agent-rebuild", "--seed", "1"]);
    let trail = write("trail.ndjson", &trail);
    let principal = "arn:aws-cn:iam";
    for (arguments, exit) in [
        (vec!["detectors", "--config", &config], Exit::Fine),
        (vec!["replay", "--config", &config, &trail], Exit::Fine),
        (vec!["explain", "--config", &config, principal, &trail], Exit::Usage),
        (vec!["run", "--config", &config], Exit::Usage),
        (vec!["check", "--config", &config], Exit::Usage),
        (vec!["detectors", "--config", &wrong], Exit::Usage),
        (vec!["replay", "--config", &wrong, &trail], Exit::Usage),
    ] {
        assert_eq!(run_with(&arguments).0, exit, "{arguments:?}");
    }
    let (_, listed) = run_with(&["detectors", "--config", &config]);
    assert!(listed.contains("low from 7"), "{listed}");
}
