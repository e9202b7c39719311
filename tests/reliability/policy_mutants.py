"""`python -m tests.reliability.policy_mutants`: changes each rule of the policy, one thing at a time.

Each change has to be noticed by `middlewatch policy test`, or by what tests/policy_gate asks of every missing and
malformed fact. Prints the changes that nothing noticed; exits 1 where those are more than one in twenty.
"""

import argparse
import os
import random
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from time import perf_counter

from functions.policy_gate.policy import Policy, run_cases
from tests.policy_gate.closed import BASES, Attempt, asked, attempts, base, unnamed
from tests.policy_gate.shipped import LIMITS, MODULES, TESTS
from tests.reliability.table import Row

STILLBORN = "it does not compile"
"""Such a change is a no whatever is asked, and proves nothing of the tests, so it does not count."""
ENOUGH = 0.95
"""The share that has to be noticed."""
INPUTS = ("alone", "by agreement", "asks, by mode", "no, as too few", "a rollback")
"""Of the inputs of tests/policy_gate/closed.py, those that a mutant is asked everything about."""
COMPARISONS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
}
_COMPARISON = re.compile(r"(?<= )(<=|>=|==|!=|<|>)(?= )")
_NUMBER = re.compile(r"(?<![\w.\"\[])\d+(?![\w.\"])")
_TEXT = re.compile(r'"[a-z_-]+"')
_MEMBER = re.compile(r'"[a-z_-]+"(, )?')
_NAMED = re.compile(r'contains "([a-z_.]+)"')
_TRUTH = re.compile(r"\b(true|false)\b")
_HEAD = re.compile(r"^(?P<head>[^\n]*?) if (?P<condition>[^{\n]+)$")
_BODY = re.compile(r"^(?P<head>[^\n]+ if) \{\n(?P<body>(?:\t[^\n]*\n)+)\}$")


@dataclass(frozen=True, slots=True)
class Mutant:
    """The policy's file of that name with one thing changed."""

    file: str
    what: str
    text: str


def mutants() -> list[Mutant]:
    """Every change of every rule, each text once."""
    found: dict[str, Mutant] = {}
    for file, text in MODULES.items():
        blocks = text.rstrip("\n").split("\n\n")
        for place, block in enumerate(blocks):
            lines = block.split("\n")
            comment = [line for line in lines if line.startswith("#")]
            rule = "\n".join(line for line in lines if not line.startswith("#"))
            if not rule or rule.startswith(("package", "import")):
                continue
            for what, changed in _changes(rule, blocks[place + 1 :]):
                whole = "\n\n".join([*blocks[:place], "\n".join([*comment, *changed]), *blocks[place + 1 :]]) + "\n"
                mutant = Mutant(file, f"{rule.splitlines()[0]} ⇒ {what}", whole)
                found.setdefault(f"{file} {whole}", mutant)
    return list(found.values())


def _changes(rule: str, later: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """What is changed, and the rule's lines with that."""
    yield "removed", []
    yield from ((what, text.split("\n")) for what, text in _of_words(rule))
    if rule.startswith("default "):
        name = "true" if rule.endswith("false") else '"go"'
        yield f"default {name}", [rule.rpartition(" ")[0] + f" {name}"]
        return
    if single := _HEAD.match(rule):
        head, condition = single["head"], single["condition"]
        yield "always", [f"{head} if true"]
        turned = condition.removeprefix("not ") if condition.startswith("not ") else f"not {condition}"
        yield f"if {turned}", [f"{head} if {turned}"]
    if whole := _BODY.match(rule):
        yield from _of_body(whole["head"], whole["body"].rstrip("\n").split("\n"), later)
    yield from _of_branches(rule)


def _of_words(rule: str) -> Iterator[tuple[str, str]]:
    """One comparison, number, text, truth or operator of the rule changed."""
    for found in _COMPARISON.finditer(rule):
        for other in COMPARISONS[found[1]]:
            yield f"{found[1]} → {other} at {found.start()}", rule[: found.start()] + other + rule[found.end() :]
    for found in _NUMBER.finditer(_blank_texts(rule)):
        for number in sorted({int(found[0]) + 1, max(0, int(found[0]) - 1)} - {int(found[0])}):
            yield f"{found[0]} → {number} at {found.start()}", rule[: found.start()] + str(number) + rule[found.end() :]
    for found in _TEXT.finditer(rule):
        other = '"another"'
        yield f"{found[0]} → {other} at {found.start()}", rule[: found.start()] + other + rule[found.end() :]
    for members in re.finditer(r"in \{([^}]*)\}", rule):
        for found in _MEMBER.finditer(members[1]):
            start = members.start(1) + found.start()
            yield f"without {found[0]}", rule[:start] + rule[start + len(found[0]) :]
    for found in _TRUTH.finditer(rule):
        other = "false" if found[0] == "true" else "true"
        yield f"{found[0]} → {other}", rule[: found.start()] + other + rule[found.end() :]
    for old, new in ((" / ", " * "), (" | {", " & {"), ("is_array(", "is_string("), ("is_number(", "is_string(")):
        if old in rule:
            yield f"{old} → {new}", rule.replace(old, new, 1)


def _of_body(head: str, conditions: Sequence[str], later: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """A condition left out or turned round; any of them enough; the next rule of this name needed as well."""
    for place, condition in enumerate(conditions):
        rest = [*conditions[:place], *conditions[place + 1 :]]
        yield f"without {condition.strip()}", [f"{head} {{", *rest, "}"] if rest else [f"{head} true"]
        if not condition.strip().startswith("some "):
            bare = condition.strip()
            turned = bare.removeprefix("not ") if bare.startswith("not ") else f"not {bare}"
            yield turned, [f"{head} {{", *conditions[:place], f"\t{turned}", *conditions[place + 1 :], "}"]
    if len(conditions) > 1:
        yield "any is enough", "\n\n".join(f"{head} {{\n{condition}\n}}" for condition in conditions).split("\n")
    for other in later:
        following = _BODY.match(other)
        if following and following["head"] == head:
            yield "and the next", [f"{head} {{", *conditions, *following["body"].rstrip("\n").split("\n"), "}"]
            return


def _of_branches(rule: str) -> Iterator[tuple[str, list[str]]]:
    """A condition of an `else` turned round, or of a comprehension left out."""
    lines = rule.split("\n")
    if _BODY.match(rule):
        return
    for place, line in enumerate(lines):
        if re.fullmatch(r"\t(not )?[a-z_]+(\(.*\))?", line):
            bare = line.strip()
            turned = bare.removeprefix("not ") if bare.startswith("not ") else f"not {bare}"
            yield turned, [*lines[:place], f"\t{turned}", *lines[place + 1 :]]
        if re.fullmatch(r"\t[a-z_.]+ (==|in) [a-z_.]+", line) or re.fullmatch(r'\t"[a-z_]+": .*,', line):
            yield f"without {line.strip()}", [*lines[:place], *lines[place + 1 :]]
    for found in re.finditer(r"; [^\]}]+(?=[\]}])", rule):
        yield f"without{found[0][1:]}", (rule[: found.start()] + rule[found.end() :]).split("\n")


def _blank_texts(rule: str) -> str:
    """The rule with its texts blanked, so that a number in a sentence is none."""
    return re.sub(r'"[^"\n]*"', lambda found: " " * len(found[0]), rule)


def noticed(mutant: Mutant) -> str:
    """What notices the change first; empty where nothing does, STILLBORN where it does not compile."""
    modules = {**MODULES, mutant.file: mutant.text}
    if Policy(modules, {"limits": LIMITS}).fault():
        return STILLBORN
    for result in run_cases(modules, TESTS):
        if result.failure:
            return result.name
    decide, about = asked(modules), _NAMED.findall(mutant.what)
    for name in BASES:
        verdict, document, limits = base(name)
        if decide(document, limits).verdict != verdict:
            return name
    if silent := unnamed(decide):
        return f"{silent[0]} is missing and not named"
    first = sorted(_every(), key=lambda attempt: not any(fact in attempt.name for fact in about))
    return next((wrong for attempt in first if (wrong := attempt.broken(decide))), "")


@cache
def _every() -> tuple[Attempt, ...]:
    return tuple(attempts(*INPUTS))


def tried(chosen: Sequence[Mutant], processes: int = 1) -> tuple[int, list[Mutant]]:
    """How many of them compile, and those of them that nothing noticed."""
    if processes == 1:
        said = list(map(noticed, chosen))
    else:
        with ProcessPoolExecutor(processes) as pool:
            said = list(pool.map(noticed, chosen, chunksize=4))
    return len(said) - said.count(STILLBORN), [mutant for mutant, what in zip(chosen, said, strict=True) if not what]


def run(size: int, seed: int, processes: int = 0) -> list[Row]:
    """`size` changes drawn by `seed` (0: all), in figures; a violation is a survivor beyond one in twenty.

    `processes` at a time, 0: one for each core.
    """
    return [_in_figures(drawn(size, seed), processes or os.cpu_count() or 1)[0]]


def drawn(size: int, seed: int) -> list[Mutant]:
    """`size` changes drawn by `seed`; 0 means all."""
    every = mutants()
    return random.Random(seed).sample(every, size) if 0 < size < len(every) else every


def _in_figures(chosen: Sequence[Mutant], processes: int) -> tuple[Row, list[Mutant]]:
    began = perf_counter()
    alive, left = tried(chosen, processes)
    allowed = int(alive * (1 - ENOUGH))
    remark = f"{len(left)} went unnoticed, {allowed} may"
    return Row("changed policy rules", alive, max(0, len(left) - allowed), perf_counter() - began, remark), left


def main() -> int:
    """Reads the arguments, tries, prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.policy_mutants", description=__doc__)
    parser.add_argument("--size", type=int, default=0, help="how many changes, drawn by the seed; 0 means all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    row, left = _in_figures(drawn(given.size, given.seed), given.processes)
    for mutant in left:
        sys.stdout.write(f"unnoticed: {mutant.file}: {mutant.what}\n")
    sys.stdout.write(f"{row.what}: {row.tried} tried ({row.remark}), {row.violations} too many, {row.seconds:.0f} s\n")
    return 1 if row.violations else 0


if __name__ == "__main__":
    sys.exit(main())
