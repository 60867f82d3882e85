//! The engine's contract: a story in, decisions out; and that a restart changes nothing.

mod explain;
mod guards;
mod inventory;
mod judgement;
mod restart;
mod shown;
mod stories;
mod verdicts;
mod wanted;

use super::*;
use crate::incident::{Severity, State};
use crate::testing::{facts, second};

const AGENT: &str = "arn:aws:iam::111111111111:role/agent";

fn settings(mode: Mode) -> Settings {
    Settings { brake: BrakeSettings { mode, ..BrakeSettings::default() }, ..Settings::default() }
}

/// Six tables in six seconds: 18, a `critical` burst.
const BURST: &str = "01:00:00 agent delete table a\n01:00:01 agent delete table b\n01:00:02 agent delete table c
                     01:00:03 agent delete table d\n01:00:04 agent delete table e\n01:00:05 agent delete table f";

struct Run {
    engine: Engine,
    outputs: Vec<Output>,
}

impl Run {
    fn new(settings: Settings) -> Self {
        Self { engine: Engine::new(settings), outputs: Vec::new() }
    }

    fn story(&mut self, story: &str) -> &mut Self {
        for fact in facts(story) {
            self.apply(Input::Fact(Box::new(fact)));
        }
        self
    }

    fn apply(&mut self, input: Input) -> &mut Self {
        self.engine.apply(input, &mut self.outputs);
        self
    }

    fn resume(&mut self, who: &str, at: &str, id: &str) -> Result<String, String> {
        self.act(who, at, Act::Resume { incident: id.to_owned(), reason: "checked".to_owned(), break_glass: false })
    }

    fn close(&mut self, who: &str, at: &str, id: &str) -> Result<String, String> {
        self.act(who, at, Act::Close { incident: id.to_owned(), reason: "planned".to_owned() })
    }

    fn confirm(&mut self, who: &str, at: &str, id: &str) -> Result<String, String> {
        self.act(who, at, Act::Confirm { incident: id.to_owned(), reason: "it is real".to_owned() })
    }

    fn act(&mut self, who: &str, at: &str, act: Act) -> Result<String, String> {
        let principals = vec![format!("arn:aws:iam::111111111111:user/{who}")];
        let human =
            Human { id: format!("{who}{at}{act:?}"), at: second(at).millis(), who: who.to_owned(), principals, act };
        self.apply(Input::Human(human));
        self.answer()
    }

    fn answer(&self) -> Result<String, String> {
        match self.outputs.last() {
            Some(Output::Answer { result, .. }) => result.clone(),
            other => panic!("no answer: {other:?}"),
        }
    }

    fn outcome(&mut self, at: &str, result: PauseResult) -> &mut Self {
        let desired = self.desired().pop().expect("something desired");
        let outcome = Outcome { key: desired.key, generation: desired.generation, at: second(at).millis(), result };
        self.apply(Input::Outcome(outcome))
    }

    fn desired(&self) -> Vec<Desired> {
        self.outputs
            .iter()
            .filter_map(|output| match output {
                Output::Desire(desired) => Some(desired.clone()),
                _ => None,
            })
            .collect()
    }

    /// What receivers were told, a line each.
    fn told(&self) -> Vec<String> {
        let tell = |one: &Announcement| {
            let report = &one.situation.incident;
            format!("{:?} {} {:?}", one.change, report.severity.as_str(), report.state)
        };
        self.outputs
            .iter()
            .filter_map(|output| match output {
                Output::Announce(one) => Some(tell(one)),
                _ => None,
            })
            .collect()
    }

    fn only(&self) -> Situation {
        let all = self.engine.situations();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.into_iter().next().expect("one")
    }
}

#[test]
fn a_burst_is_paused_once_paged_once_and_resumed_by_two() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(BURST);
    assert_eq!(run.told(), ["Opened high Open", "Updated critical Open"]);
    assert_eq!(run.desired().len(), 1);
    assert_eq!(run.desired()[0].key.entity, AGENT);
    run.outcome("01:00:09", PauseResult::Paused);
    let situation = run.only();
    assert_eq!(situation.incident.state, State::Paused);
    assert_eq!((situation.incident.destroyed.at_page, situation.incident.destroyed.at_pause), (Some(2), Some(4)));
    assert_eq!(situation.incident.triggered_event_id, "e0003");
    let id = situation.incident.id;

    assert!(run.resume("alice", "01:10:00", &id).expect("taken").starts_with("1 of 2"));
    assert!(run.resume("alice", "01:10:30", &id).expect("taken").starts_with("1 of 2"), "one person is one voice");
    assert_eq!(run.desired().len(), 1);
    assert!(run.resume("bob", "01:11:00", &id).expect("taken").starts_with("resuming"));
    assert_eq!(run.desired().last().and_then(|desired| desired.rung), None);
    run.outcome("01:11:04", PauseResult::Resumed);
    assert_eq!(run.only().incident.state, State::Resumed);
    assert_eq!(run.told().last().map(String::as_str), Some("Resolved critical Resumed"));

    run.story("01:12:00 agent delete table z id=after");
    assert_eq!(run.engine.situations().len(), 2, "what comes after the verdict is judged afresh");
    assert_eq!(run.engine.situations()[0].incident.severity, Severity::Low);
    assert_eq!(run.desired().len(), 2);
}

#[test]
fn modes_protection_and_budgets_hold_the_brake() {
    let protected = |names: &[&str]| {
        let mut settings = settings(Mode::Enforce);
        settings.brake.protected = names.iter().map(|name| (*name).to_owned()).collect();
        settings
    };
    let mut spent = settings(Mode::Enforce);
    spent.brake.budget_account = 0;
    let mut excepted = settings(Mode::Enforce);
    excepted.brake.exceptions.push(ModeException {
        detector: Some("deletion-burst".to_owned()),
        account: Some("111111111111".to_owned()),
        mode: Mode::Observe,
    });
    for (settings, state, why) in [
        (settings(Mode::Observe), State::Open, "mode is observe: it would have been paused"),
        (excepted, State::Open, "mode is observe: it would have been paused"),
        (protected(&[AGENT]), State::Unpausable, ""),
        (protected(&["AROAagent"]), State::Unpausable, ""),
        (protected(&["arn:aws:iam::111111111111:role/agen"]), State::Open, ""),
        (spent, State::Open, "the budget of pauses for this hour is spent"),
    ] {
        let pauses = why.is_empty() && state == State::Open;
        let mut run = Run::new(settings);
        run.story(BURST);
        let situation = run.only();
        assert_eq!(run.desired().len(), usize::from(pauses), "{why}");
        assert_eq!(situation.incident.state, state, "{why}");
        if state == State::Open {
            assert_eq!(situation.not_paused_because, why);
        }
        assert_eq!(run.told().len(), 2, "it pages all the same");
    }
}

#[test]
fn whom_no_policy_can_be_attached_to_is_unpausable_unless_a_program_pauses() {
    let kept = "role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Ops_1";
    for (mode, reach, role, state, desired) in [
        (Mode::Enforce, Reach::Policies, kept, State::Unpausable, 0),
        (Mode::Observe, Reach::Policies, kept, State::Unpausable, 0),
        (Mode::Enforce, Reach::Program, kept, State::Open, 1),
        (Mode::Observe, Reach::Program, kept, State::Open, 0),
        (Mode::Enforce, Reach::Policies, "role/agent", State::Open, 1),
        // A path of one's own that only looks like it.
        (Mode::Enforce, Reach::Policies, "role/x/aws-reserved/sso.amazonaws.com/y", State::Open, 1),
    ] {
        let mut settings = settings(mode);
        settings.brake.reach = reach;
        let mut run = Run::new(settings);
        for mut fact in facts(BURST) {
            let mut identity = (*fact.event.identity).clone();
            identity.issuer_arn = format!("arn:aws:iam::111111111111:{role}").as_str().into();
            fact.event.identity = std::sync::Arc::new(identity);
            run.apply(Input::Fact(Box::new(fact)));
        }
        let situation = run.only();
        assert_eq!((situation.incident.state, run.desired().len()), (state, desired), "{mode:?} {reach:?} {role}");
        let reasons: Vec<&str> = situation.pauses.iter().map(|pause| pause.reason.as_str()).collect();
        assert_eq!(reasons, [if state == State::Unpausable { "identity-center" } else { "" }]);
    }
}

#[test]
fn what_may_not_pause_pages_only() {
    let mut run = Run::new(settings(Mode::Enforce));
    let untrusted: Vec<String> = BURST.lines().map(|line| format!("{line} trust=no")).collect();
    run.story(&untrusted.join("\n"));
    assert_eq!(run.desired(), []);
    assert!(run.only().not_paused_because.contains("may not cause pauses"));
    assert_eq!(run.told().last().map(String::as_str), Some("Updated critical Open"));
}

#[test]
fn a_principal_does_not_decide_on_itself_and_a_reason_is_needed() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(&BURST.replace("agent", "@alice"));
    let id = run.only().incident.id;
    assert!(run.resume("alice", "01:10:00", &id).expect_err("refused").contains("another reviewer"));
    let act = Act::Resume { incident: id.clone(), reason: " ".to_owned(), break_glass: true };
    let human = |who: &str, act: Act| Human {
        id: format!("{who}{act:?}"),
        at: second("01:20:00").millis(),
        who: who.to_owned(),
        principals: Vec::new(),
        act,
    };
    run.apply(Input::Human(human("bob", act)));
    assert!(matches!(run.outputs.last(), Some(Output::Answer { result: Err(why), .. }) if why.contains("reason")));
    let act = Act::Resume { incident: id, reason: "a drill".to_owned(), break_glass: true };
    run.apply(Input::Human(human("bob", act)));
    assert!(matches!(run.outputs.last(), Some(Output::Answer { result: Ok(_), .. })), "one may break the glass");
    assert_eq!(run.desired().last().and_then(|desired| desired.rung), None);
    assert!(run.resume("carol", "01:21:00", "tb-unknown").expect_err("refused").contains("no such incident"));
}

#[test]
fn later_facts_ease_and_never_unpause() {
    let mut run = Run::new(settings(Mode::Observe));
    run.story(BURST);
    // Late: all of them were the agent's own, made minutes before.
    run.story("00:50:00 agent new table a,b,c,d,e,f id=late");
    assert_eq!(run.told(), ["Opened high Open", "Updated critical Open", "Updated low Open"]);
    let eased = run.only().incident;
    assert_eq!((eased.severity, eased.severity_peak, eased.destroyed.own), (Severity::Low, Severity::Critical, 6));

    let mut run = Run::new(settings(Mode::Enforce));
    run.story(BURST).outcome("01:00:09", PauseResult::Paused).story("00:50:00 agent new table a,b,c,d,e,f id=late");
    assert_eq!(run.desired().len(), 1);
    assert_eq!(run.only().incident.state, State::Paused);
}

#[test]
fn silence_ends_an_incident_but_not_a_pause() {
    for (mode, state) in [(Mode::Observe, State::Closed), (Mode::Enforce, State::Paused)] {
        let mut run = Run::new(settings(mode));
        run.story(BURST);
        if mode == Mode::Enforce {
            run.outcome("01:00:09", PauseResult::Paused);
        }
        run.apply(Input::Tick(second("01:35:00").millis()));
        assert_ne!(run.only().incident.state, State::Closed, "too early");
        run.apply(Input::Tick(second("02:00:00").millis()));
        assert_eq!(run.only().incident.state, state);
    }
}

#[test]
fn a_blind_source_pages_once_and_is_well_again() {
    let mut run = Run::new(settings(Mode::Enforce));
    let watch = |at: &str, trouble: Option<&str>| {
        Input::Watch(Watch { source: "trail".into(), at: second(at).millis(), trouble: trouble.map(str::to_owned) })
    };
    run.apply(watch("01:00:00", None)).apply(watch("01:05:00", Some("trail was stopped")));
    run.apply(watch("01:10:00", Some("trail was stopped"))).apply(watch("01:15:00", None));
    assert_eq!(run.told(), ["Opened high Open", "Resolved high Closed"]);
    let report = run.only().incident;
    assert_eq!((report.principal, report.detectors), (None, vec!["blind".to_owned()]));
    assert_eq!(report.reason, "blind at source trail: trail was stopped");
    assert_eq!(run.desired(), []);
    // A clock that goes back, or stands still, makes no two incidents one.
    run.apply(watch("01:05:00", Some("trail was stopped"))).apply(watch("01:05:00", None));
    assert_eq!(run.told().len(), 4);
    let ids: BTreeSet<_> = run.engine.situations().into_iter().map(|one| one.incident.id).collect();
    assert_eq!(ids.len(), 2);
}

#[test]
fn an_answer_to_an_older_generation_is_stale() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(BURST);
    let desired = run.desired().pop().expect("desired");
    let stale = Outcome {
        key: desired.key,
        generation: desired.generation - 1,
        at: second("01:01:00").millis(),
        result: PauseResult::Paused,
    };
    run.apply(Input::Outcome(stale));
    assert_eq!(run.only().pauses[0].state, PauseState::Pausing);
}

#[test]
fn a_pause_that_failed_is_told() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(BURST).outcome("01:03:00", PauseResult::Failed { reason: "denied".to_owned() });
    let situation = run.only();
    assert_eq!((situation.pauses[0].state, situation.incident.state), (PauseState::Failed, State::Open));
    assert_eq!(run.told().len(), 3);
}

#[test]
fn a_failed_pause_is_tried_again_when_the_principal_goes_on() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(BURST).outcome("01:02:00", PauseResult::Failed { reason: "throttled".to_owned() });
    run.story("01:02:30 agent delete table g id=g");
    assert_eq!(run.desired().len(), 1, "not at once");
    run.story("01:03:30 agent delete table h id=h");
    assert_eq!(run.desired().len(), 2);
    run.outcome("01:03:31", PauseResult::Paused);
    assert_eq!(run.only().incident.state, State::Paused);
}

#[test]
fn after_a_failed_pause_the_next_incident_pauses_anew() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(BURST).outcome("01:02:00", PauseResult::Failed { reason: "denied".to_owned() });
    run.apply(Input::Tick(second("03:00:00").millis()));
    assert_eq!(run.only().incident.state, State::Closed);
    let again = BURST.replace("01:00", "04:00").replace("table ", "table again-");
    let again: Vec<String> = again.lines().enumerate().map(|(number, line)| format!("{line} id=n{number}")).collect();
    run.story(&again.join("\n"));
    assert_eq!(run.desired().len(), 2, "{:#?}", run.told());
}

#[test]
fn what_a_paused_principal_does_later_belongs_to_its_incident() {
    let mut run = Run::new(settings(Mode::Enforce));
    run.story(BURST).outcome("01:00:09", PauseResult::Paused);
    run.story("02:30:00 agent delete table x,y,z id=later");
    let report = run.only().incident;
    assert_eq!((report.destroyed.resources, report.state), (9, State::Paused));
    assert!(run.told().iter().all(|told| !told.starts_with("Resolved")), "{:?}", run.told());
}
