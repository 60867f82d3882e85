"""The public API models, as far as the catalog needs them."""

import gzip
import json
import os
from dataclasses import dataclass, field

import botocore

from . import sources, words


@dataclass
class Leaf:
    """A plain value in a request or response: its path as CloudTrail logs it, and how to come there."""

    path: list
    name: str
    is_required: bool = False
    # The path of the list that holds it; nothing if it is in none.
    each: list = None
    # Whether the list holds structures, and the value is in them.
    is_in_item: bool = False
    # Whether all that holds the value is required.
    is_reached: bool = True
    # The type of the model: string, boolean, integer …
    type: str = "string"


@dataclass
class Operation:
    """One action of one service."""

    service: "Service"
    name: str
    model: dict
    verb: str = ""
    noun: str = ""
    thing: str = ""
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)

    @property
    def errors(self):
        return [error["shape"] for error in self.model.get("errors", [])]

    @property
    def documentation(self):
        return self.model.get("documentation", "")


class Service:
    """One service: its operations, and where it logs them."""

    def __init__(self, name, model):
        self.name = name
        metadata = model["metadata"]
        self.protocol = metadata.get("protocol", "")
        self.prefix = metadata.get("signingName") or metadata["endpointPrefix"]
        self.endpoint = metadata["endpointPrefix"]
        self.source = sources.SOURCES.get(name, self.prefix)
        self.shapes = model["shapes"]
        self.operations = {}
        for raw, operation in model["operations"].items():
            plain = words.unversioned(raw)
            plain = sources.RENAMED.get(name, {}).get(plain, plain)
            self.operations[plain] = self.operation(plain, operation)

    def operation(self, name, model):
        verb, noun = words.split(name)
        operation = Operation(self, name, model, verb, noun, words.thing(noun))
        if verb in words.OBSERVE:
            return operation
        if "input" in model:
            operation.inputs = list(self.leaves(model["input"]["shape"], "request"))
        if "output" in model:
            operation.outputs = list(self.leaves(model["output"]["shape"], "response"))
        return operation

    def logged_names(self, name, member, side):
        """Under which keys CloudTrail may log a member."""
        lower, wire = words.uncapitalised(name), words.uncapitalised(member.get("locationName") or name)
        if self.protocol == "ec2" and side == "response":
            return [wire]
        if member.get("location") in ("header", "headers", "statusCode"):
            return [lower]
        if self.name in ("s3", "s3control") and name == "Bucket":
            return ["bucketName"]
        return [lower] if wire.lower().rstrip("s") == lower.lower().rstrip("s") else [wire, lower]

    def leaves(self, shape_name, side, path=(), depth=0, each=None, required=True, seen=()):
        """Texts in a structure, at most four levels deep."""
        shape = self.shapes[shape_name]
        if depth > 4 or shape_name in seen:
            return
        needed = set(shape.get("required", ()))
        for name, member in shape.get("members", {}).items():
            inner = self.shapes[member["shape"]]
            is_required = required and name in needed
            for logged in self.logged_names(name, member, side):
                here = [*path, logged]
                yield from self.values(
                    inner, member["shape"], name, here, side, depth, each, is_required, required, seen + (shape_name,))

    def values(self, inner, inner_name, name, here, side, depth, each, is_required, is_reached, seen):
        kind = inner["type"]
        if kind in ("string", "integer", "long", "boolean", "timestamp", "double", "float"):
            yield Leaf(here, name, is_required, each, each is not None, is_reached, kind)
        elif kind == "structure":
            yield from self.leaves(inner_name, side, here, depth + 1, each, is_required, seen)
        elif kind == "list":
            item_name = inner["member"]["shape"]
            item = self.shapes[item_name]
            if item["type"] == "string":
                yield Leaf(here, name, is_required, here, False, is_reached)
            elif item["type"] == "structure":
                yield from self.leaves(item_name, side, here, depth + 1, here, is_required, seen)
            elif item["type"] == "list":
                yield Leaf(here, name, is_required, here, False, is_reached)


def services():
    """All services in their latest version, sorted by name."""
    root = os.path.join(os.path.dirname(botocore.__file__), "data")
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        if not os.path.isdir(folder):
            continue
        versions = sorted(version for version in os.listdir(folder) if version[:1].isdigit())
        path = os.path.join(folder, versions[-1], "service-2.json.gz") if versions else ""
        if os.path.exists(path):
            with gzip.open(path) as file:
                yield Service(name, json.load(file))


def legacy_ec2():
    """Actions of EC2 that are logged in its older dialect: all that its API had in March 2015."""
    path = os.path.join(os.path.dirname(botocore.__file__), "data", "ec2", "2015-03-01", "service-2.json.gz")
    with gzip.open(path) as file:
        return set(json.load(file)["operations"])
