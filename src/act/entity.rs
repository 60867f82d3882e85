//! The role or user that a pause key names, taken apart.

use trailbrake_detectors::engine::PauseKey;

/// What kind of IAM entity it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A role.
    Role,
    /// A user.
    User,
}

/// A role or user, as its ARN tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entity<'a> {
    /// AWS's partition: `aws`, `aws-cn`, `aws-us-gov`.
    pub(super) partition: &'a str,
    /// The account, 12 digits.
    pub(super) account: &'a str,
    /// A role or a user.
    pub(super) kind: Kind,
    /// What stands before the name: empty, or with a slash at its end.
    pub(super) path: &'a str,
    /// The name by which IAM's API knows it.
    pub(super) name: &'a str,
}

/// Takes a key apart; nothing if it does not name a role or user of its account.
pub(super) fn parse(key: &PauseKey) -> Option<Entity<'_>> {
    let mut parts = key.entity.splitn(6, ':');
    let (Some("arn"), Some(partition), Some("iam"), Some(""), Some(account), Some(resource)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let (kind, rest) = match resource.split_once('/')? {
        ("role", rest) => (Kind::Role, rest),
        ("user", rest) => (Kind::User, rest),
        _ => return None,
    };
    let (path, name) = rest.rfind('/').map_or(("", rest), |slash| rest.split_at(slash + 1));
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_partition = partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte));
    let fits = is_account && is_partition && is_name && account == key.account;
    fits.then_some(Entity { partition, account, kind, path, name })
}

impl Entity<'_> {
    /// Whether AWS made it for one of its services: nobody can change what it may do.
    pub(super) fn is_service_linked(&self) -> bool {
        self.path.starts_with("aws-service-role/")
    }

    /// Whether IAM Identity Center keeps it: IAM refuses changes.
    pub(super) fn is_reserved(&self) -> bool {
        self.path.starts_with("aws-reserved/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_roles_and_users_apart_and_refuses_the_rest() {
        let cases = [
            ("arn:aws:iam::123456789012:role/agent", Some(("aws", Kind::Role, "", "agent"))),
            ("arn:aws-cn:iam::123456789012:user/a/b/Jane.Doe@x", Some(("aws-cn", Kind::User, "a/b/", "Jane.Doe@x"))),
            (
                "arn:aws:iam::123456789012:role/aws-service-role/x/Y",
                Some(("aws", Kind::Role, "aws-service-role/x/", "Y")),
            ),
            ("arn:aws:iam::123456789012:root", None),
            ("arn:aws:iam::123456789012:group/admins", None),
            ("arn:aws:iam::999999999999:role/agent", None),
            ("arn:aws:iam::123456789012:role/", None),
            ("arn:aws:iam::123456789012:role/a b", None),
            ("arn:aws:iam::123456789012:role/a:b", None),
            ("arn:aws:sts::123456789012:assumed-role/agent/session", None),
            ("AROAEXAMPLE", None),
            ("", None),
        ];
        for (arn, expected) in cases {
            let key = PauseKey { account: "123456789012".to_owned(), entity: arn.to_owned(), session: "*".to_owned() };
            let found = parse(&key).map(|entity| (entity.partition, entity.kind, entity.path, entity.name));
            assert_eq!(found, expected, "{arn}");
        }
    }
}
