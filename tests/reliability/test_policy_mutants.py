"""A change of any rule of the policy is noticed; `python -m tests.reliability.policy_mutants` makes all of them."""

from functions.policy_gate.policy import run_cases
from tests.policy_gate.shipped import MODULES, TESTS
from tests.reliability.policy_mutants import mutants, tried
from tests.reliability.share import share


def test_a_changed_rule_is_noticed() -> None:
    alive, left = tried(share(mutants(), 24))

    assert alive > 16
    assert len(left) <= max(1, alive // 20)


def test_every_rule_is_changed() -> None:
    every = mutants()

    assert len(every) > 600
    for file, text in MODULES.items():
        rules = [block for block in text.split("\n\n") if not block.startswith(("#", "package", "import"))]
        assert sum(mutant.file == file and mutant.what.endswith("⇒ removed") for mutant in every) >= len(rules)


def test_the_policy_unchanged_is_not_noticed() -> None:
    assert [result for result in run_cases(MODULES, TESTS) if result.failure] == []
