"""Where requests and responses name a resource."""

import re

from . import words

# Members that say how, and not what.
NO_IDENTIFIER = re.compile(
    r"^(client(request)?token|clientrequestid|.*idempotency.*|creatorrequestid|dryrun|expectedbucketowner|aws?accountid|accountid|"
    r"ownerid|owneraccount(id)?|ifmatch|etag|.*revisionid|locktoken|changetoken|updatetoken|requestid|catalogid|reason|"
    r"description|comment|mfa|.*count|region|force|.*region|tags?|tagkeys?|cause|message|status|type|.*type|state|"
    r"currentversion|version|expectedversion|authenticationtoken|.*password|instancetoken|requestpayer|"
    r"nexttoken|maxresults|limit|callas|usertoken|.*timestamp|mode|format|locale(id)?|language(code)?|stage)$", re.I)
# Not even where they are required.
NEVER = re.compile(
    r"^(.*token|clientrequestid|.*idempotency.*|creatorrequestid|dryrun|expectedbucketowner|awsaccountid|ifmatch|etag|"
    r".*revisionid|reason|description|comment|cause|status|"
    r"currentversion|expectedversion|authenticationtoken|.*password|instancetoken|tags?|tagkeys?)$", re.I)


def member_noun(name):
    """What a member is about: `namesToDelete` is about a name, `taskArnList` about a task's ARN."""
    name = re.sub(r"(ToDelete|ToRemove|List|Set)$", "", name) or name
    return words.singular(name)


def score(member, noun):
    """How well a member's name fits a noun. 50 and more is a match."""
    plain = member_noun(member)
    stem, suffix = words.stem(plain)
    noun = noun.lower()
    if plain.lower() == noun or stem == noun:
        return 100
    if stem == "" and suffix != "key":
        return 80
    if len(stem) > 2 and noun.endswith(stem):
        return 60 + len(stem)
    if noun and stem.endswith(noun):
        return 55
    if suffix and noun.startswith(stem):
        return 20
    return 15 if suffix else 5


def path_of(leaf, side):
    return f"{side}." + ".".join(leaf.path)


class Request:
    """Which members of a request name the thing, and which what contains it."""

    def __init__(self, operation, thing):
        usable = [
            leaf for leaf in operation.inputs
            if leaf.type in ("string", "integer", "long") and len(leaf.path) <= 3 and (len(leaf.path) == 1 or leaf.is_reached)
            and (score(leaf.name, thing) == 100 or not (NEVER if leaf.is_required else NO_IDENTIFIER).match(leaf.name))
        ]
        required = [leaf for leaf in usable if leaf.is_required]
        shallow = [leaf for leaf in usable if len(leaf.path) == 1 or leaf.is_required or self.is_of(leaf, thing)]
        self.is_guessed = False
        self.primary, self.parents = [], []
        ranked = sorted(
            enumerate(shallow),
            key=lambda pair: (self.score(pair[1], thing), pair[1].is_required, -len(pair[1].path), pair[0]),
        )
        if not ranked:
            return
        best = ranked[-1][1]
        value = self.score(best, thing)
        if value < 50 and required:
            # The last that is required is the innermost.
            best = max(required, key=lambda leaf: (self.place(operation, leaf), required.index(leaf)))
            self.is_guessed = len({leaf.name for leaf in required}) > 1
        elif not best.is_required:
            self.is_guessed = not best.is_reached or len(best.path) == 1
            if value < 50 and not words.stem(best.name)[1]:
                return
        stem = words.stem(member_noun(best.name))[0]
        alike = {stem, thing.lower()} if value >= 80 else {stem}
        self.primary = [
            leaf for leaf in shallow
            if leaf.name == best.name
            or leaf.each and leaf.each == best.each and self.is_of(leaf, thing)
            or words.stem(member_noun(leaf.name))[0] in alike and words.stem(leaf.name)[1] and not best.each and not leaf.each
        ]
        names = {leaf.name for leaf in self.primary}
        outer = [leaf for leaf in required if leaf.name not in names and len(leaf.path) == 1 and not leaf.each]
        outer = [leaf for leaf in outer if words.stem(leaf.name)[1] or "{" + leaf.path[0] in self.uri(operation)]
        self.parents = sorted(outer, key=lambda leaf: self.place(operation, leaf))

    @staticmethod
    def is_of(leaf, thing):
        """Whether the structure that holds the value is called like the thing."""
        return len(leaf.path) > 1 and score(leaf.path[-2], thing) >= 60

    @classmethod
    def score(cls, leaf, thing):
        return max(score(leaf.name, thing), 70 if cls.is_of(leaf, thing) else 0)

    @staticmethod
    def uri(operation):
        return operation.model.get("http", {}).get("requestUri", "").lower().replace("+", "")

    @classmethod
    def place(cls, operation, leaf):
        return cls.uri(operation).find("{" + leaf.path[0].lower())


def parent_leaf(operation, parent):
    """The member by which another action names the same container."""
    stem = words.stem(parent)[0]
    for side, leaves in (("request", operation.inputs), ("response", operation.outputs)):
        top = [leaf for leaf in leaves if len(leaf.path) == 1 and leaf.type == "string" and not leaf.each]
        for exact in (True, False):
            found = [
                leaf for leaf in top
                if (leaf.name.lower() == parent.lower() if exact else stem and words.stem(leaf.name)[0] == stem)
            ]
            if found:
                return [path_of(leaf, side) for leaf in found]
    return []
