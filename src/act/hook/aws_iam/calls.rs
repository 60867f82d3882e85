//! The calls to IAM and STS, alike for roles and users, with their errors in our words.

use aws_sdk_iam::Client;
use aws_sdk_iam::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::super::{HookError, HookFailure};
use crate::act::entity::{Entity, Kind};
use crate::limits::ATTACHED_PAGES_MAX;

/// The ARN and unique id of what IAM knows under this name.
pub(super) async fn get_entity(iam: &Client, entity: &Entity<'_>) -> Result<[String; 2], HookError> {
    let name = entity.name;
    let found = match entity.kind {
        Kind::Role => {
            let answer = iam.get_role().role_name(name).send().await.map_err(failure)?;
            answer.role.map(|role| [role.arn, role.role_id])
        }
        Kind::User => {
            let answer = iam.get_user().user_name(name).send().await.map_err(failure)?;
            answer.user.map(|user| [user.arn, user.user_id])
        }
    };
    found.ok_or_else(|| HookError::new(HookFailure::ServerError, "an answer without the entity"))
}

/// The ARNs of all managed policies attached to an entity.
pub(super) async fn list_attached(iam: &Client, entity: &Entity<'_>) -> Result<Vec<String>, HookError> {
    let mut arns = Vec::new();
    let mut marker = None;
    for _ in 0..ATTACHED_PAGES_MAX {
        let (policies, next) = list_page(iam, entity, marker).await?;
        arns.extend(policies.into_iter().filter_map(|policy| policy.policy_arn));
        if next.is_none() {
            return Ok(arns);
        }
        marker = next;
    }
    Err(HookError::new(HookFailure::Other, "more pages of attached policies than an entity can have"))
}

type Page = (Vec<aws_sdk_iam::types::AttachedPolicy>, Option<String>);

async fn list_page(iam: &Client, entity: &Entity<'_>, marker: Option<String>) -> Result<Page, HookError> {
    let name = entity.name;
    match entity.kind {
        Kind::Role => {
            let call = iam.list_attached_role_policies().role_name(name).set_marker(marker);
            let answer = call.send().await.map_err(failure)?;
            Ok((answer.attached_policies.unwrap_or_default(), answer.marker.filter(|_| answer.is_truncated)))
        }
        Kind::User => {
            let call = iam.list_attached_user_policies().user_name(name).set_marker(marker);
            let answer = call.send().await.map_err(failure)?;
            Ok((answer.attached_policies.unwrap_or_default(), answer.marker.filter(|_| answer.is_truncated)))
        }
    }
}

/// Attaches a managed policy; attached already, nothing changes.
pub(super) async fn attach(iam: &Client, entity: &Entity<'_>, policy_arn: &str) -> Result<(), HookError> {
    let name = entity.name;
    match entity.kind {
        Kind::Role => {
            iam.attach_role_policy().role_name(name).policy_arn(policy_arn).send().await.map_err(failure)?;
        }
        Kind::User => {
            iam.attach_user_policy().user_name(name).policy_arn(policy_arn).send().await.map_err(failure)?;
        }
    }
    Ok(())
}

/// Detaches a managed policy; `NotFound` if it is not attached.
pub(super) async fn detach(iam: &Client, entity: &Entity<'_>, policy_arn: &str) -> Result<(), HookError> {
    let name = entity.name;
    match entity.kind {
        Kind::Role => {
            iam.detach_role_policy().role_name(name).policy_arn(policy_arn).send().await.map_err(failure)?;
        }
        Kind::User => {
            iam.detach_user_policy().user_name(name).policy_arn(policy_arn).send().await.map_err(failure)?;
        }
    }
    Ok(())
}

/// The default version of a managed policy, as IAM gives it: JSON, percent-encoded.
pub(super) async fn get_document(iam: &Client, policy_arn: &str) -> Result<String, HookError> {
    let policy = iam.get_policy().policy_arn(policy_arn).send().await.map_err(failure)?.policy;
    let version = policy.and_then(|policy| policy.default_version_id).unwrap_or_default();
    let call = iam.get_policy_version().policy_arn(policy_arn).version_id(version);
    let answer = call.send().await.map_err(failure)?;
    Ok(answer.policy_version.and_then(|version| version.document).unwrap_or_default())
}

/// Who we are.
pub(super) async fn get_own_arn(sts: &aws_sdk_sts::Client) -> Result<String, HookError> {
    let arn = sts.get_caller_identity().send().await.map_err(failure)?.arn;
    arn.ok_or_else(|| HookError::new(HookFailure::ServerError, "an answer without the caller"))
}

fn failure<E>(error: SdkError<E>) -> HookError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match &error {
        SdkError::ServiceError(answer) => {
            let (code, message) = (answer.err().code().unwrap_or("no code"), answer.err().message().unwrap_or(""));
            HookError::new(reason(code, answer.raw().status().as_u16()), &format!("{code}: {message}"))
        }
        SdkError::ConstructionFailure(_) => {
            HookError::new(HookFailure::Other, &DisplayErrorContext(&error).to_string())
        }
        _ => HookError::new(HookFailure::Unreachable, &DisplayErrorContext(&error).to_string()),
    }
}

/// AWS's words for why a call failed, in ours.
fn reason(code: &str, status: u16) -> HookFailure {
    match code {
        "Throttling" | "ThrottlingException" | "TooManyRequestsException" | "RequestLimitExceeded" | "SlowDown" => {
            HookFailure::Throttled
        }
        "NoSuchEntity" => HookFailure::NotFound,
        "UnmodifiableEntity" => HookFailure::Unmodifiable,
        "LimitExceeded" => HookFailure::LimitExceeded,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch" => HookFailure::Denied,
        // Fresh credentials may be there at the next attempt; and IAM's own word for a change that is under way.
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "ConcurrentModification"
        | "EntityTemporarilyUnmodifiable" => HookFailure::ServerError,
        _ if status == 429 => HookFailure::Throttled,
        _ if status >= 500 => HookFailure::ServerError,
        _ => HookFailure::Other,
    }
}
