"""What the hand-kept tables say: which actions they list, and what they call things."""

import os

from . import words


class Hand:
    """The hand-kept tables. Their kinds win, so that a create and a destroy of one thing agree."""

    def __init__(self, folder):
        self.actions, self.things, self.kinds = {}, {}, {}
        for line in self.lines(folder, "kinds.txt"):
            self.kinds[line.split()[0]] = line
        for line in self.lines(folder, "actions.txt"):
            action, effect, *rest = line.split()
            if action == "alias":
                continue
            source, names = action.split(":")
            for name in names.split(","):
                self.actions.setdefault((source, name), set()).add(effect)
                if effect in ("create", "destroy") and rest and ":" in rest[0]:
                    verb, noun = words.split(name)
                    # Of several rules of an action the last is the usual one.
                    if verb in words.DESTROY:
                        self.things[source, words.thing(noun).lower()] = rest[0]

    def may_destroy(self, source, name):
        """Whether the hand-kept table calls the action a destruction, or says nothing of it."""
        return "destroy" in self.actions.get((source, name), {"destroy"})

    @staticmethod
    def lines(folder, name):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            lines = [line.strip() for line in file]
        return [line for line in lines if line and not line.startswith("#")]
