"""Where creates name what they make, and what they prove."""

import re

from . import weights, words
from .identify import member_noun, parent_leaf, path_of

EXISTS = re.compile(r"AlreadyExist|Exists(Exception|Fault)?$|Duplicate|AlreadyOwned|EntityAlready|NameInUse|"
                    r"InUseException.*Name|AlreadyRegistered|AlreadyUsed", re.I)
# What a model says of a create that answers with what exists already.
IDEMPOTENT = re.compile(
    r"idempotent|already exists?[^.]{0,120}(returns?|no (action|effect|error)|succe)|returns? the existing|"
    r"(updates?|overwrit\w+|replac\w+) (the|an) existing|if [^.]{0,80} exists[^.]{0,60}(updated?|overwritten|replaced?)",
    re.I)
SERVER = ("Create", "Run", "Allocate", "Import", "Copy", "Restore", "Provision", "Launch", "Request", "Clone", "Purchase",
          "Upload", "Issue", "Build")


def create_rule(thing, variants, is_put):
    names, ids, name_paths, each = set(), [], [], []
    server_side = False
    for operation in variants:
        made = Made(thing, operation)
        ids += made.ids
        name_paths += made.names
        each += made.each
        server_side = server_side or made.is_server_assigned
        names |= made.client_names
    line = ["create", thing.kind]
    if each:
        line.append("each=" + unique(each))
    if ids:
        line.append("id=" + unique(ids))
    levels = []
    for name in thing.parents:
        level = [path for operation in variants for path in parent_leaf(operation, name)]
        if level:
            levels.append(unique(level))
    if levels:
        line.append("parent=" + "/".join(levels))
    line += placement(thing, variants, each)
    if name_paths:
        line.append("name=" + unique(name_paths))
    verdict = proof(variants, is_put, server_side)
    if verdict and ids:
        line.append(f"proof={verdict}")
    return " ".join(line) if ids or each else ""


def proof(variants, is_put, server_side):
    if is_put or any(operation.verb not in SERVER for operation in variants):
        return ""
    if any(IDEMPOTENT.search(re.sub(r"<[^>]+>", "", operation.documentation)) for operation in variants):
        return ""
    if server_side:
        return "server-assigned"
    if all(any(EXISTS.search(error) for error in operation.errors) for operation in variants):
        return "fails-if-exists"
    return ""


class Made:
    """Where one create names what it makes."""

    def __init__(self, thing, operation):
        self.thing, self.operation = thing, operation
        self.noun = thing.noun.lower()
        self.ids, self.names, self.each, self.client_names = [], [], [], set()
        primary = [leaf for _, request in thing.requests() for leaf in request.primary]
        self.wanted = {leaf.name.lower() for leaf in primary}
        self.stems = {words.stem(member_noun(leaf.name))[0] for leaf in primary} | {self.noun}
        suffixes = {words.stem(member_noun(leaf.name))[1] for leaf in primary}
        # Names are identities only where the thing is destroyed by its name.
        self.is_named = bool(suffixes & {"name", "identifier", ""}) or suffixes == {"arn"}
        in_request = self.of_request()
        in_response = self.of_response()
        own_ids = [leaf for leaf in in_response if words.stem(leaf.name)[1] in ("id", "identifier")]
        if suffixes == {"arn"} and own_ids:
            self.is_named = False
        kept = [leaf for leaf in in_request if self.is_name(leaf) is False or self.is_named]
        self.ids += [path_of(leaf, "request") for leaf in kept]
        lists = {".".join(leaf.each) for leaf in in_response if leaf.each}
        for leaf in in_response:
            if self.is_name(leaf) and not self.is_named:
                continue
            if lists:
                rest = leaf.path[len(leaf.each or []):]
                self.each.append("response." + ".".join(leaf.each))
                self.ids += ["." + ".".join(rest)] if rest else []
            else:
                self.ids += response_paths(operation, leaf)
        self.each = list(dict.fromkeys(self.each))
        if self.each and not self.ids:
            self.ids = []
        named = [leaf for leaf in in_request if self.is_name(leaf)] or [
            leaf for leaf in operation.inputs
            if len(leaf.path) == 1 and leaf.name.lower() in ("name", self.noun + "name", "displayname") and not leaf.each
        ]
        self.names += [path_of(leaf, "request") for leaf in named]
        self.client_names = {leaf.name for leaf in named}
        # An ARN made of the caller's name is no identifier that the service assigned.
        is_same = any(leaf.name.lower() in self.wanted for leaf in in_request)
        arn_only = suffixes == {"arn"} and not own_ids
        self.is_server_assigned = bool(in_response) and not is_same and not (arn_only and named) and not (
            kept and self.is_named)

    def is_name(self, leaf):
        return leaf.name.lower() == "name" or words.stem(leaf.name)[1] == "name"

    def of_request(self):
        found = []
        for leaf in self.operation.inputs:
            if len(leaf.path) > 2 or leaf.each or leaf.type == "boolean":
                continue
            if len(leaf.path) == 2 and not leaf.is_required and not self.is_own(leaf.path[0].removesuffix("Input"), 0, 1):
                continue
            name, copies = leaf.name.lower(), self.operation.verb in ("Copy", "Clone")
            for prefix in ("target", "destination", "new"):
                if name.startswith(prefix) and name.removeprefix(prefix) in self.wanted | {self.noun + "name", "name"}:
                    name = name.removeprefix(prefix)
                    copies = False
            stem, suffix = words.stem(name)
            # What a copy names alike is what it copies.
            if copies and name != "name":
                continue
            own = len(leaf.path) == 1 or self.is_own(leaf.path[0].removesuffix("Input"), 0, 1)
            same = name in self.wanted and (stem or suffix == "" or own)
            called = name == "name" and own or stem == self.noun and suffix in ("name", "identifier", "id")
            if same or called or stem in self.stems and stem and suffix in ("name", "identifier"):
                found.append(leaf)
        return found

    def of_response(self):
        """Identifiers at the top of the response or in the structure that is the thing."""
        outputs = [leaf for leaf in self.operation.outputs if leaf.type in ("string", "integer", "long")]
        tops = {leaf.path[0] for leaf in outputs}
        found = []
        for leaf in outputs:
            if leaf.each == leaf.path:
                container, stem, suffix = leaf.path[:-1], *words.stem(member_noun(leaf.name))
            else:
                container, stem, suffix = leaf.path[:-1], *words.stem(leaf.name)
            if len(container) > 2 or suffix in ("key", "uri") and leaf.name.lower() not in self.wanted:
                continue
            if container and not self.is_own(container[-1], len(tops), len(container)):
                continue
            near = len(stem) > 2 and self.noun.endswith(stem) and container
            called = suffix and (stem in self.stems and stem or stem == "" or near)
            if called or leaf.name.lower() in self.wanted:
                found.append((len(container), leaf))
        if not found:
            return []
        depth = min(level for level, _ in found)
        return [leaf for level, leaf in found if level == depth]

    def is_own(self, container, tops, depth):
        noun = self.noun.rstrip("s")
        if container.lower().rstrip("s") == noun:
            return True
        plain = member_noun(container).lower().removesuffix("set").rstrip("s")
        if plain == noun or depth == 1 and tops == 1:
            return True
        if len(container) > 3 and noun.endswith(container.lower().rstrip("s")):
            return True
        return len(plain) > 2 and (noun.endswith(plain) or plain.endswith(noun)) or plain.startswith(noun)


def response_paths(operation, leaf):
    """The query protocol's services drop the one structure around their answer, but for IAM."""
    path = path_of(leaf, "response")
    if operation.service.protocol == "query" and operation.service.source != "iam" and len(leaf.path) > 1:
        return ["response." + ".".join(leaf.path[1:]), path]
    return [path]


def placement(thing, variants, each):
    scope = weights.scope(thing.kind)
    if scope not in ("zonal", "subnets"):
        return []
    zones, subnets = [], []
    for operation in variants:
        for side, leaves in (("response", operation.outputs), ("request", operation.inputs)):
            for leaf in leaves:
                name = leaf.name.lower()
                if len(leaf.path) > 3 or each and side == "request":
                    continue
                path = path_of(leaf, side)
                if each:
                    path = "." + ".".join(leaf.path[len(leaf.each or []):])
                if name in ("availabilityzone", "availabilityzones", "availabilityzonename"):
                    zones.append(path)
                elif name in ("subnetid", "subnetids", "subnets", "vpcsubnetids", "subnetmappings"):
                    subnets.append(path)
    zones, subnets = [path for path in zones if path != "."][:3], [path for path in subnets if path != "."][:3]
    found = ["zone=" + unique(zones)] if zones else []
    return found + (["subnet=" + unique(subnets)] if subnets else [])


def unique(paths):
    seen = {}
    for path in paths:
        seen.setdefault(path.lower().rstrip("s"), path)
    return ",".join(seen.values())
