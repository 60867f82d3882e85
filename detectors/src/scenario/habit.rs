//! What a principal does again and again, and the sessions in which it does it.

use serde_json::json;

use super::caller::{Caller, Role, address};
use super::routine;
use super::writer::{Writer, unique_id};

/// Something that a principal does again and again.
pub(super) trait Habit {
    /// Does it once, from an offset in milliseconds on; returns when it does it again.
    fn act(&mut self, writer: &mut Writer, at_ms: i64) -> i64;
}

/// Keeps to a habit until an offset; returns when it would go on.
pub(super) fn keep(writer: &mut Writer, habit: &mut dyn Habit, from_ms: i64, until_ms: i64) -> i64 {
    let mut now_ms = from_ms;
    while now_ms < until_ms {
        now_ms = habit.act(writer, now_ms).max(now_ms + 1_000);
    }
    now_ms
}

/// A session is renewed when it is this old: credentials last for an hour.
const RENEWED_AFTER_MS: i64 = 55 * 60 * 1000;

/// Who assumes a role.
pub(super) enum Broker {
    /// Someone whom the trail shows.
    Caller(Box<Caller>),
    /// A pod, with the token of its service account.
    Pod(Box<Caller>),
}

impl Broker {
    /// An AWS service on whose behalf something runs.
    pub(super) fn service(host: &str) -> Self {
        Self::Caller(Box::new(Caller::service(host)))
    }

    /// A pod with this service account.
    pub(super) fn pod(writer: &mut Writer, account: &str, agent: &str) -> Self {
        let issuer = format!("oidc.eks.{}.amazonaws.com/id/{:032X}", writer.place.region, writer.random.u128(..),);
        let provider = format!("arn:aws:iam::{}:oidc-provider/{issuer}", writer.place.account);
        let subject = format!("system:serviceaccount:{account}");
        let from = address(writer);
        let mut caller = Caller::web_identity("", &from, agent);
        caller.identity = json!({
            "type": "WebIdentityUser", "principalId": format!("{provider}:sts.amazonaws.com:{subject}"),
            "userName": subject, "identityProvider": provider,
        });
        Self::Pod(Box::new(caller))
    }
}

/// The sessions of one principal that works for hours: each has an AssumeRole record, and is renewed before it ends.
pub(super) struct Sessions {
    role: Role,
    name: String,
    broker: Broker,
    agent: &'static str,
    address: String,
    open: Option<(i64, Caller)>,
}

impl Sessions {
    pub(super) fn new(writer: &mut Writer, role: Role, name: &str, broker: Broker, agent: &'static str) -> Self {
        let address = address(writer);
        Self { role, name: name.to_owned(), broker, agent, address, open: None }
    }

    /// The session at an offset, renewed if it is old.
    pub(super) fn at(&mut self, writer: &mut Writer, at_ms: i64) -> Caller {
        if let Some((made_ms, caller)) = &self.open
            && at_ms - made_ms < RENEWED_AFTER_MS
        {
            return caller.clone();
        }
        let key = unique_id(&mut writer.random, "ASIA", 20);
        let (broker, name, action) = match &self.broker {
            Broker::Caller(caller) => (caller, self.name.clone(), "AssumeRole"),
            // The SDK names such a session by the nanosecond.
            Broker::Pod(caller) => {
                let second = writer.second(at_ms).0;
                (caller, format!("{second}{:09}", writer.random.u32(..1_000_000_000)), "AssumeRoleWithWebIdentity")
            }
        };
        let request = json!({"roleArn": self.role.arn, "roleSessionName": name});
        let call = routine::assume(writer, &self.role, action, &name, &key, at_ms, request);
        writer.call(broker, at_ms, call);
        let mut caller = self.role.session_with_key(writer, &name, &key, at_ms, self.agent).leading();
        caller.address.clone_from(&self.address);
        if let Broker::Pod(pod) = &self.broker {
            caller.identity["sessionContext"]["webIdFederationData"] =
                json!({"federatedProvider": pod.identity["identityProvider"], "attributes": {}});
        }
        self.open = Some((at_ms, caller.clone()));
        caller
    }
}
