//! An event: a record decoded into our own type. Who, did what, to which resources, when, with what outcome.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::time::Second;

/// A text of a record: a short one takes no memory of its own, copies of a long one share theirs.
pub type Text = SmolStr;

/// A few texts, mostly one.
pub type Texts = SmallVec<[Text; 1]>;

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Ends the life of a resource.
    Destroy,
    /// Begins the life of a resource.
    Create,
    /// Stops, reboots, detaches or scales to zero.
    Disrupt,
    /// Switches a protection off.
    Unguard,
    /// Widens permissions.
    Escalate,
    /// Reads.
    Observe,
    /// Anything else.
    Other,
}

/// Whether a call took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// No error code: accepted.
    Ok,
    /// Refused for want of permission.
    Denied,
    /// Failed for any other reason: throttled, absent already, in conflict, a dry run, an internal error.
    Failed,
}

/// The kind of identity that a record names (`userIdentity.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKind {
    /// The account's root user.
    Root,
    /// An IAM user.
    IamUser,
    /// A session of a role.
    AssumedRole,
    /// A session of GetFederationToken.
    FederatedUser,
    /// An AWS service acting by itself (also records with only an account and `invokedBy`).
    AwsService,
    /// A caller of another account.
    AwsAccount,
    /// An Identity Center user with a bearer token.
    IdentityCenterUser,
    /// A user of a SAML identity provider, who calls AssumeRoleWithSAML and nothing else.
    SamlUser,
    /// A subject of an OpenID Connect provider, which calls AssumeRoleWithWebIdentity and nothing else.
    WebIdentityUser,
    /// Any other kind, or none.
    Unknown,
}

/// Who made a call, as the record says it. A string the record lacks is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The kind of identity.
    pub kind: IdentityKind,
    /// The caller's account (12 digits).
    pub account: Text,
    /// The caller's ARN as recorded: for a role session the `assumed-role` ARN of STS.
    pub arn: Text,
    /// The unique id: `AROA…:session name` or `AIDA…`.
    pub principal_id: Text,
    /// The access key that signed the call.
    pub access_key: Text,
    /// The ARN of the role behind a session (`sessionContext.sessionIssuer.arn`).
    pub issuer_arn: Text,
    /// The unique id of the role behind a session.
    pub issuer_id: Text,
    /// `sourceIdentity`, which sticks through role chaining.
    pub source_identity: Text,
    /// The Identity Center user id, from `onBehalfOf`.
    pub identity_center_user: Text,
    /// The AWS service through which the call came.
    pub invoked_by: Text,
    /// The ARN of the sign-in session whose changing credentials this is one of; empty if absent.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub sign_in_session: Text,
}

impl Identity {
    /// The ARN of the IAM entity that acts: the role behind a session, the user, or root. Where a record of a session
    /// lacks its issuer, the role's ARN is put together from the session's (without the role's path, which STS omits).
    pub fn entity_arn(&self) -> Cow<'_, str> {
        if !self.issuer_arn.is_empty() {
            return Cow::Borrowed(&self.issuer_arn);
        }
        let mut parts = self.arn.splitn(6, ':');
        let (Some("arn"), Some(partition), Some("sts"), Some(_), Some(account), Some(rest)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Cow::Borrowed(&self.arn);
        };
        match rest.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next()) {
            Some(role) => Cow::Owned(format!("arn:{partition}:iam::{account}:role/{role}")),
            None => Cow::Borrowed(&self.arn),
        }
    }

    /// The session's name: what follows the colon of the unique id, or nothing for identities without sessions.
    pub fn session_name(&self) -> &str {
        let colon = memchr::memchr(b':', self.principal_id.as_bytes());
        colon.and_then(|at| self.principal_id.get(at + 1..)).unwrap_or_default()
    }

    /// Whether this is an AWS service: only the type `AWSService` and roles under the reserved path count.
    pub fn is_aws_service(&self) -> bool {
        self.kind == IdentityKind::AwsService || is_service_linked(&self.entity_arn())
    }
}

/// Whether an ARN names a role under the path that only AWS services may use.
pub fn is_service_linked(arn: &str) -> bool {
    is_below(arn, b"role/aws-service-role/")
}

/// Whether an ARN names a role that IAM Identity Center keeps: AWS lets nobody else change it.
pub fn is_of_identity_center(arn: &str) -> bool {
    is_below(arn, b"role/aws-reserved/sso.amazonaws.com/")
}

/// Whether the last part of an ARN begins with a path.
fn is_below(arn: &str, path: &[u8]) -> bool {
    let mut colons = 0;
    let is_last = |byte: &u8| {
        colons += u8::from(*byte == b':');
        colons == 5
    };
    let fifth = arn.as_bytes().iter().position(is_last);
    fifth.and_then(|at| arn.as_bytes().get(at + 1..)).is_some_and(|rest| rest.starts_with(path))
}

/// How a create proves that the resource did not exist before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// It proves nothing: a put, an update, an idempotent create, or not a create.
    None,
    /// The response holds an identifier that the service assigned.
    ServerAssigned,
    /// The API fails when the name exists.
    FailsIfExists,
}

/// The weight class of a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightClass {
    /// A database, a table, a file system, a key: weighs 3.
    HoldsState,
    /// An instance, a service, a load balancer: weighs 1.
    ServesTraffic,
    /// A subnet, a volume, a snapshot, a function: weighs 0.5. Also what an unknown destructive action destroys.
    Small,
    /// A copy of what lives elsewhere: a snapshot, an image, a recovery point. Jobs that rotate them delete many. Weighs
    /// 0.5, all of them together at most 5.
    Copy,
    /// A security group, a role, a log group: usually unused by the time it is deleted. Weighs 0.2.
    UsuallyUnused,
    /// A stack: weighs nothing, since the deletes it causes carry the weight.
    Stack,
}

/// Where resources of a type live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// In one zone.
    Zonal,
    /// In the zones of its subnets.
    Subnets,
    /// In a region, in no zone.
    Regional,
    /// In no region.
    Global,
}

/// One resource that an event names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// The CloudFormation type, `AWS::EC2::Instance`, or `service:noun` where there is none.
    pub kind: Text,
    /// The weight class of the type.
    pub class: WeightClass,
    /// Where resources of this type live.
    pub scope: Scope,
    /// All names under which the event knows it: identifiers, names, ARNs; at least one, sorted, without repeats.
    /// Percent-encoding is undone. The first path segment of `parents` is not part of an alias.
    pub aliases: Texts,
    /// Identifiers of what contains it (a cluster, a vault, an API), outermost first.
    pub parents: Vec<Text>,
    /// The name that the caller gave it, if any (also a `Name` tag); empty otherwise.
    pub name: Text,
    /// For a create, what it proves.
    pub proof: Proof,
    /// Availability zones that the event itself names for it, each in the event's region.
    pub zones: Texts,
    /// Subnets that the event itself names for it; also groups of subnets, as [`Event::subnet_zones`] names them.
    pub subnets: Vec<Text>,
    /// For a destruction: a last snapshot was asked for, so that what it held is not lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_spared: bool,
    /// For a destruction: what would have stopped it, or let it be undone, was waived (`force`, no recovery window).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_forced: bool,
    /// It watches or guards others (a trail, a flow log, a detector): once it is off or gone, less is seen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_guard: bool,
}

/// What AssumeRole, AssumeRoleWithSAML, AssumeRoleWithWebIdentity, GetFederationToken and GetSessionToken hand out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The access key in the response: unique.
    pub access_key: Text,
    /// The unique id of the session made, `AROA…:session name`; empty if the response has none.
    pub session_id: Text,
}

/// The role that something runs under which a call sets going.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunsAs {
    /// The role of this ARN, which the call gives: whoever gives it may pass it on.
    Role(Text),
    /// The role that the latest earlier call for the same target gave.
    Remembered,
    /// None: what the call makes is new, and runs with the caller's own credentials.
    Caller,
}

/// A call that makes AWS act later, under a role: it starts a stack's operation or an automation, or prepares one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Under which role.
    pub runs_as: RunsAs,
    /// Names of the stack, change set or automation.
    pub targets: Vec<Text>,
    /// Whether it sets it going. Else it only prepares (CreateChangeSet).
    pub begins: bool,
}

/// A zone in which a network interface was made for a resource, by the service that the resource is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The resource's type.
    pub kind: Text,
    /// An alias of the resource.
    pub alias: Text,
    /// The zone.
    pub zone: Text,
}

/// A record, decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `eventID`.
    pub id: Text,
    /// `sharedEventID`, equal in the copies that several accounts get of one call; empty if absent.
    pub shared_id: Text,
    /// `eventTime`.
    pub time: Second,
    /// Whose trail it is: `recipientAccountId`, else the caller's account.
    pub account: Text,
    /// `awsRegion`.
    pub region: Text,
    /// The service: `eventSource` without `.amazonaws.com`, in lower case.
    pub service: Text,
    /// `eventName` without an API-version suffix.
    pub name: Text,
    /// What the action does.
    pub effect: Effect,
    /// Whether it took effect.
    pub outcome: Outcome,
    /// `errorCode`; empty if absent.
    pub error_code: Text,
    /// Who made the call.
    pub identity: Arc<Identity>,
    /// `requestID`; empty if absent.
    pub request_id: Text,
    /// `userAgent`; chosen by the caller, so it is evidence and nothing more.
    pub user_agent: Text,
    /// `sourceIPAddress`.
    pub source_ip: Text,
    /// What it created, destroyed, disrupted or unguarded.
    pub resources: Vec<Mention>,
    /// How many more it named than are kept of one event.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resources_left_out: u32,
    /// The credentials it handed out.
    pub link: Option<Box<Link>>,
    /// Pairs (subnet, zone) that the event reveals. A group of subnets is named `group:SERVICE:ACCOUNT:REGION:NAME`.
    pub subnet_zones: Vec<(Text, Text)>,
    /// The stack's operation or the automation that it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Box<Start>>,
    /// The resource whose network interface it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Box<Reach>>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Event {
    /// The action in the usual short form, `ec2:TerminateInstances`.
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.name)
    }
}
