//! The tool behind a call, as its user agent tells it. The caller chooses the user agent: this is shown, and lowers nothing.

/// Words in user agents and the tools they stand for; the first that fits counts. The words are those that the tools' own
/// documentation and real trails show.
const TOOLS: &[(&str, &str)] = &[
    ("terraform", "Terraform"),
    ("opentofu", "OpenTofu"),
    ("pulumi", "Pulumi"),
    ("aws-cdk", "AWS CDK"),
    ("kiro", "Kiro"),
    ("amazonq", "Amazon Q"),
    ("amazon-q", "Amazon Q"),
    ("claude", "Claude Code"),
    ("mcp", "MCP server"),
    ("eksctl", "eksctl"),
    ("ansible", "Ansible"),
    ("aws-cli", "AWS CLI"),
    ("boto3", "Boto3"),
    ("botocore", "Boto3"),
    ("aws-sdk", "AWS SDK"),
    ("signin.amazonaws.com", "console"),
    ("console.amazonaws.com", "console"),
    ("mozilla/", "console"),
    ("cloudformation.amazonaws.com", "CloudFormation"),
    ("autoscaling.amazonaws.com", "Auto Scaling"),
];

/// The tool that a user agent names; empty if it names none that we know.
pub fn tool_of(user_agent: &str) -> &'static str {
    let lower = user_agent.to_ascii_lowercase();
    TOOLS.iter().find(|(word, _)| lower.contains(word)).map_or("", |(_, tool)| tool)
}

#[cfg(test)]
mod tests {
    use super::tool_of;

    #[test]
    fn tells_tools_by_their_user_agents() {
        for (user_agent, expected) in [
            ("APN/1.0 HashiCorp/1.0 Terraform/1.5.0 terraform-provider-aws/5.0 aws-sdk-go/1.44", "Terraform"),
            ("aws-cli/2.13.0 Python/3.11 md/Botocore", "AWS CLI"),
            ("Boto3/1.26 md/Botocore#1.29", "Boto3"),
            ("Mozilla/5.0 (X11; Linux x86_64)", "console"),
            ("something", ""),
            ("", ""),
        ] {
            assert_eq!(tool_of(user_agent), expected, "{user_agent}");
        }
    }
}
