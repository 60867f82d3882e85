"""What an action does, by its verb and noun."""

import re

from . import words

# What is data or a label and no resource: its deletion is a user's daily work. By noun, then by action.
DATA = re.compile(
    r"^(Items?|Messages?|MessageBatch|Objects?|Records?|Attributes|Values?|Rows?|Reaction|Emails?|Feedback|Vectors|"
    r"Labels?|Metadata|CustomMetadata|MemoryRecords?|QueuedMessages|ObjectAnnotation|Faces)$|"
    r"(Tags?|Tagging|Sessions?|Comments?|MultipartUpload|MetricsData)$")
DATA_ACTIONS = {
    "dynamodb:BatchWriteItem", "iotdata:DeleteThingShadow", "iotdata:DeleteConnection", "glacier:DeleteArchive",
    "glacier:AbortMultipartUpload", "rekognition:DeleteFaces", "mediastore-data:DeleteObject",
    "kendra:BatchDeleteDocument", "qbusiness:BatchDeleteDocument", "qbusiness:DeleteConversation",
    "bedrock:DeleteAgentMemory", "healthlake:DeleteResource", "ssmmessages:TerminateSession", "ssm:TerminateSession",
    "sagemaker-featurestore-runtime:DeleteRecord", "cognito-sync:DeleteDataset", "personalize:DeleteUsers",
    "s3vectors:DeleteVectors", "cloudfront-keyvaluestore:DeleteKey", "location:BatchDeleteDevicePositionHistory",
    "polly:DeleteLexicon", "rds-data:RollbackTransaction", "ebs:CompleteSnapshot",
}
# Settings of something else; what they belong to lives on.
CONFIG = re.compile(
    r"(Polic(y|ies)|Configurations?|Config|Settings?|Preferences?|Properties|Options?|Encryption|Lifecycle|Cors|"
    r"Website|Logging|Notifications?|Permissions?Boundary|Permissions?|Override|Limits?|Concurrency|Credentials|"
    r"Attribute|Metadata|Description|Mapping|Mappings|Response|IntegrationResponse|MethodResponse|Method|Branding)$")
# What is registered with something, and lives on without it.
MEMBER = re.compile(r"(Targets?|Instances?|OnPremisesInstances?|InstanceFrom.*|ContainerInstance|Members?|Agents?)$")
# Protections: what watches, records, scans, backs up or locks.
PROTECTION = re.compile(
    r"(Logging|LogDelivery|Macie|SecurityHub|GuardDuty|Detector|Monitoring|Monitor|AlarmActions|Inspector|"
    r"DelegatedAdmin(istrator|Account)?|OrganizationAdminAccount|AdministratorAccount|MasterAccount|"
    r"ConfigurationRecorder|Recorder|Ebs?EncryptionByDefault|Encryption|BlockPublicAccess|PublicAccessBlock|"
    r"ContinuousBackups?|Backups?|SnapshotCopy|Rotation|Rotate.*|Protection|ProactiveEngagement|Shield|"
    r"TerminationProtection|DeletionProtection|StreamEncryption|KeyRotation|Audit.*|DataCatalogEncryption.*|"
    r"LogPublishing.*|QueryLogConfig|Insight.*|EnhancedMonitoring|ImportFindingsForProduct|Standards|AccessLogging|"
    r"ImageDeprecation|ImageDeregistrationProtection|SnapshotBlockPublicAccess|ImageBlockPublicAccess|"
    r"HealthChecks?|MFADevice|MFA|SoftwareTokenMfa|DRTAccess|DRTRole|DRTLogBucket|ApplicationLayerAutomaticResponse|"
    r"WebACL|WebACLAssociation|Firewall.*Association|LoggingConfiguration|Capture|DataCapture|MonitoringSchedule|"
    r"MonitoringMembers|OrganizationsRoot\w+|HostedZoneDNSSEC|AllowedImagesSettings|DomainTransferLock|Control|Baseline|"
    r"Guardrail|ImportFindings|SecurityHubV2|SecurityHubFeatureV2|CAEnrollmentPolicy|"
    r"EventSelectors|InsightSelectors|FlowLogs?|SecurityService|VaultLock.*|BucketLock.*|LegalHold)$")
# Logging and the like that is deleted as a setting of something else.
PROTECTING_SETTING = re.compile(
    r"(LoggingConfiguration|LoggingOptions?|Logging|EncryptionConfiguration|BackupPolicy|BucketEncryption|"
    r"PublicAccessBlock|AccountPublicAccessBlock|BucketReplication|ReplicationConfiguration|LifecyclePolicy|"
    r"VaultLockConfiguration|VaultNotifications|RetentionPolicy|QueryLoggingConfig|QueryLoggingConfiguration|"
    r"AccountPasswordPolicy|PasswordPolicy|DataProtectionPolicy|AccountAuditConfiguration|DeletionProtection|"
    r"DataProtectionSettings|ProvisionedThroughputProtection|ObservabilityConfiguration)$")
# Protections that are not called like one.
UNGUARDS = {
    "inspector2:Disable", "ds:DisableClientAuthentication", "ds:DisableLDAPS", "events:DisableRule",
    "backup:DisassociateBackupVaultMpaApprovalTeam", "cloudtrail:DisableFederation",
}
# A queue's messages and a cache's content go, and the thing stays.
CONTENT = re.compile(r"^(Purge|Flush|Reset|Drain|Evict)")


def effect(operation):
    """`destroy`, `create`, `put`, `disrupt`, `unguard` or `other`; `setting` for what is deleted of a setting."""
    verb, noun, name = operation.verb, operation.noun, operation.name
    if verb in words.OBSERVE or not verb:
        return "other"
    if verb in words.DESTROY:
        if DATA.search(noun) or f"{operation.service.source}:{name}" in DATA_ACTIONS or is_data_plane(operation):
            return "other"
        if CONTENT.match(name):
            return "disrupt"
        if PROTECTING_SETTING.search(noun):
            return "unguard"
        if verb in ("Deregister", "Unregister", "Release") and (MEMBER.search(noun) or "From" in noun):
            return "disrupt"
        return "destroy"
    if verb in words.DISRUPT:
        if DATA.search(words.before_preposition(noun)) or is_data_plane(operation):
            return "other"
        if f"{operation.service.source}:{name}" in UNGUARDS:
            return "unguard"
        if verb in ("Unlock", "Unmonitor"):
            return "unguard"
        if verb in ("Disable", "Stop", "Remove", "Deactivate", "Suspend", "Disassociate", "Pause") and PROTECTION.search(
            words.before_preposition(noun)
        ):
            return "unguard"
        return "disrupt"
    if verb in words.CREATE:
        return "other" if DATA.search(noun) else "create"
    return "put"


def is_data_plane(operation):
    return operation.service.name.endswith(("-runtime", "-data")) or operation.service.name in ("sqs-data",)


def is_setting(operation, has_type, has_create):
    """Whether a deletion takes back a setting, and what it belongs to lives on."""
    return not has_type and not has_create and bool(CONFIG.search(operation.noun))
