"""What destroys, stops or leaves unguarded only with certain parameters."""

import re

from . import words
from .identify import path_of

# Switches that guard: off is a protection lost.
GUARD = re.compile(
    r"^(delet(e|ion)Protection(Enabled|Status)?|terminationProtect(ion|ed)(Enabled)?|enableTerminationProtection|"
    r"deletionProtectionCheck|protectedFromScaleIn|newInstancesProtectedFromScaleIn|managedTerminationProtection|"
    r"pointInTimeRecovery(Enabled)?|backupRetentionPeriod|(availabilityZone|firewallPolicy|subnet)ChangeProtection|"
    r"disableApi(Termination|Stop)|automaticBackupRetentionDays|automatedSnapshotRetentionPeriod|snapshotRetentionLimit|"
    r"multiRegionEnabled|isMultiRegionTrail|enableLogFileValidation|loggingEnabled|kmsKeyRotation(Enabled)?|"
    r"storageEncrypted|encryptionAtRest|versioning|status)$", re.I)
GUARD_STATUS = re.compile(r"(pointInTimeRecovery|deletionProtection|versioning|backup)", re.I)
# Numbers that mean nothing runs any more.
SCALE = re.compile(r"^(desired(Count|Capacity|Size|Instances|Nodes)|maxSize|targetCapacity|reservedConcurrentExecutions|"
                   r"maxCapacity|totalTargetCapacity|desiredInstanceCount)$", re.I)
WEAK_SCALE = re.compile(r"^minSize$", re.I)
# A last snapshot of what is deleted.
SPARED = re.compile(r"^final(DB|Cluster|Db)?Snapshot(Identifier|Name|Id)$|^finalBackup(Identifier|Name)$", re.I)
SPARED_OFF = re.compile(r"^skipFinal(Cluster|DB)?(Snapshot|Backup)$|^skipSnapshot$", re.I)
SPARED_ON = re.compile(r"^retain(AutomatedBackups|PhysicalResources|PrimaryCluster|PrimaryReplicationGroup|Resources|Stacks|Dependents)$", re.I)
# What would have stopped or undone the deletion is waived.
FORCED = re.compile(
    r"^(force(Delete|d|Terminate|Detach|Stop|DeleteAddOns|DeleteWithoutRecovery|DeleteAWSJob|Failover|PlannedFailover|UnsubscribeAll)?|cascade|"
    r"skipFinal(Cluster|DB)?(Snapshot|Backup)|skipSnapshot|skipResourceInUseCheck|deleteAll\w*|deleteAssociated\w+|"
    r"bypassGovernanceRetention|deleteAutomatedBackups|skipDestroy|deleteReplicas?|recursive)$", re.I)
CHANGE = {"Update", "Modify", "Put", "Set", "Change", "Configure", "Edit"}


def rules(makers, source, apart, variants):
    """Rules with conditions, for an action that changes something."""
    first = variants[0]
    verb = words.words(first.name)[0]
    if verb not in CHANGE:
        return
    guards, scales = [], []
    for operation in variants:
        for leaf in operation.inputs:
            name = leaf.path[-1]
            if leaf.each or len(leaf.path) > 4:
                continue
            is_status = name.lower() == "status" and GUARD_STATUS.search(".".join(leaf.path[:-1]))
            if GUARD.match(name) and (name.lower() not in ("status", "versioning") or is_status):
                guards.append(path_of(leaf, "request"))
            elif SCALE.match(name) and leaf.type in ("integer", "long"):
                scales.append(path_of(leaf, "request"))
    thing = makers.touched(source, apart, first)
    for effect, condition, paths in (("unguard", "when=off:{}", guards), ("disrupt", "when={}:0", scales)):
        for path in sorted(set(paths)):
            if thing:
                makers.use(thing)
                yield " ".join([effect, thing.kind, condition.format(path), *makers.places(thing, variants)])
            else:
                yield " ".join([effect, "-", condition.format(path)])


def waivers(variants):
    """What a destruction's parameters say of a last snapshot, and of force."""
    spared, forced = [], []
    for operation in variants:
        for leaf in operation.inputs:
            if len(leaf.path) > 1:
                continue
            path = path_of(leaf, "request")
            if SPARED.match(leaf.name):
                spared.append(path)
            elif SPARED_OFF.match(leaf.name):
                spared.append(f"off:{path}")
                forced.append(f"on:{path}")
            elif SPARED_ON.match(leaf.name):
                spared.append(f"on:{path}")
            elif FORCED.match(leaf.name):
                forced.append(f"on:{path}")
    found = ["spared=" + ",".join(dict.fromkeys(spared))] if spared else []
    return found + (["forced=" + ",".join(dict.fromkeys(forced))] if forced else [])
