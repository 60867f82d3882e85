//! Calls that set a stack's operation or an automation going, under which role.

use smol_str::format_smolstr;

use super::dialect::{cut, first_text, percent_decoded};
use super::node::Node;
use crate::event::{Event, RunsAs, Start, Text};

/// Whether calls of this name may start something, or prepare it.
pub(super) fn may_start(service: &str, name: &str) -> bool {
    match service {
        "cloudformation" => stack_call(name).is_some(),
        "ssm" => matches!(name, "StartAutomationExecution" | "StartChangeRequestExecution"),
        _ => false,
    }
}

/// What a call that took effect starts.
pub(super) fn start(event: &Event, request: Node<'_>, response: Node<'_>) -> Option<Start> {
    match event.service.as_str() {
        "cloudformation" => stack(event, request, response),
        "ssm" if may_start("ssm", &event.name) => automation(request, response),
        _ => None,
    }
}

/// What is known of a call by its name alone.
struct StackCall {
    /// Whether it makes what no call made before, so that no role is remembered.
    is_new: bool,
    /// Whether it sets an operation going.
    begins: bool,
    /// Whether it is about a set of stacks, which has an administration role.
    is_set: bool,
}

fn stack_call(name: &str) -> Option<StackCall> {
    let call = |is_new, begins, is_set| Some(StackCall { is_new, begins, is_set });
    match name {
        "CreateStack" => call(true, true, false),
        "CreateChangeSet" => call(false, false, false),
        "UpdateStack"
        | "DeleteStack"
        | "ExecuteChangeSet"
        | "RollbackStack"
        | "ContinueUpdateRollback"
        | "CancelUpdateStack" => call(false, true, false),
        "CreateStackSet" => call(true, false, true),
        "UpdateStackSet" | "CreateStackInstances" | "UpdateStackInstances" | "DeleteStackInstances" => {
            call(false, true, true)
        }
        _ => None,
    }
}

/// The role that CloudFormation takes for a set of stacks if it is given none.
const ADMINISTRATION_ROLE: &str = "AWSCloudFormationStackSetAdministrationRole";

fn stack(event: &Event, request: Node<'_>, response: Node<'_>) -> Option<Start> {
    let call = stack_call(&event.name)?;
    let role_key = if call.is_set { "administrationrolearn" } else { "rolearn" };
    let type_is_new = text(request, &["changesettype"]).is_some_and(|kind| matches!(&*kind, "CREATE" | "IMPORT"));
    let is_managed = text(request, &["permissionmodel"]).is_some_and(|model| model == "SERVICE_MANAGED");
    let runs_as = match text(request, &[role_key]) {
        Some(role) => RunsAs::Role(role),
        None if call.is_new && call.is_set && !is_managed => RunsAs::Role(format_smolstr!(
            "arn:{}:iam::{}:role/{ADMINISTRATION_ROLE}",
            event.identity.arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws"),
            event.account
        )),
        None if call.is_new || type_is_new => RunsAs::Caller,
        None => RunsAs::Remembered,
    };
    let mut targets = Vec::new();
    let named = match call.is_set {
        true => [text(request, &["stacksetname"]), text(response, &["stacksetid"]), None, None],
        false => [
            text(request, &["stackname"]),
            text(response, &["stackid"]),
            text(request, &["changesetname"]).filter(|name| name.starts_with("arn:")),
            text(response, &["id"]),
        ],
    };
    for name in named.into_iter().flatten() {
        // A stack's ARN holds its name, a set's id begins with it.
        let short = match call.is_set {
            true => name.split(':').next(),
            false => name.strip_prefix("arn:").and_then(|rest| rest.split(":stack/").nth(1)?.split('/').next()),
        };
        let prefix = if call.is_set { "set:" } else { "" };
        targets.extend(short.map(|short| format_smolstr!("{prefix}{short}")));
        targets.push(format_smolstr!("{prefix}{name}"));
    }
    targets.sort_unstable();
    targets.dedup();
    (!targets.is_empty()).then_some(Start { runs_as, targets, begins: call.begins })
}

fn automation(request: Node<'_>, response: Node<'_>) -> Option<Start> {
    let role = text(request, &["parameters", "automationassumerole"])
        .or_else(|| text(request, &["runbooks", "parameters", "automationassumerole"]))
        .filter(|role| role.starts_with("arn:"));
    // Without a role it runs with the caller's own credentials, unless the runbook names one.
    let runs_as = role.map_or(RunsAs::Caller, RunsAs::Role);
    let id = text(response, &["automationexecutionid"])?;
    Some(Start { runs_as, targets: vec![id], begins: true })
}

/// The first text at a path of lower-case keys.
fn text(value: Node<'_>, keys: &[&str]) -> Option<Text> {
    first_text(value, keys).map(|text| cut(&percent_decoded(text)))
}
