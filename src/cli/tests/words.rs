//! What is said of incidents is said in words that fit: who cannot be paused, what was left out, what was switched off.

use serde_json::{Value, json};

use super::run_with;

/// A trail in a file, and a configuration beside it.
fn written(trail: &str, config: &str) -> (tempfile::TempDir, String, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("writable");
        path.display().to_string()
    };
    let (trail, config) = (write("trail.ndjson", trail), write("trailbrake.toml", config));
    (directory, trail, config)
}

fn incidents(arguments: &[&str]) -> Vec<Value> {
    let (_, found) = run_with(&[&["replay", "--format", "json"], arguments].concat());
    found.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A role of Identity Center destroys in this scenario: only a program of the user's own can pause it.
#[test]
fn who_cannot_be_paused_is_told_with_the_reason_and_what_would_be_needed() {
    let (_, trail) = run_with(&["simulate", "terraform-destroy", "--seed", "7"]);
    let program = "[act.webhook]\nurl = \"https://pause.example\"\nsecret = { env = \"PATH\" }\n";
    let (_directory, trail, config) = written(&trail, program);
    let worst = incidents(&[&trail]).pop().expect("an incident");
    let (id, arn) = (worst["id"].as_str().expect("an id"), worst["principal"]["arn"].as_str().expect("an ARN"));
    assert!(arn.contains("AWSReservedSSO_"), "{arn}");
    assert_eq!(worst["state"], "unpausable");
    let (_, text) = run_with(&["explain", id, &trail]);
    assert!(!text.contains(", paused at "), "{text}");
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains(", and paused nobody when critical at "), "{text}");
    let said = format!("cannot be paused: {arn} because IAM Identity Center keeps this role");
    assert!(joined.contains(&said) && joined.contains("to stop it: take the assignment away"), "{text}");
    let (_, told) = run_with(&["explain", "--format", "json", id, &trail]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["unpausable"], json!([{ "incident": id, "arn": arn, "reason": "identity-center" }]));

    let with_program = incidents(&["--config", &config, &trail]).pop().expect("an incident");
    assert_eq!(with_program["state"], "open");
    let (_, text) = run_with(&["explain", "--config", &config, id, &trail]);
    assert!(text.contains(", paused at ") && !text.contains("cannot be paused"), "{text}");
}

#[test]
fn only_what_is_as_severe_as_asked_for_is_written() {
    let (_, mut trail) = run_with(&["simulate", "zone-sweep", "--seed", "7"]);
    trail.push_str(&run_with(&["simulate", "denied-storm", "--seed", "7"]).1);
    let (_directory, trail, _) = written(&trail, "");
    for (severity, expected) in [
        (None, vec!["critical", "medium"]),
        (Some("low"), vec!["critical", "medium"]),
        (Some("medium"), vec!["critical", "medium"]),
        (Some("high"), vec!["critical"]),
        (Some("critical"), vec!["critical"]),
    ] {
        let option: Vec<&str> = severity.iter().flat_map(|severity| ["--severity", *severity]).collect();
        let found = incidents(&[&option[..], &[&trail]].concat());
        let mut severities: Vec<&str> = found.iter().filter_map(|one| one["severity_peak"].as_str()).collect();
        severities.sort_unstable();
        assert_eq!(severities, expected, "{severity:?}");
        let (_, lines) = run_with(&[&["replay"], &option[..], &[&trail]].concat());
        assert_eq!(lines.lines().count(), expected.len(), "{lines}");
        assert!(lines.lines().all(|line| line.starts_with("tb-") && line.split('\t').count() == 9), "{lines}");
    }
}

#[test]
fn a_trail_that_is_deleted_is_listed_among_what_was_switched_off() {
    let record = |number: u32, name: &str, time: &str| {
        let arn = "arn:aws:iam::123456789012:user/bob";
        let record = json!({
            "eventVersion": "1.09", "eventID": format!("00000000-0000-0000-0000-{number:012}"),
            "eventTime": format!("2026-01-05T{time}Z"), "eventSource": "cloudtrail.amazonaws.com", "eventName": name,
            "awsRegion": "eu-west-1", "recipientAccountId": "123456789012", "eventType": "AwsApiCall",
            "userIdentity": { "type": "IAMUser", "principalId": "AIDAEXAMPLE12345678", "arn": arn,
                "accountId": "123456789012", "userName": "bob" },
            "requestParameters": { "name": "main" }, "responseElements": null,
        });
        record.to_string()
    };
    let trail = [record(1, "StopLogging", "09:30:00"), record(2, "DeleteTrail", "09:31:00")].join("\n");
    let (_directory, trail, _) = written(&trail, "");
    let (_, text) = run_with(&["explain", "bob", &trail]);
    let listed = "    switched off: protections, and what watches\n      2026-01-05T09:30:00Z  cloudtrail:StopLogging  main\n      \
                  2026-01-05T09:31:00Z  cloudtrail:DeleteTrail  main\n";
    assert!(text.contains(listed), "{text}");
}
