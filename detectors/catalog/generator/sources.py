"""Which event source each service logs under, where the models alone do not say."""

# Service of botocore: source of its events, without `.amazonaws.com`.
SOURCES = {
    "amp": "aps", "application-autoscaling": "autoscaling", "appstream": "appstream2", "bedrock-agent": "bedrock",
    "bedrock-agent-runtime": "bedrock", "bedrock-agentcore": "bedrock-agentcore",
    "bedrock-agentcore-control": "bedrock-agentcore", "bedrock-data-automation": "bedrock",
    "bedrock-data-automation-runtime": "bedrock", "bedrock-runtime": "bedrock", "chime": "chime",
    "chime-sdk-identity": "chime", "chime-sdk-media-pipelines": "chime", "chime-sdk-meetings": "chime",
    "chime-sdk-messaging": "chime", "chime-sdk-voice": "chime", "cloudhsmv2": "cloudhsm", "cloudwatch": "monitoring",
    "docdb": "rds", "efs": "elasticfilesystem", "elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing",
    "emr": "elasticmapreduce", "es": "es", "keyspaces": "cassandra", "kinesisanalyticsv2": "kinesisanalytics",
    "lex-models": "lex", "lex-runtime": "lex", "lexv2-models": "lex", "lexv2-runtime": "lex", "location": "geo",
    "mq": "amazonmq", "mwaa": "airflow", "neptune": "rds", "opensearch": "es", "opensearchserverless": "aoss",
    "pinpoint": "mobiletargeting", "resourcegroupstaggingapi": "tagging", "s3control": "s3",
    "service-quotas": "servicequotas", "ses": "ses", "sesv2": "ses", "sso-admin": "sso", "stepfunctions": "states",
    "wisdom": "wisdom", "qconnect": "wisdom", "apigatewayv2": "apigateway",
}

# Further names under which a source appears.
ALIASES = {
    "application-autoscaling": "autoscaling", "appstream": "appstream2", "models.lex": "lex", "pinpoint":
    "mobiletargeting", "elasticmapreduce": "elasticmapreduce", "neptune": "rds", "docdb": "rds", "opensearch": "es",
    "sso-admin": "sso", "sesv2": "ses", "emr": "elasticmapreduce", "cloudhsmv2": "cloudhsm", "s3-control": "s3",
    "mq": "amazonmq", "efs": "elasticfilesystem", "elb": "elasticloadbalancing", "cloudwatch": "monitoring",
    "stepfunctions": "states", "mwaa": "airflow", "amp": "aps", "keyspaces": "cassandra", "location": "geo",
    "s3-outposts": "s3", "runtime.lex": "lex",
}

# Services that share a source, name their actions alike, and mean different things by them.
APART = {"apigatewayv2": "v2", "elbv2": "v2"}

# The namespaces of their types.
NAMESPACES = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancingv2"}

# S3 logs some actions under other names than its API's.
RENAMED = {
    "s3": {
        "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
        "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
        "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
    },
    "s3control": {
        "DeletePublicAccessBlock": "DeleteAccountPublicAccessBlock",
        "PutPublicAccessBlock": "PutAccountPublicAccessBlock",
    },
}
