"""Names of actions: verbs, nouns and the words in them. The same grammar as src/catalog/grammar.rs, with more verbs."""

import re

OBSERVE = set(
    "Get List Describe Head Lookup Search Query Scan Select View Check Validate Preview Simulate Estimate Count Decrypt "
    "Encrypt Poll Receive Fetch Read Retrieve Download Is Test Verify Evaluate Compare Detect Analyze Recognize Infer "
    "Invoke Discover Predict Synthesize Translate Classify Compute Calculate Filter Generate".split()
)
DESTROY = set(
    "Delete Terminate Destroy Purge Deregister Unregister Release Drop Erase Wipe Flush Retire Expire Evict Close "
    "Decommission Deprovision Undeploy Discard Dispose Forget Unpeer".split()
)
DISRUPT = set(
    "Stop Reboot Restart Detach Disassociate Dissociate Remove Disable Suspend Pause Failover Switchover Revoke "
    "Deactivate Disconnect Cancel Abort Unassign Drain Decrease Unsubscribe Leave Reject Decline Withdraw Rollback "
    "Deprecate Archive Backtrack Block Isolate Unlink Unmap Exclude Unlock Unmonitor Unshare Ungroup Shutdown Deauthorize "
    "Invalidate Logout Disallow Redact".split()
)
# These make something new.
CREATE = set(
    "Create Import Register Allocate Provision Launch Restore Copy Run Upload Define Clone Request Issue Purchase "
    "Build".split()
)
# These make something too where nothing above does, and never prove that it is new.
PUT = set(
    "Put Start Add Publish Submit Send Post Set Accept Associate Attach Authorize Enable Grant Update Verify Claim "
    "Assign Activate Subscribe Invite Connect Join Tag Modify Open Deploy Initiate Write Apply Replace Admin".split()
)
ADVERBS = ("Batch", "Bulk", "Admin", "Force")
PREPOSITIONS = ("From", "To", "With", "For", "In", "On", "Of", "By")
SUFFIXES = ("identifiers", "identifier", "names", "name", "arns", "arn", "ids", "id", "urls", "url", "key", "keys", "uri")

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_VERSION = re.compile(r"(?:19|20)\d{2}_?\d{2}_?\d{2}(?:v\d+)?$")


def unversioned(name):
    """`DeleteDistribution2020_05_31` is `DeleteDistribution`."""
    return _VERSION.sub("", name)


def words(name):
    return _WORD.findall(name)


def split(name):
    """The verb and the noun of an action; no verb if it is none we know."""
    rest = name
    for adverb in ADVERBS:
        after = rest[len(adverb):]
        if rest.startswith(adverb) and after[:1].isupper():
            rest = after
    if rest.startswith("Schedule") and rest.endswith("Deletion"):
        return "Delete", rest[len("Schedule"):-len("Deletion")]
    first = re.match(r"[A-Z][a-z]+", rest)
    if not first:
        return "", rest
    verb, noun = first.group(), rest[first.end():]
    return (verb, noun) if any(verb in verbs for verbs in (OBSERVE, DESTROY, DISRUPT, CREATE, PUT)) else ("", rest)


def before_preposition(noun):
    """`DBInstanceFromDBSnapshot` is a `DBInstance`."""
    for preposition in PREPOSITIONS:
        found = re.search(r"(?<=[a-z0-9A-Z])" + preposition + r"(?=[A-Z])", noun)
        if found and found.start() > 0:
            noun = noun[:found.start()]
    return noun


def singular(noun):
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    if noun.endswith(("sses", "xes", "ches")):
        return noun[:-2]
    if noun.endswith("s") and len(noun) > 1 and noun[-2] not in "suia":
        return noun[:-1]
    return noun


def thing(noun):
    """The noun of a resource, in the singular."""
    noun = re.sub(r"V\d+$", "", before_preposition(noun))
    return singular(noun)


def uncapitalised(name):
    return name[:1].lower() + name[1:]


def stem(member):
    """What an identifier identifies: `nodegroupName` a `nodegroup`, and `id` nothing in particular."""
    member = member.lower().replace("-", "").replace("_", "")
    for suffix in SUFFIXES:
        if member.endswith(suffix):
            return member[:-len(suffix)], suffix.rstrip("s")
    return member, ""
