//! Attaches one of our two managed deny policies to the role or user.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_iam::Client;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_smithy_http_client::tls;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use trailbrake_detectors::engine::{Desired, PauseKey, Rung};

use super::{Calling, Change, Hook, HookError, HookFailure, Inspection, Observed, policy};
use crate::act::entity::{self, Entity, Kind};

mod calls;

/// IAM, and who we are there.
pub(super) struct AwsIam {
    iam: Client,
    sts: aws_sdk_sts::Client,
    destructive_policy: String,
    all_policy: String,
    own_arn: OnceCell<String>,
}

/// What a change does, in this order.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Steps {
    attach: Vec<String>,
    detach: Vec<String>,
}

impl AwsIam {
    /// Takes credentials from where AWS's own tools take them. Retries are `act`'s, not the SDK's.
    pub(super) async fn connect(region: &str, endpoint: Option<&str>, policies: [&str; 2]) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.to_owned())).http_client(http);
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let shared = loader.load().await;
        let iam = aws_sdk_iam::config::Builder::from(&shared).retry_config(RetryConfig::disabled()).build();
        let sts = aws_sdk_sts::config::Builder::from(&shared).retry_config(RetryConfig::disabled()).build();
        let [destructive_policy, all_policy] = policies.map(str::to_owned);
        Self {
            iam: Client::from_conf(iam),
            sts: aws_sdk_sts::Client::from_conf(sts),
            destructive_policy,
            all_policy,
            own_arn: OnceCell::new(),
        }
    }

    fn policy_arn(&self, entity: &Entity<'_>, rung: Rung) -> String {
        let name = match rung {
            Rung::Destructive => &self.destructive_policy,
            Rung::All => &self.all_policy,
        };
        policy::policy_arn(entity.partition, entity.account, name)
    }

    /// The ARN and unique id of the entity that IAM knows under the key's name. Names are unique in an account only, and
    /// without their path: an entity with another ARN is another one.
    async fn identify(&self, key: &PauseKey, entity: &Entity<'_>) -> Result<[String; 2], HookError> {
        let [arn, unique_id] = calls::get_entity(&self.iam, entity).await?;
        if arn != key.entity {
            return Err(HookError::new(HookFailure::NotFound, &format!("the name belongs to another entity: {arn}")));
        }
        Ok([arn, unique_id])
    }

    async fn observe(&self, key: &PauseKey) -> Result<Observed, HookError> {
        let entity = target(key)?;
        let (_, attached) = tokio::try_join!(self.identify(key, &entity), calls::list_attached(&self.iam, &entity))?;
        let is_attached = |rung| attached.contains(&self.policy_arn(&entity, rung));
        Ok(if is_attached(Rung::All) {
            Observed::Paused(Rung::All)
        } else if is_attached(Rung::Destructive) {
            Observed::Paused(Rung::Destructive)
        } else {
            Observed::Free
        })
    }

    async fn find_out(&self, key: &PauseKey, rung: Rung) -> Result<Inspection, HookError> {
        let entity = target(key)?;
        let (names, own_arn, refusal) = tokio::try_join!(
            self.identify(key, &entity),
            self.own_arn.get_or_try_init(|| calls::get_own_arn(&self.sts)),
            self.compare_document(&entity, rung),
        )?;
        Ok(Inspection { is_own: is_own(own_arn, &names[0], &entity), names: names.to_vec(), refusal })
    }

    /// Whether the managed policy that would be attached says what ours says, and only denies.
    async fn compare_document(&self, entity: &Entity<'_>, rung: Rung) -> Result<Option<&'static str>, HookError> {
        let document = match calls::get_document(&self.iam, &self.policy_arn(entity, rung)).await {
            Ok(document) => document,
            Err(error) if error.reason == HookFailure::NotFound => return Ok(Some("policy-missing")),
            Err(error) => return Err(error),
        };
        let text = percent_decode_str(&document).decode_utf8_lossy();
        let is_ours = serde_json::from_str(&text).is_ok_and(|document| {
            policy::is_deny_only(&document) && policy::is_same(&document, &policy::document(rung))
        });
        Ok((!is_ours).then_some("policy-differs"))
    }

    async fn carry_out(&self, change: &Change) -> Result<(), HookError> {
        let entity = target(&change.key)?;
        let steps = Steps::deserialize(&change.change)
            .map_err(|error| HookError::new(HookFailure::Other, &error.to_string()))?;
        for arn in &steps.attach {
            calls::attach(&self.iam, &entity, arn).await?;
        }
        for arn in &steps.detach {
            match calls::detach(&self.iam, &entity, arn).await {
                Err(error) if error.reason != HookFailure::NotFound => return Err(error),
                Err(_) | Ok(()) => {}
            }
        }
        Ok(())
    }
}

impl Hook for AwsIam {
    fn name(&self) -> &'static str {
        "aws-iam"
    }

    fn read<'a>(&'a self, key: &'a PauseKey) -> Calling<'a, Observed> {
        Box::pin(self.observe(key))
    }

    fn inspect<'a>(&'a self, key: &'a PauseKey, rung: Rung) -> Calling<'a, Inspection> {
        Box::pin(self.find_out(key, rung))
    }

    /// Resuming detaches both policies, as an earlier climb may have left both.
    fn plan(&self, desired: &Desired, observed: Observed) -> Result<Option<Change>, HookError> {
        let entity = target(&desired.key)?;
        let arn = |rung| self.policy_arn(&entity, rung);
        let both = || vec![arn(Rung::Destructive), arn(Rung::All)];
        let before = match observed {
            Observed::Paused(rung) => Some(rung),
            Observed::Free | Observed::Unknown => None,
        };
        if before == desired.rung {
            return Ok(None);
        }
        let change = match desired.rung {
            Some(Rung::Destructive) => Steps { attach: vec![arn(Rung::Destructive)], detach: vec![arn(Rung::All)] },
            Some(Rung::All) => Steps { attach: vec![arn(Rung::All)], detach: vec![arn(Rung::Destructive)] },
            None => Steps { attach: Vec::new(), detach: both() },
        };
        let undo = match before {
            Some(rung) => Steps {
                attach: vec![arn(rung)],
                detach: both().into_iter().filter(|other| *other != arn(rung)).collect(),
            },
            None => Steps { attach: Vec::new(), detach: both() },
        };
        let json = |steps: &Steps| {
            serde_json::to_value(steps).map_err(|error| HookError::new(HookFailure::Other, &error.to_string()))
        };
        Ok(Some(Change {
            key: desired.key.clone(),
            generation: desired.generation,
            to: desired.rung,
            change: json(&change)?,
            undo: json(&undo)?,
        }))
    }

    fn make<'a>(&'a self, change: &'a Change) -> Calling<'a, ()> {
        Box::pin(self.carry_out(change))
    }
}

/// The entity of a key, if this hook can pause it: a managed policy holds for all sessions of an entity.
fn target(key: &PauseKey) -> Result<Entity<'_>, HookError> {
    let refuse = |why| HookError::new(HookFailure::Unmodifiable, why);
    let entity = entity::parse(key).ok_or_else(|| refuse("not a role or user of its account"))?;
    if entity.is_reserved() {
        return Err(refuse("IAM Identity Center keeps this role"));
    }
    if key.session != "*" {
        return Err(refuse("a managed policy cannot pause one session only"));
    }
    Ok(entity)
}

/// Whether our own credentials are the entity's. A role's sessions name the role without its path.
fn is_own(own_arn: &str, entity_arn: &str, entity: &Entity<'_>) -> bool {
    if entity.kind == Kind::User {
        return own_arn == entity_arn;
    }
    let prefix = format!("arn:{}:sts::{}:assumed-role/", entity.partition, entity.account);
    let own_role = own_arn.strip_prefix(&prefix).and_then(|rest| rest.split('/').next());
    own_role.is_some_and(|own_role| own_role.eq_ignore_ascii_case(entity.name))
}

#[cfg(test)]
mod tests;
