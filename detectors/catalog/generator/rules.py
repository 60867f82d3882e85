"""Makes the rules: pairs what is destroyed with what creates it, and says where both are named."""

import collections
import re

from . import conditions, effects, models, sources, weights, words
from .creates import create_rule
from .identify import Request, parent_leaf, path_of


class Thing:
    """One kind of thing of one source: the actions that destroy it, and those that make it."""

    def __init__(self, source, noun, services):
        self.source, self.noun, self.services = source, noun, services
        self.destroys, self.creates, self.puts = [], [], []
        self.kind, self.is_config, self.parents = "", False, []

    def name(self, types, hand):
        """The hand-kept kind, else CloudFormation's, else one of our own."""
        names = {self.source} | {name for service in self.services for name in (service.name, service.prefix)}
        deletes = {operation.name for operation in self.destroys}
        key = (self.source, self.noun.lower())
        is_apart = any(service.name in sources.APART for service in self.services)
        has_twin = self.source in ("apigateway", "elasticloadbalancing")
        self.kind = "" if is_apart or has_twin else hand.things.get(key, "")
        if not self.kind:
            self.kind = types.find(
                {sources.NAMESPACES.get(service.name, service.name) for service in self.services} if has_twin else names,
                self.noun, deletes)
        has_type = bool(self.kind)
        self.is_config = all(effects.is_setting(operation, has_type, self.creates) for operation in self.destroys)
        self.kind = self.kind or f"{self.source}:{words.uncapitalised(self.noun)}"

    def requests(self):
        return [(operation, Request(operation, self.noun)) for operation in self.destroys]

    def find_parents(self):
        """What contains it, by the members that all its destroys require and its creates know."""
        requests = [request for _, request in self.requests()]
        requests = [request for request in requests if request.primary]
        first = requests[0].parents if requests else []
        common = [
            name for name in dict.fromkeys(leaf.name for leaf in first)
            if all(any(name.lower() == other.name.lower() for other in request.parents) for request in requests)
        ]
        makers = self.creates or self.puts
        self.parents = [
            name for name in common if not makers or any(parent_leaf(maker, name) for maker in makers)
        ]


class Rules:
    """All rules, by action."""

    def __init__(self, types, hand):
        self.types, self.hand = types, hand
        self.things, self.lines, self.kinds, self.adopted = {}, collections.defaultdict(list), {}, {}
        groups = collections.defaultdict(list)
        for service in models.services():
            groups[service.source, sources.APART.get(service.name, "")].append(service)
        self.groups = dict(sorted(groups.items()))
        # The service that is called like the source speaks first.
        for (source, _), services in self.groups.items():
            services.sort(key=lambda service: (service.name != source, service.name))
        self.merged = self.inseparable()
        for (source, apart), services in self.groups.items():
            self.gather(source, apart, services)
        for key, thing in sorted(self.things.items()):
            thing.name(types, hand)
            thing.find_parents()
        self.rename_twins()
        for (source, apart), services in self.groups.items():
            self.write(source, apart, services)

    def key(self, source, apart, noun):
        noun = noun.lower()
        return (source, "" if (source, noun) in self.merged else apart, noun)

    def inseparable(self):
        """Nouns that two services of one source share, and that their records do not tell apart."""
        found = set()
        for (source, apart), services in self.groups.items():
            for service in services if apart else ():
                found |= {
                    (source, operation.thing.lower()) for operation in service.operations.values()
                    if (effects.effect(operation) == "destroy" or operation.verb in words.CREATE)
                    and self.namesakes(source, operation.name) and not self.telling(source, operation)
                }
        return found

    def namesakes(self, source, name):
        services = self.groups.get((source, ""), [])
        return [service.operations[name] for service in services if name in service.operations]

    def telling(self, source, operation):
        """A member that the action requires, and that its namesakes in other services do not know."""
        known = {key.lower() for other in self.namesakes(source, operation.name) for leaf in other.inputs for key in leaf.path}
        known |= {key.replace("_", "") for key in known}
        own = [leaf for leaf in operation.inputs if leaf.is_required and len(leaf.path) == 1]
        return next((path_of(leaf, "request") for leaf in own if leaf.path[0].lower() not in known), "")

    def gather(self, source, apart, services):
        operations = [operation for service in services for operation in service.operations.values()]
        for operation in operations:
            if effects.effect(operation) == "destroy" and self.hand.may_destroy(source, operation.name):
                key = self.key(source, apart, operation.thing)
                if key not in self.things:
                    self.things[key] = Thing(source, operation.thing, services)
                self.things[key].destroys.append(operation)
        for operation in operations:
            thing = self.maker_of(source, apart, operation)
            if thing:
                effect = effects.effect(operation)
                (thing.creates if effect == "create" else thing.puts).append(operation)
        self.adopt(source, apart, operations)

    def adopt(self, source, apart, operations):
        """Gives things that nothing makes what is called nearly like their makers: `CreateRecipeJob` makes a job."""
        makers = [operation for operation in operations if effects.effect(operation) in ("create", "put")]
        free = [operation for operation in makers if not self.maker_of(source, apart, operation)]
        for key, thing in sorted(self.things.items()):
            if key[:2] != (source, apart) or thing.creates or thing.puts:
                continue
            for operation in free:
                noun = operation.thing.lower()
                near = noun.endswith(key[2]) or noun.startswith(key[2])
                if near and len(key[2]) > 2 and effects.effect(operation) == "create":
                    self.adopted[source, operation.name] = thing
                    thing.creates.append(operation)
            for operation in operations if not thing.creates else ():
                if operation.verb in ("Update", "Modify", "Generate") and operation.thing.lower() == key[2]:
                    self.adopted[source, operation.name] = thing
                    thing.puts.append(operation)

    def maker_of(self, source, apart, operation):
        """The thing that an action makes."""
        if (source, operation.name) in self.adopted:
            return self.adopted[source, operation.name]
        if effects.effect(operation) not in ("create", "put"):
            return None
        if operation.verb in ("Update", "Modify", "Tag", "Apply", "Replace", "Open"):
            return None
        noun = MAKERS.get(f"{source}:{operation.name}", operation.thing)
        return self.things.get(self.key(source, apart, noun))

    def rename_twins(self):
        """Two things of one source may not share a kind unless they are one."""
        by_kind = collections.defaultdict(list)
        for key, thing in sorted(self.things.items()):
            by_kind[thing.kind].append(thing)
        for kind, things in by_kind.items():
            nouns = {thing.noun.lower() for thing in things}
            if len(nouns) == 1 or (things[0].source, things[0].noun.lower()) in self.hand.things:
                continue
            resource = kind.rsplit(":", 1)[-1].lower()
            for thing in things:
                if thing.noun.lower() != resource and (thing.source, thing.noun.lower()) not in self.hand.things:
                    thing.kind = f"{thing.source}:{words.uncapitalised(thing.noun)}"

    def write(self, source, apart, services):
        by_name = collections.defaultdict(list)
        for service in services:
            for operation in service.operations.values():
                if not apart or (source, operation.thing.lower()) not in self.merged:
                    by_name[operation.name].append(operation)
        for service in [] if apart else self.groups.get((source, "v2"), []):
            for operation in service.operations.values():
                if (source, operation.thing.lower()) in self.merged:
                    by_name[operation.name].append(operation)
        for name, variants in sorted(by_name.items()):
            if (source, name) in self.hand.actions:
                continue
            lines = [line for line in dict.fromkeys(self.action(source, apart, name, variants)) if line]
            if apart and self.lines[source, name]:
                telling = self.telling(source, variants[0])
                lines = [with_condition(line, telling) for line in lines if telling]
                self.lines[source, name] = lines + self.lines[source, name]
            else:
                self.lines[source, name] = lines

    def action(self, source, apart, name, variants):
        first = variants[0]
        effect = effects.effect(first)
        yield from conditions.rules(self, source, apart, variants)
        if effect == "destroy":
            thing = self.things.get(self.key(source, apart, first.thing))
            yield self.destroy(thing, variants) if thing else "other"
        elif effect in ("create", "put") or (source, name) in self.adopted:
            thing = self.maker_of(source, apart, first)
            if thing and (effect == "create" or first in thing.puts and not self.is_made(thing, first)):
                line = create_rule(thing, variants, effect != "create")
                if line:
                    self.use(thing)
                yield line or "other"
            elif effect == "create":
                yield "other"
        elif effect in ("disrupt", "unguard"):
            yield self.touch(source, apart, variants, effect)
        elif first.verb in words.DESTROY | words.DISRUPT | words.CREATE:
            yield "other"

    @staticmethod
    def is_made(thing, put):
        """Whether the service has a real create of it."""
        return any(maker.service is put.service and create_rule(thing, [maker], False) for maker in thing.creates)

    def use(self, thing):
        """Notes that a rule needs the kind, and how to call it."""
        if thing.kind in self.hand.kinds:
            return
        noun = thing.kind.rsplit(":", 1)[-1].lower()
        line = [weights.weight_class(thing.kind, thing.is_config), weights.scope(thing.kind)]
        if not re.search(r"version|alias|revision|taskdefinition|jobdefinition", noun):
            line.append("arn=last")
        if thing.source == "rds":
            line.append("ignores-case")
        if weights.is_guard(thing.kind):
            line.append("guard")
        self.kinds.setdefault(thing.kind, " ".join(line))

    def destroy(self, thing, variants):
        self.use(thing)
        line = ["destroy", thing.kind, *self.places(thing, variants)]
        line += conditions.waivers(variants)
        return " ".join(line)

    def places(self, thing, variants):
        """Where a request names a thing and what contains it."""
        requests = [(operation, Request(operation, thing.noun)) for operation in variants]
        primary = [leaf for _, request in requests for leaf in request.primary]
        each = [leaf for leaf in primary if leaf.each]
        ids = [leaf for leaf in primary if not leaf.each]
        found = []
        if each:
            found.append("each=" + unique(lists_of(thing, operation, leaf) for operation, request in requests for leaf in request.primary if leaf.each))
            items = [leaf.path[len(leaf.each):] for leaf in each]
            items = [".".join(item) for item in items if item] + item_names(thing, variants, each)
            if items:
                found.append("id=" + unique("." + item for item in items))
        elif ids:
            found.append("id=" + unique(path_of(leaf, "request") for leaf in ids))
        levels = []
        for name in thing.parents:
            level = [path for operation in variants for path in parent_leaf(operation, name)]
            if level:
                levels.append(unique(level))
        if levels:
            found.append("parent=" + "/".join(levels))
        if any(request.is_guessed for _, request in requests):
            found.append("guessed")
        return found

    def touch(self, source, apart, variants, effect):
        """A rule for what is stopped, detached or no longer guarded."""
        thing = self.touched(source, apart, variants[0])
        if thing:
            self.use(thing)
            return " ".join([effect, thing.kind, *self.places(thing, variants), *conditions.waivers(variants)])
        if effect == "unguard":
            return "unguard"
        request = Request(variants[0], variants[0].thing)
        if not request.primary:
            return "disrupt"
        own = Thing(source, variants[0].thing, [variants[0].service])
        own.kind = f"{source}:{words.uncapitalised(variants[0].thing)}"
        self.use(own)
        return " ".join(["disrupt", own.kind, *self.places(own, variants), *conditions.waivers(variants)])

    def touched(self, source, apart, operation):
        """The thing that an action acts on: the one of its noun, else the one whose identifier it takes."""
        direct = self.things.get(self.key(source, apart, operation.thing))
        if direct:
            return direct
        wanted = {leaf.name.lower() for leaf in operation.inputs if leaf.is_required and len(leaf.path) == 1}
        wanted = wanted or {leaf.name.lower() for leaf in operation.inputs if len(leaf.path) == 1}
        fitting = []
        for key, thing in sorted(self.things.items()):
            if key[:2] != (source, apart) or thing.is_config:
                continue
            for _, request in thing.requests():
                named = [leaf for leaf in request.primary if leaf.name.lower() in wanted and leaf.name.lower() != "name"]
                stems = {words.stem(leaf.name)[0] for leaf in named}
                if named and (thing.noun.lower() in stems or any(stem and thing.noun.lower().endswith(stem) for stem in stems)):
                    has_parents = {name.lower() for name in thing.parents} <= wanted
                    fitting.append((len(thing.parents) if has_parents else -1, -len(thing.noun), thing.noun, thing))
        return max(fitting, key=lambda row: row[:3])[3] if fitting else None


# Actions whose noun is not that of what they make.
MAKERS = {
    "elasticmapreduce:RunJobFlow": "jobflow", "ses:VerifyDomainIdentity": "identity",
    "ses:VerifyEmailIdentity": "identity", "ses:VerifyEmailAddress": "verifiedemailaddress",
    "organizations:CreateGovCloudAccount": "account", "iam:UploadSSHPublicKey": "sshpublickey",
    "ecr:PutImage": "image", "ec2:RequestSpotFleet": "spotfleetrequest",
    "ec2:RequestSpotInstances": "spotinstancerequest", "dms:CreateReplicationTask": "replicationtask",
    "config:PutConfigRule": "configrule", "autoscaling:PutScalingPolicy": "policy",
    "autoscaling:PutScheduledUpdateGroupAction": "scheduledaction",
    "autoscaling:BatchPutScheduledUpdateGroupAction": "scheduledaction", "drs:StartRecovery": "recoveryinstance",
    "servicecatalog:ProvisionProduct": "provisionedproduct", "cloudsearch:DefineIndexField": "indexfield",
}


def lists_of(thing, operation, leaf):
    path = path_of(leaf, "request") if leaf.path == leaf.each else "request." + ".".join(leaf.each)
    if operation.service.protocol == "ec2" and operation.name in LEGACY:
        # The older dialect lists them as `instancesSet.items[].instanceId`.
        return f"{path},request.{words.uncapitalised(thing.noun)}sSet"
    return path


def item_names(thing, variants, each):
    if any(operation.service.protocol == "ec2" and operation.name in LEGACY for operation in variants):
        return [leaf.path[-1] for leaf in each if leaf.path == leaf.each]
    return []


LEGACY = models.legacy_ec2()


def with_condition(line, path):
    """A rule that applies only where something is at the path."""
    if " when=" in line:
        return line.replace(" when=", f" when={path},", 1)
    head = line.split(" ", 2)
    if len(head) == 1:
        head.append("-")
    return " ".join([*head[:2], f"when={path}", *head[2:]])


def unique(paths):
    """Paths in their order, each once, joined."""
    seen = {}
    for path in paths:
        for one in path.split(","):
            seen.setdefault(one.lower().rstrip("s"), one)
    return ",".join(seen.values())
