//! Why somebody cannot be paused, in words.

/// Why a pause is out of reach, and what could be done in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WhyNot {
    /// Why it cannot be.
    pub(crate) why: &'static str,
    /// What would be needed.
    pub(crate) instead: &'static str,
}

/// What the word means by which the brake, or `act`, says that somebody cannot be paused; nothing for words of others.
pub(crate) fn why_not(reason: &str) -> Option<WhyNot> {
    let (why, instead) = match reason {
        "identity-center" => (
            "IAM Identity Center keeps this role, and AWS lets nobody attach a policy to it",
            "take the assignment away in Identity Center by hand, or let [act.webhook] do it",
        ),
        "aws-service" | "service-linked" => (
            "AWS acts here by itself or through a role of its own, which nobody can restrict",
            "stop what set the service going",
        ),
        "root" => (
            "no policy of an account binds its root user",
            "a service control policy of the organisation would, or take its password and keys away",
        ),
        "no-iam-entity" | "not-a-role-or-user" => (
            "it is no role or user of IAM that a policy could be attached to",
            "take its credentials away where they come from",
        ),
        "protected" => (
            "the configuration protects it ([brake] protected)",
            "decide by hand; take it out of that list if it should be paused",
        ),
        "own-identity" => (
            "the hook itself acts as this principal",
            "give the hook a role of its own: trailbrake iam-policy --hook-role",
        ),
        _ => return None,
    };
    Some(WhyNot { why, instead })
}
