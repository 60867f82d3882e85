//! The words of real incidents, as people read them.

use trailbrake_detectors::engine::{Pause, PauseKey};
use trailbrake_detectors::incident::Severity;
use trailbrake_detectors::time::Millis;

use super::super::tests::announcement as hostile;
use super::next::stop_by_hand;
use super::*;
use crate::pipeline::tests::{judge_trail, stage};

/// An agent with its operator's role deleted a production environment and created it again, as `replay` tells it.
fn agent_rebuild(change: Change) -> Announcement {
    let announcement: Announcement = serde_json::from_str(include_str!("agent-rebuild.json")).expect("an announcement");
    Announcement { change, ..announcement }
}

fn paused(mut announcement: Announcement, state: PauseState) -> Announcement {
    let situation = &mut announcement.situation;
    (situation.incident.mode, situation.not_paused_because) = (Mode::Enforce, String::new());
    situation.pauses.iter_mut().for_each(|pause| pause.state = state);
    announcement
}

fn page(announcement: &Announcement) -> String {
    format!("{}\n\n{}\n", summary(announcement), description(announcement))
}

#[test]
fn a_page_of_what_is_only_observed() {
    assert_eq!(
        page(&agent_rebuild(Change::Opened)),
        "\
platform-operator, session lena-agent (Boto3) destroyed 40: 4 DynamoDB Table, 4 RDS DBInstance, others in 845636762183 cn-north-1: 3 zones, 9 min 25 s. STILL RUNNING: observe only. Next: trailbrake incidents show tb-fqsjzgfp2uvhst2h

Who: platform-operator (arn:aws-cn:iam::845636762183:role/platform-operator), session lena-agent, tool Boto3
What: destroyed 40 resources in 40 calls: 4 DynamoDB Table, 4 RDS DBInstance, 1 ElastiCache ReplicationGroup, 13 EC2 Instance, 4 ECS Service, 3 EC2 NatGateway, others; 3 of them came back
Where: account 845636762183, region cn-north-1
How wide: 3 zones (cn-north-1a cn-north-1b cn-north-1d), 9 min 25 s, from 2026-01-05 09:04:01 to 2026-01-05 09:13:26 UTC
Still runs: yes, it is only observed: in enforce arn:aws-cn:iam::845636762183:role/platform-operator would be paused
Next: trailbrake incidents show tb-fqsjzgfp2uvhst2h
Stop it by hand: aws iam put-role-policy --role-name platform-operator --policy-name TrailbrakeStop --policy-document \"$(trailbrake iam-policy --deny destructive)\"
Undo that: aws iam delete-role-policy --role-name platform-operator --policy-name TrailbrakeStop
"
    );
}

#[test]
fn a_page_of_what_is_paused() {
    assert_eq!(
        page(&paused(agent_rebuild(Change::Updated), PauseState::Paused)),
        "\
platform-operator, session lena-agent (Boto3) destroyed 40: 4 DynamoDB Table, 4 RDS DBInstance, others in 845636762183 cn-north-1: 3 zones, 9 min 25 s. paused. Next: trailbrake incidents show tb-fqsjzgfp2uvhst2h

Who: platform-operator (arn:aws-cn:iam::845636762183:role/platform-operator), session lena-agent, tool Boto3
What: destroyed 40 resources in 40 calls: 4 DynamoDB Table, 4 RDS DBInstance, 1 ElastiCache ReplicationGroup, 13 EC2 Instance, 4 ECS Service, 3 EC2 NatGateway, others; 3 of them came back
Where: account 845636762183, region cn-north-1
How wide: 3 zones (cn-north-1a cn-north-1b cn-north-1d), 9 min 25 s, from 2026-01-05 09:04:01 to 2026-01-05 09:13:26 UTC
Still runs: no: arn:aws-cn:iam::845636762183:role/platform-operator is paused since 2026-01-05 09:13:28 UTC: what it destroys is denied, what it creates is not
Next: trailbrake incidents show tb-fqsjzgfp2uvhst2h
Let it go on: trailbrake incidents resume tb-fqsjzgfp2uvhst2h --reason '…'
"
    );
}

#[test]
fn what_still_runs_is_said_for_each_state_of_the_brake() {
    for (state, glance, line) in [
        (PauseState::Failed, "STILL RUNNING: pause failed", "YES: pausing arn:aws-cn"),
        (PauseState::Unpausable, "STILL RUNNING: unpausable", "YES: arn:aws-cn"),
        (PauseState::Pausing, "STILL RUNNING: being paused", "yes: arn:aws-cn"),
        (PauseState::Paused, "paused", "no: arn:aws-cn"),
        (PauseState::Resuming, "being resumed", "arn:aws-cn"),
        (PauseState::Resumed, "resumed: may go on", "yes: arn:aws-cn"),
        (PauseState::WouldPause, "STILL RUNNING: observe only", "yes, it is only observed"),
    ] {
        let announcement = paused(agent_rebuild(Change::Updated), state);
        let (summary, description) = (summary(&announcement), description(&announcement));
        assert!(summary.contains(&format!(" s. {glance}. Next: ")), "{summary}");
        assert!(description.contains(&format!("\nStill runs: {line}")), "{description}");
        let by_hand = description.contains("Stop it by hand: aws iam put-role-policy ");
        let stands = matches!(state, PauseState::Paused | PauseState::Pausing);
        assert_eq!(by_hand, !stands && state != PauseState::Unpausable, "{description}");
        assert_eq!(description.contains("trailbrake incidents resume tb-"), stands, "{description}");
    }
    let mut none = agent_rebuild(Change::Opened);
    none.situation.pauses.clear();
    none.situation.not_paused_because = "the budget of pauses for this hour is spent".to_owned();
    assert!(description(&none).contains("Still runs: yes: the budget of pauses for this hour is spent\n"));
}

#[test]
fn what_is_over_says_so_first_and_leaves_nothing_to_do() {
    let mut announcement = paused(agent_rebuild(Change::Resolved), PauseState::Resumed);
    announcement.situation.incident.state = trailbrake_detectors::incident::State::Resumed;
    let page = page(&announcement);
    assert!(page.starts_with("Over (resumed): platform-operator, session lena-agent (Boto3) destroyed 40"), "{page}");
    assert!(page.ends_with("\nNext: nothing is left to do\n"), "{page}");
    assert!(!page.contains("incidents show"), "{page}");
}

/// Whatever the engine says of a real trail: the first characters say who, what, where, how wide and what still runs.
#[test]
fn a_watch_shows_enough_of_each_page_of_a_trail() {
    let mut pages = 0;
    for mode in [Mode::Observe, Mode::Enforce] {
        let (mut step, _) = stage(mode);
        for order in judge_trail(&mut step).into_iter().flat_map(|piece| piece.cut.orders) {
            let incident = &order.announcement.situation.incident;
            let principal = incident.principal.as_ref().expect("a principal");
            let name = principal.arn.rsplit('/').next().expect("a name");
            let glance: String = summary(&order.announcement).chars().take(GLANCE_CHARS_MAX).collect();
            let runs = short_runs(&order.announcement.situation);
            let gone = format!("destroyed {}", incident.destroyed.resources);
            for said in [name, &principal.tool, &gone, &incident.regions[0], &principal.account, runs] {
                assert!(glance.contains(said), "{said} is missing: {glance}");
            }
            pages += 1;
        }
    }
    assert!(pages > 4, "{pages} pages");
}

#[test]
fn whatever_an_attacker_writes_the_glance_says_what_still_runs() {
    let mut announcement = hostile(Change::Opened);
    let incident = &mut announcement.situation.incident;
    let long = "\u{202e}x\u{1b}[2J\n".repeat(5_000);
    let principal = incident.principal.as_mut().expect("a principal");
    principal.arn = format!("arn:aws:iam::123456789012:role/{long}");
    (principal.session, principal.tool, principal.account) = (long.clone(), long.clone(), long.clone());
    incident.destroyed.by_type = (0..50).map(|index| (format!("AWS::{long}::{index}"), 1_000_000)).collect();
    incident.destroyed.resources = u64::MAX;
    (incident.accounts, incident.regions, incident.zones) =
        (vec![long.clone()], vec![long.clone()], vec![long.clone()]);
    announcement.situation.pauses.iter_mut().for_each(|pause| pause.state = PauseState::Failed);
    let summary = summary(&announcement);
    let glance: String = summary.chars().take(GLANCE_CHARS_MAX).collect();
    assert!(glance.contains(". STILL RUNNING: pause failed."), "{glance}");
    assert!(!summary.contains(|one: char| one.is_control() || one == '\u{202e}'), "{summary}");
    let description = description(&announcement);
    assert!(description.lines().count() < 12 && description.chars().count() < 12 * (DESCRIPTION_LINE_CHARS_MAX + 20));
    assert!(description.lines().all(|line| !line.contains(|one: char| one.is_control() || one == '\u{202e}')));
}

#[test]
fn a_command_is_given_only_for_names_that_a_shell_takes_as_names() {
    for (entity, command) in [
        ("arn:aws:iam::1:role/agent", Some("put-role-policy --role-name agent ")),
        ("arn:aws:iam::1:role/team/a/agent+1@x", Some("put-role-policy --role-name agent+1@x ")),
        ("arn:aws:iam::1:user/oskar", Some("put-user-policy --user-name oskar ")),
        ("arn:aws:iam::1:role/a;reboot", None),
        ("arn:aws:iam::1:role/$(reboot)", None),
        ("arn:aws:iam::1:role/-x", None),
        ("arn:aws:iam::1:role/", None),
        ("arn:aws:iam::1:root", None),
        ("arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0", None),
        ("arn:aws:iam::1:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX", None),
        ("nonsense", None),
    ] {
        let mut announcement = agent_rebuild(Change::Opened);
        announcement.situation.pauses = vec![Pause {
            key: PauseKey { account: "1".to_owned(), entity: entity.to_owned(), session: "*".to_owned() },
            rung: Rung::Destructive,
            state: PauseState::WouldPause,
            at: Millis(0),
            reason: String::new(),
        }];
        let found = stop_by_hand(&announcement.situation).map(|(stop, _)| stop);
        assert_eq!(found.is_some(), command.is_some(), "{entity}: {found:?}");
        assert!(found.unwrap_or_default().contains(command.unwrap_or_default()), "{entity}");
    }
}

#[test]
fn people_are_called_by_the_names_that_people_know() {
    for (arn, session, tool, who) in [
        ("arn:aws:iam::1:role/deploy/agent", "AROAEXAMPLE:lena", "Terraform", "agent, session lena (Terraform)"),
        ("arn:aws:iam::1:user/oskar", "", "", "oskar"),
        ("arn:aws:iam::1:root", "", "console", "root of 123456789012 (console)"),
        (
            "arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_PowerUser_0123456789abcdef",
            "alice@example.com",
            "AWS CLI",
            "alice@example.com as PowerUser (AWS CLI)",
        ),
        ("arn:aws:iam::1:role/agent", "agent", "", "agent"),
        (
            "arn:aws:iam::1:role/a-rather-long-name-of-a-role",
            "with-a-rather-long-session",
            "",
            "a-rather-long-name-of-a-role",
        ),
    ] {
        let mut principal = hostile(Change::Opened).situation.incident.principal.expect("a principal");
        (principal.arn, principal.session, principal.tool) = (arn.to_owned(), session.to_owned(), tool.to_owned());
        assert_eq!(short_who(&principal), who);
    }
}

#[test]
fn what_destroyed_nothing_is_told_by_its_sentence() {
    let mut denied = agent_rebuild(Change::Opened);
    let incident = &mut denied.situation.incident;
    incident.destroyed = trailbrake_detectors::incident::Destroyed::default();
    incident.reason = "role/platform-operator with Boto3 was refused 30 destructive calls within 2 min".to_owned();
    let glance = summary(&denied);
    assert!(
        glance.starts_with("platform-operator, session lena-agent (Boto3) was refused 30 destructive calls"),
        "{glance}"
    );
    let mut blind = denied;
    blind.situation.incident.principal = None;
    blind.situation.incident.severity = Severity::High;
    blind.situation.incident.reason = "the trail organisation was stopped".to_owned();
    assert!(summary(&blind).starts_with("the trail organisation was stopped. Next: trailbrake incidents show tb-"));
    assert!(description(&blind).starts_with("What: the trail organisation was stopped\n"));
}

#[test]
fn only_our_own_ids_are_linked() {
    let url = Some("https://brake.example/");
    assert_eq!(link(url, "tb-abc").as_deref(), Some("https://brake.example/v1/incidents/tb-abc"));
    for bad in ["", "../x", "tb-a?b", "tb-ä"] {
        assert_eq!(link(url, bad), None, "{bad}");
    }
    assert_eq!(link(None, "tb-abc"), None);
}

#[test]
fn what_happened_before_a_verdict_is_marked_and_says_whose() {
    use trailbrake_detectors::engine::{Verdict, VerdictKind};
    for (state, short) in [
        (PauseState::Paused, "paused; before the verdict"),
        (PauseState::Resumed, "RUNS ON: before the verdict"),
        (PauseState::WouldPause, "RUNS ON: before the verdict"),
        (PauseState::Failed, "STILL RUNNING: pause failed"),
    ] {
        let mut announcement = paused(agent_rebuild(Change::Updated), state);
        let who = vec!["alice".to_owned(), "bob".to_owned()];
        let at = trailbrake_detectors::time::Millis(1_767_571_200_000);
        let (verdict, severity) = (VerdictKind::Close, trailbrake_detectors::incident::Severity::High);
        let reason = "planned\u{1b}[2J".to_owned();
        announcement.situation.verdicts = vec![Verdict { verdict, who, at, reason, severity }];
        let said = "close by alice and bob at 2026-01-05 00:00:00 UTC: planned";
        assert!(description(&announcement).contains(&format!("\nVerdict: {said}")), "{}", description(&announcement));
        assert!(!summary(&announcement).contains("before the verdict"));
        announcement.situation.before_verdict = true;
        let text = description(&announcement);
        let marked = format!("\nVerdict: BEFORE THE VERDICT, and came to light after it: {said}");
        assert!(text.contains(&marked) && !text.contains('\u{1b}'), "{text}");
        let glance: String = summary(&announcement).chars().take(GLANCE_CHARS_MAX).collect();
        assert!(glance.contains(short), "{glance}");
    }
}
