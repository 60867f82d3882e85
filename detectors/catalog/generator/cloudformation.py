"""CloudFormation's resource types, and which actions make and delete them."""

import collections
import json
import os

import cfnlint

from . import words


class Types:
    """Resource types by the service that provides them."""

    def __init__(self):
        root = os.path.join(os.path.dirname(cfnlint.__file__), "data", "schemas")
        index = {}
        # Not every type is provided in every region.
        regions = sorted(os.listdir(os.path.join(root, "providers")), key=lambda name: (name != "us-east-1.json", name))
        for region in regions:
            with open(os.path.join(root, "providers", region), encoding="utf-8") as file:
                index = json.load(file) | index
        self.types = {}
        homes = collections.defaultdict(collections.Counter)
        for name, digest in sorted(index.items()):
            parts = name.split("::")
            if len(parts) != 3 or parts[0] != "AWS":
                continue
            with open(os.path.join(root, "resources", f"{digest}.json"), encoding="utf-8") as file:
                handlers = json.load(file).get("handlers", {})
            deletes = self.permissions(handlers, "delete")
            creates = self.permissions(handlers, "create")
            self.types[name] = (deletes, creates)
            homes[parts[1]].update(prefix for prefix, _ in deletes | creates)
        # The service whose permissions most of a namespace's types need.
        self.homes = {namespace: counts.most_common(1)[0][0] for namespace, counts in homes.items() if counts}

    @staticmethod
    def permissions(handlers, which):
        found = handlers.get(which, {}).get("permissions", [])
        return {tuple(permission.split(":", 1)) for permission in found if ":" in permission}

    def candidates(self, names):
        """Types of the namespaces that are called like the service, or need its permissions above all."""
        names = {name.replace("-", "").lower() for name in names}
        for name, handlers in self.types.items():
            namespace = name.split("::")[1]
            home = self.homes.get(namespace, "").replace("-", "").lower()
            is_used = any(prefix.replace("-", "").lower() in names for prefix, _ in handlers[0])
            if namespace.lower() in names or home in names or is_used:
                yield name, namespace.lower() in names, namespace.lower() in names or home in names, handlers

    def find(self, names, thing, deletes):
        """The type of a thing that these actions delete; nothing if there is none."""
        best = (0, "")
        wanted = thing.lower()
        for name, is_namesake, is_home, (delete_handler, _) in self.candidates(names):
            resource = name.split("::")[2].lower()
            destroyed = {action for _, action in delete_handler if words.split(action)[0] in words.DESTROY}
            destroyed -= {action for action in destroyed if "Tag" in action}
            is_handled = bool(destroyed & deletes)
            if resource == wanted and (is_home or is_handled):
                score = 5
            elif is_handled and (resource.endswith(wanted) or wanted.endswith(resource)):
                score = 3
            elif is_home and is_handled and len(destroyed) == 1:
                score = 2
            else:
                continue
            candidate = (score * 4 + 2 * is_namesake + is_handled, name)
            if candidate[0] > best[0] or candidate[0] == best[0] and len(name) < len(best[1]):
                best = candidate
        return best[1]
