//! Who calls: sessions of roles, users and AWS services, in the forms of `userIdentity`.

use serde_json::{Value, json};

use super::writer::{Place, Writer, pick, unique_id};

/// Someone who makes calls.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) identity: Value,
    /// The ARN of the role or user; empty for who has none.
    pub(super) entity: String,
    pub(super) address: String,
    /// Whether the call came over the network from the caller itself, so that the record describes its TLS.
    pub(super) direct: bool,
    /// Whether this is whom the scenario is about.
    pub(super) leading: bool,
    agent: String,
}

impl Caller {
    /// The user agent of one call: the AWS CLI names its own command.
    pub(super) fn user_agent(&self, service: &str, name: &str) -> String {
        self.agent.replace("{command}", &format!("{service}.{}", kebab_case(name)))
    }

    /// The same caller, as the one whom the scenario is about.
    pub(super) fn leading(mut self) -> Self {
        self.leading = true;
        self
    }

    /// The same caller with the name that the human behind it gave when the role was first assumed.
    pub(super) fn with_source_identity(mut self, name: &str) -> Self {
        self.identity["sessionContext"]["sourceIdentity"] = json!(name);
        self
    }

    /// An AWS service that calls in its own name.
    pub(super) fn service(host: &str) -> Self {
        Self {
            identity: json!({"type": "AWSService", "invokedBy": host}),
            entity: String::new(),
            address: host.to_owned(),
            direct: false,
            leading: false,
            agent: host.to_owned(),
        }
    }

    /// The agent that it calls itself.
    pub(super) fn agent(&self) -> &str {
        &self.agent
    }

    /// The same caller, for whom an AWS service makes the calls.
    pub(super) fn through(&self, host: &str, with_key: bool) -> Self {
        let mut caller = self.clone();
        caller.identity["invokedBy"] = json!(host);
        if let Some(identity) = caller.identity.as_object_mut().filter(|_| !with_key) {
            identity.remove("accessKeyId");
        }
        host.clone_into(&mut caller.address);
        host.clone_into(&mut caller.agent);
        caller.direct = false;
        caller
    }

    /// A person whom an identity provider vouches for, at STS.
    pub(super) fn saml(user: &str, provider: &str, address: &str) -> Self {
        Self {
            identity: json!({
                "type": "SAMLUser", "principalId": format!("{provider}:{user}"), "userName": user,
                "identityProvider": provider,
            }),
            entity: String::new(),
            address: address.to_owned(),
            direct: true,
            leading: false,
            agent: "aws-internal/3".to_owned(),
        }
    }

    /// A CI job that shows its token to STS.
    pub(super) fn web_identity(repository: &str, address: &str, agent: &str) -> Self {
        let subject = format!("repo:{repository}:ref:refs/heads/main");
        let provider = "token.actions.githubusercontent.com";
        Self {
            identity: json!({
                "type": "WebIdentityUser",
                "principalId": format!("{provider}:sts.amazonaws.com:{subject}"),
                "userName": subject,
                "identityProvider": provider,
            }),
            entity: String::new(),
            address: address.to_owned(),
            direct: true,
            leading: false,
            agent: agent.to_owned(),
        }
    }
}

/// A role, from which sessions come.
#[derive(Clone)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) id: String,
    pub(super) name: String,
    account: String,
    partition: &'static str,
}

impl Role {
    /// A role of the scenario's account; `path` begins and ends with a slash.
    pub(super) fn new(writer: &mut Writer, path: &str, name: &str) -> Self {
        let account = writer.place.account.clone();
        Self {
            arn: writer.place.iam_arn(&format!("role{path}{name}")),
            id: unique_id(&mut writer.random, "AROA", 21),
            name: name.to_owned(),
            account,
            partition: writer.place.partition,
        }
    }

    /// A session of this role, made at an offset from the trail's start in milliseconds.
    pub(super) fn session(&self, writer: &mut Writer, session: &str, made_at_ms: i64, agent: &str) -> Caller {
        let key = unique_id(&mut writer.random, "ASIA", 20);
        self.session_with_key(writer, session, &key, made_at_ms, agent)
    }

    /// A session of this role whose access key is known.
    pub(super) fn session_with_key(
        &self,
        writer: &mut Writer,
        session: &str,
        key: &str,
        made_at_ms: i64,
        agent: &str,
    ) -> Caller {
        let made = writer.second(made_at_ms).to_string();
        Caller {
            identity: json!({
                "type": "AssumedRole",
                "principalId": format!("{}:{session}", self.id),
                "arn": self.session_arn(session),
                "accountId": self.account,
                "accessKeyId": key,
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role", "principalId": self.id, "arn": self.arn,
                        "accountId": self.account, "userName": self.name,
                    },
                    "attributes": {"creationDate": made, "mfaAuthenticated": "false"},
                },
            }),
            entity: self.arn.clone(),
            address: address(writer),
            direct: true,
            leading: false,
            agent: agent.to_owned(),
        }
    }

    /// A session in which an AWS service works with its service-linked role.
    pub(super) fn service_session(&self, writer: &mut Writer, session: &str, host: &str) -> Caller {
        let mut caller = self.session(writer, session, 0, host);
        caller.identity["invokedBy"] = json!(host);
        if let Some(identity) = caller.identity.as_object_mut() {
            identity.remove("accessKeyId");
        }
        caller.address = host.to_owned();
        caller.direct = false;
        caller
    }

    /// The ARN of a session of this role, as STS writes it.
    pub(super) fn session_arn(&self, session: &str) -> String {
        format!("arn:{}:sts::{}:assumed-role/{}/{session}", self.partition, self.account, self.name)
    }
}

/// A user with a long-lived key.
pub(super) fn user(writer: &mut Writer, name: &str, agent: &str) -> Caller {
    let Place { account, .. } = writer.place.clone();
    let arn = writer.place.iam_arn(&format!("user/{name}"));
    Caller {
        identity: json!({
            "type": "IAMUser",
            "principalId": unique_id(&mut writer.random, "AIDA", 21),
            "arn": arn,
            "accountId": account,
            "accessKeyId": unique_id(&mut writer.random, "AKIA", 20),
            "userName": name,
        }),
        entity: arn,
        address: address(writer),
        direct: true,
        leading: false,
        agent: agent.to_owned(),
    }
}

/// An address of the ranges that are set apart for documentation.
pub(super) fn address(writer: &mut Writer) -> String {
    let network = pick(&mut writer.random, &["192.0.2", "198.51.100", "203.0.113"]);
    format!("{network}.{}", writer.random.u8(1..255))
}

/// A person's first name.
pub(super) fn person(writer: &mut Writer) -> &'static str {
    pick(&mut writer.random, &["dana", "ines", "kofi", "lena", "marek", "noor", "oskar", "priya", "tomas", "yuki"])
}

/// The user agents of the tools that appear in the scenarios.
pub(super) mod agent {
    pub(in super::super) const CLI: &str = "aws-cli/2.31.9 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0-1031-aws \
        md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/command#{command}";
    pub(in super::super) const CLI_AGENT: &str = "aws-cli/2.31.9 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0-1031-aws \
        md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython app/ops-agent cfg/retry-mode#standard md/installer#exe \
        md/command#{command}";
    pub(in super::super) const BOTO3_AGENT: &str = "Boto3/1.40.49 md/Botocore#1.40.49 ua/2.1 os/linux#6.8.0-1031-aws \
        md/arch#x86_64 lang/python#3.12.11 md/pyimpl#CPython app/ops-agent cfg/retry-mode#standard Botocore/1.40.49";
    pub(in super::super) const BOTO3: &str = "Boto3/1.40.49 md/Botocore#1.40.49 ua/2.1 os/linux#5.10.244-240.965.amzn2 \
        md/arch#x86_64 lang/python#3.12.11 md/pyimpl#CPython exec-env/AWS_Lambda_python3.12 cfg/retry-mode#legacy Botocore/1.40.49";
    pub(in super::super) const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.13.3 (+https://www.terraform.io) \
        terraform-provider-aws/6.14.1 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.39.0 \
        ua/2.1 os/linux lang/go#1.24.6 md/GOOS#linux md/GOARCH#amd64";
    pub(in super::super) const SSM_AGENT: &str =
        "aws-sdk-go/1.55.5 (go1.24.6; linux; amd64) amazon-ssm-agent/3.3.2746.0";
}

fn kebab_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 8);
    // A run of capitals (the DB of `DeleteDBInstance`) is one word.
    let letters: Vec<char> = name.trim_end_matches(|last: char| last.is_ascii_digit()).chars().collect();
    for (position, letter) in letters.iter().enumerate() {
        let before = position.checked_sub(1).and_then(|index| letters.get(index)).is_some_and(|l| l.is_lowercase());
        let after = letters.get(position + 1).is_some_and(|l| l.is_lowercase());
        if position > 0 && letter.is_uppercase() && (before || after) {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::kebab_case;

    #[test]
    fn commands_are_named_as_the_cli_names_them() {
        for (name, command) in [
            ("TerminateInstances", "terminate-instances"),
            ("DeleteDBInstance", "delete-db-instance"),
            ("DeleteFunction20150331", "delete-function"),
        ] {
            assert_eq!(kebab_case(name), command);
        }
    }
}
