//! The documents of our two managed policies, and of the role that attaches them. Pure.

use serde_json::{Value, json};
use trailbrake_detectors::engine::Rung;

/// What a managed policy may hold, in characters without white space.
pub const CHARACTERS_MAX: usize = 6_144;

/// What `destructive` denies, by service: destruction, and what leads around the deny (new credentials, policy and
/// trust changes, other roles, changes that others carry out). Creates and `iam:PassRole` stay allowed.
const DESTRUCTIVE: &[(&str, &str)] = &[
    ("acm", "Delete*"),
    ("aoss", "Delete* UpdateCollection"),
    ("apigateway", "DELETE"),
    ("application-autoscaling", "Delete* Deregister*"),
    ("apprunner", "Delete*"),
    ("athena", "Delete*"),
    ("autoscaling", "BatchDelete* Delete* Detach* EnterStandby Set* Suspend* Terminate* UpdateAutoScalingGroup"),
    ("backup", "Delete* Disassociate* Stop* UpdateRecoveryPointLifecycle"),
    ("batch", "Delete* Deregister* Terminate* UpdateComputeEnvironment"),
    ("bedrock", "Delete*"),
    ("cassandra", "Drop* UpdateTable*"),
    ("cloudformation", "Cancel* Continue* Deactivate* Delete* Deregister* Execute* Rollback* SetStackPolicy Update*"),
    ("cloudfront", "Delete*"),
    ("cloudtrail", "Delete* Deregister* Disable* PutEventSelectors Stop* Update*"),
    ("cloudwatch", "Delete* Disable* Stop*"),
    ("cognito-idp", "AdminDelete* Delete* UpdateUserPool"),
    ("config", "Delete* Stop*"),
    ("datasync", "Delete*"),
    ("directconnect", "Delete* Disassociate*"),
    ("dms", "Delete* Stop*"),
    ("ds", "Delete* Disable* Remove*"),
    ("dsql", "Delete* UpdateCluster"),
    ("dynamodb", "Delete* Disable* PartiQLDelete UpdateContinuousBackups UpdateTable"),
    (
        "ec2",
        "Cancel* Delete* Deprovision* Deregister* Detach* Dis* ModifyFleet ModifyInstanceAttribute \
         ModifySpotFleetRequest Reboot* Release* Replace* Reset* Revoke* Stop* Terminate* Unassign* Unlock* Withdraw*",
    ),
    ("ecr", "BatchDelete* Delete* PutLifecyclePolicy"),
    ("ecs", "Delete* Deregister* Disassociate* Stop* UpdateService*"),
    ("eks", "Delete* Deregister* Disassociate* UpdateClusterConfig UpdateNodegroupConfig"),
    ("elasticache", "Batch* Decrease* Delete* Disassociate* Failover* Reboot* Revoke*"),
    ("elasticbeanstalk", "Delete* Rebuild* Terminate*"),
    ("elasticfilesystem", "Delete* PutLifecycleConfiguration"),
    ("elasticloadbalancing", "Delete* Deregister* Detach* Disable* ModifyLoadBalancerAttributes Remove*"),
    ("elasticmapreduce", "Delete* SetTerminationProtection Terminate*"),
    ("es", "Delete* ESHttpDelete"),
    ("events", "Deauthorize* Delete* Disable* Remove*"),
    ("firehose", "Delete*"),
    ("fsx", "Delete* Detach* Disassociate*"),
    ("globalaccelerator", "Delete* Remove*"),
    ("glue", "BatchDelete* BatchStop* Delete* Stop*"),
    ("guardduty", "Delete* Dis* Stop* Update*"),
    (
        "iam",
        "Add* Attach* ChangePassword Create* Deactivate* Delete* Detach* Disable* Enable* Put* Remove* Reset* Set* Tag* \
         Untag* Update* Upload*",
    ),
    ("kafka", "Delete*"),
    ("kinesis", "Decrease* Delete* Disable* MergeShards"),
    ("kms", "Delete* Dis* PutKeyPolicy RetireGrant RevokeGrant ScheduleKeyDeletion"),
    ("lambda", "Delete* Disable* PutFunctionConcurrency Remove*"),
    ("logs", "Delete* Disassociate* PutLogGroupDeletionProtection PutRetentionPolicy"),
    ("memorydb", "Delete*"),
    ("mq", "Delete*"),
    ("neptune-graph", "Delete* Reset*"),
    ("network-firewall", "Delete* Disassociate* Update*Protection"),
    ("organizations", "Attach* Close* Delete* Deregister* Detach* Disable* Leave* Remove* UpdatePolicy"),
    ("ram", "Delete* Disassociate*"),
    ("rbin", "Delete* Unlock* Update*"),
    (
        "rds",
        "Backtrack* Delete* Deregister* Failover* ModifyDBCluster ModifyDBInstance ModifyGlobalCluster Reboot* Remove* \
         Reset* Revoke* Stop* Switchover*",
    ),
    ("redshift", "BatchDelete* Delete* ModifyCluster Pause* Reboot* Revoke*"),
    ("redshift-serverless", "Delete*"),
    ("route53", "ChangeResourceRecordSets Deactivate* Delete* Dis*"),
    ("route53resolver", "Delete* Disassociate*"),
    (
        "s3",
        "BypassGovernanceRetention Delete* PutBucketPolicy PutBucketVersioning \
         PutLifecycleConfiguration PutObject*Lock* PutReplicationConfiguration",
    ),
    ("s3tables", "Delete*"),
    ("sagemaker", "BatchDelete* Delete* Deregister* Stop*"),
    ("scheduler", "Delete*"),
    ("secretsmanager", "Delete* Remove*"),
    ("securityhub", "BatchDisable* Delete* Dis*"),
    ("servicediscovery", "Delete* Deregister*"),
    ("sns", "Delete* RemovePermission"),
    ("sqs", "Delete* PurgeQueue RemovePermission"),
    ("ssm", "Cancel* Delete* Deregister* SendCommand StartAutomationExecution Terminate*"),
    ("sso", "Attach* Create* Delete* Detach* Disassociate* Put* Update*"),
    ("states", "Delete* Stop*"),
    ("sts", "Assume* GetFederationToken GetSessionToken"),
    ("timestream", "Delete*"),
    ("transfer", "Delete* Stop*"),
    ("vpc-lattice", "Delete* Deregister*"),
    ("wafv2", "Delete* Disassociate*"),
    ("workspaces", "Delete* Disassociate* Rebuild* Stop* Terminate*"),
];

/// The document of a rung's managed policy: what `iam-policy` prints, and what must be in the account.
pub fn document(rung: Rung) -> Value {
    let (sid, actions) = match rung {
        Rung::Destructive => ("TrailbrakeDenyDestructive", Value::from(destructive_actions())),
        Rung::All => ("TrailbrakeDenyAll", Value::from("*")),
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Sid": sid, "Effect": "Deny", "Action": actions, "Resource": "*"}],
    })
}

/// The document of the role that `act` works with: it may look at entities and at our policies, and attach and detach
/// our policies and no others. `names` are the names of our managed policies, with their paths.
pub fn hook_role_document(account: &str, partition: &str, names: &[&str]) -> Value {
    let entities = ["role", "user"].map(|kind| format!("arn:{partition}:iam::{account}:{kind}/*"));
    let policies: Vec<String> = names.iter().map(|name| policy_arn(partition, account, name)).collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TrailbrakeLook",
                "Effect": "Allow",
                "Action": [
                    "iam:GetRole", "iam:GetUser", "iam:ListAttachedRolePolicies", "iam:ListAttachedUserPolicies"
                ],
                "Resource": entities,
            },
            {
                "Sid": "TrailbrakeLookAtOwnPolicies",
                "Effect": "Allow",
                "Action": ["iam:GetPolicy", "iam:GetPolicyVersion"],
                "Resource": policies,
            },
            {
                "Sid": "TrailbrakePauseAndResume",
                "Effect": "Allow",
                "Action": [
                    "iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:DetachRolePolicy", "iam:DetachUserPolicy"
                ],
                "Resource": entities,
                "Condition": {"ArnEquals": {"iam:PolicyARN": policies}},
            },
        ],
    })
}

/// The ARN of a managed policy of an account.
pub fn policy_arn(partition: &str, account: &str, name: &str) -> String {
    format!("arn:{partition}:iam::{account}:policy/{name}")
}

/// Whether a document can only take rights away: each statement denies.
pub fn is_deny_only(document: &Value) -> bool {
    let statements = listed(document.get("Statement"));
    !statements.is_empty() && statements.iter().all(|statement| statement.get("Effect") == Some(&Value::from("Deny")))
}

/// Whether two documents say the same: a single value is a list of one, and the order of a list means nothing.
pub fn is_same(one: &Value, other: &Value) -> bool {
    normal(one) == normal(other)
}

fn destructive_actions() -> Vec<String> {
    let of_service = |(service, actions): &(&str, &str)| {
        actions.split_whitespace().map(|action| format!("{service}:{action}")).collect()
    };
    DESTRUCTIVE.iter().flat_map::<Vec<String>, _>(of_service).collect()
}

fn listed(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    }
}

/// The document with each single value as a list of one, and lists sorted.
fn normal(document: &Value) -> Value {
    let Value::Object(members) = document else { return document.clone() };
    let member = |(name, value): (&String, &Value)| {
        let mut values: Vec<Value> = listed(Some(value)).into_iter().map(normal).collect();
        values.sort_by_cached_key(Value::to_string);
        (name.clone(), Value::from(values))
    };
    Value::Object(members.iter().map(member).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn is_denied(action: &str) -> bool {
        destructive_actions().iter().any(|pattern| matches(pattern.as_bytes(), action.as_bytes()))
    }

    /// IAM's own matching: `*` is any number of characters, case does not matter.
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) if matches(rest, text) => true,
            (Some((b'*', _)), Some((_, text))) => matches(pattern, text),
            (Some((one, rest)), Some((other, text))) => one.eq_ignore_ascii_case(other) && matches(rest, text),
            _ => false,
        }
    }

    #[test]
    fn documents_only_deny_and_fit_into_a_managed_policy() {
        for rung in [Rung::Destructive, Rung::All] {
            let document = document(rung);
            assert!(is_deny_only(&document), "{document}");
            assert!(!document.to_string().contains("Allow"));
            let characters = document.to_string().chars().filter(|character| !character.is_whitespace()).count();
            assert!(characters <= CHARACTERS_MAX, "{rung:?}: {characters}");
        }
    }

    #[test]
    fn patterns_are_valid_ordered_and_said_once() {
        let services: Vec<&str> = DESTRUCTIVE.iter().map(|(service, _)| *service).collect();
        let sorted: BTreeSet<&str> = services.iter().copied().collect();
        assert_eq!(services, sorted.into_iter().collect::<Vec<_>>(), "by service, each once");
        for (service, actions) in DESTRUCTIVE {
            assert!(service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "no wildcard: {service}");
            let actions: Vec<&str> = actions.split_whitespace().collect();
            assert!(actions.is_sorted(), "{service}: {actions:?}");
            for action in &actions {
                assert!(action.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'*'), "{service}:{action}");
                assert_ne!(*action, "*", "{service}");
            }
        }
    }

    #[test]
    fn destructive_denies_destruction_and_ways_around_and_leaves_the_rest() {
        let denied = [
            "ec2:TerminateInstances",
            "ec2:DeleteVolume",
            "ec2:DetachVolume",
            "rds:DeleteDBCluster",
            "dynamodb:DeleteTable",
            "s3:DeleteObject",
            "s3:DeleteBucket",
            "ecs:DeleteService",
            "eks:DeleteCluster",
            "lambda:DeleteFunction",
            "elasticloadbalancing:DeleteLoadBalancer",
            "autoscaling:DeleteAutoScalingGroup",
            "autoscaling:SetDesiredCapacity",
            "cloudformation:DeleteStack",
            "cloudformation:ExecuteChangeSet",
            "kms:ScheduleKeyDeletion",
            "iam:DeleteRole",
            "iam:DetachRolePolicy",
            "iam:CreateAccessKey",
            "iam:UpdateAssumeRolePolicy",
            "iam:PutRolePolicy",
            "route53:ChangeResourceRecordSets",
            "elasticache:DeleteReplicationGroup",
            "sts:AssumeRole",
            "cloudtrail:StopLogging",
            "ssm:StartAutomationExecution",
        ];
        let left = [
            "ec2:RunInstances",
            "ec2:CreateVolume",
            "ec2:DescribeInstances",
            "rds:CreateDBInstance",
            "iam:PassRole",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "cloudformation:CreateStack",
            "s3:PutObject",
            "s3:GetObject",
            "lambda:CreateFunction",
            "sts:GetCallerIdentity",
        ];
        let wrong: Vec<&str> = denied.into_iter().filter(|action| !is_denied(action)).collect();
        assert!(wrong.is_empty(), "must be denied: {wrong:?}");
        let wrong: Vec<&str> = left.into_iter().filter(|action| is_denied(action)).collect();
        assert!(wrong.is_empty(), "must be left: {wrong:?}");
    }

    #[test]
    fn tells_the_same_document_in_another_form_from_a_different_one() {
        let ours = document(Rung::All);
        let other_form = json!({
            "Statement": {"Resource": ["*"], "Action": ["*"], "Effect": "Deny", "Sid": "TrailbrakeDenyAll"},
            "Version": "2012-10-17",
        });
        assert!(is_same(&ours, &other_form));
        assert!(!is_same(&ours, &document(Rung::Destructive)));
        let mut with_condition = other_form.clone();
        with_condition["Statement"]["Condition"] = json!({"Bool": {"aws:MultiFactorAuthPresent": "false"}});
        assert!(!is_same(&ours, &with_condition));

        let mut with_allow = document(Rung::All);
        if let Some(statements) = with_allow["Statement"].as_array_mut() {
            statements.push(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        }
        assert!(!is_deny_only(&with_allow));
        for nothing in [json!({}), json!([]), json!({"Statement": []}), json!({"Statement": "Deny"}), json!(null)] {
            assert!(!is_deny_only(&nothing), "{nothing}");
        }
    }

    #[test]
    fn the_hooks_role_may_change_nothing_but_where_our_policies_are() {
        let names = ["trailbrake/destructive", "trailbrake/all"];
        let document = hook_role_document("123456789012", "aws-cn", &names);
        let policies = names.map(|name| format!("arn:aws-cn:iam::123456789012:policy/{name}"));
        for statement in document["Statement"].as_array().expect("statements") {
            let actions: Vec<&str> = listed(statement.get("Action")).into_iter().filter_map(Value::as_str).collect();
            let only_looks =
                actions.iter().all(|action| action.starts_with("iam:Get") || action.starts_with("iam:List"));
            let condition = &statement["Condition"]["ArnEquals"]["iam:PolicyARN"];
            assert!(only_looks || *condition == json!(policies), "{statement}");
            assert!(actions.iter().all(|action| !action.contains('*')), "{statement}");
        }
    }
}
