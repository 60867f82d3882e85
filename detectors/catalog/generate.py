#!/usr/bin/env python3
"""Writes generated-kinds.txt and generated-actions.txt, or says with --check whether they are what it would write."""

import collections
import os
import sys
from importlib.metadata import version

from generator import cloudformation, hand, rules, sources

FOLDER = os.path.dirname(os.path.abspath(__file__))
HEADER = """\
# Generated; do not edit. Write into {hand} what should be otherwise.
# From botocore {botocore} and cfn-lint {cfnlint}, by generate.py (see README.md beside this file).
"""


def header(hand_file):
    return HEADER.format(hand=hand_file, botocore=version("botocore"), cfnlint=version("cfn-lint"))


def kinds_text(made):
    lines = [f"{kind} {line}" for kind, line in sorted(made.kinds.items())]
    return header("kinds.txt") + "\n".join(lines) + "\n"


def actions_text(made):
    """One line a rule; actions of one source whose rules are the same share a line."""
    shared = collections.defaultdict(list)
    for (source, name), lines in sorted(made.lines.items()):
        if lines:
            shared[source, tuple(lines)].append(name)
    by_source = collections.defaultdict(list)
    for (source, lines), names in shared.items():
        by_source[source].append((names, lines))
    text = [header("actions.txt")]
    primary = set(by_source)
    for alias, source in sorted(aliases(made).items()):
        if source in primary and (alias not in primary or alias in sources.ALIASES):
            text.append(f"alias {alias} {source}\n")
    for source, groups in sorted(by_source.items()):
        text.append(f"\n# {source}\n")
        for names, lines in sorted(groups):
            text.extend(f"{source}:{','.join(names)} {line}\n" for line in lines)
    return "".join(text)


def aliases(made):
    """Other names of sources: the endpoints and signing names of the services that log there, each if it is clear."""
    found = collections.defaultdict(set)
    for (source, _), services in made.groups.items():
        for service in services:
            for name in (service.endpoint, service.prefix, service.name):
                found[name].add(source)
    clear = {name: min(targets) for name, targets in found.items() if len(targets) == 1}
    clear.update(sources.ALIASES)
    return {alias: source for alias, source in clear.items() if alias != source}


def main():
    made = rules.Rules(cloudformation.Types(), hand.Hand(FOLDER))
    stale = []
    for name, text in (("generated-kinds.txt", kinds_text(made)), ("generated-actions.txt", actions_text(made))):
        path = os.path.join(FOLDER, name)
        if sys.argv[1:] == ["--check"]:
            with open(path, encoding="utf-8") as file:
                stale += [name] if file.read() != text else []
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    if stale:
        sys.exit(f"not what generate.py writes: {', '.join(stale)}\nhint: run generate.py")


if __name__ == "__main__":
    main()
