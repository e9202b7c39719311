"""What the tool itself promises; `python -m tests.reliability.mutants` makes all the changes."""

from dataclasses import replace

import pytest

from tests.reliability.mutants import ROOT, Tried, files, row, tried
from tests.reliability.mutants.change import Mutant, mutants

ENTRY = "shared/entry.py"
IN_ENTRY = "tests/shared/test_entry.py"
ASKED = {
    f"{ENTRY} broken_link": [f"{IN_ENTRY}::test_swapped_entries_are_found"],
    f"{ENTRY} MAX_BYTES": [f"{IN_ENTRY}::test_a_fact_that_is_too_large_is_refused_by_its_bytes"],
}

SOURCE = b'''
"""Words."""
import logging
MOST: int = 3

class Door:
    size = 4

    def open(self, by: str = "nobody", *, wide: bool = True) -> str:
        """Words."""
        logger.info("opened", extra={"by": by})
        if not self.size < MOST:
            raise ValueError("too small", wide=wide)
        return shut(by, wide=False)
'''


def named(source: bytes) -> set[str]:
    return {mutant.name.removeprefix("x.py ") for mutant in mutants("x.py", source)}


def test_a_condition_a_value_an_argument_and_a_refusal_are_changed_and_words_are_not() -> None:
    condition = "Door.open: if not self.size < MOST: ⇒ if"
    call = "Door.open: return shut(by, wide=False) ⇒ return"
    assert named(SOURCE) == {
        "MOST: MOST: int = 3 ⇒ MOST: int = None",
        "MOST: MOST: int = 3 ⇒ MOST: int = 4",
        f"{condition} (not self.size < MOST) and False:",
        f"{condition} (not self.size < MOST) or True:",
        f"{condition} self.size < MOST:",
        f"{condition} not self.size <= MOST:",
        'Door.open: raise ValueError("too small", wide=wide) ⇒ pass',
        f"{call} shut(None, wide=False)",
        f"{call} shut(by, wide=None)",
        f"{call} shut(by, )",
        f"{call} shut(by, wide=True)",
    }


def the(name: str) -> Mutant:
    (found,) = [each for each in mutants(ENTRY, (ROOT / ENTRY).read_bytes()) if each.name == f"{ENTRY} {name}"]
    return found


def test_a_mutant_that_changes_what_happens_is_noticed_and_one_that_nothing_asks_about_is_not() -> None:
    missing = the("broken_link: if entry.seq != expected: ⇒ if entry.seq == expected:")
    never = the("broken_link: if entry.prev != prev: ⇒ if (entry.prev != prev) and False:")
    least = the("MAX_BYTES: MAX_BYTES = 200_000 ⇒ MAX_BYTES = None")

    found = {each.mutant: each.by for each in tried([missing, never, least], hints=ASKED)}

    assert found == {missing: ASKED[f"{ENTRY} broken_link"][0], never: "", least: ASKED[f"{ENTRY} MAX_BYTES"][0]}


def test_a_mutant_that_comes_to_the_same_is_not_counted() -> None:
    changed = the("broken_link: if entry.seq != expected: ⇒ if entry.seq == expected:")

    assert tried([replace(changed, instead="!=  expected")], hints=ASKED) == []


@pytest.mark.parametrize("where", ["broken_link", "no_such_function"])
def test_a_mutant_that_cannot_be_put_into_the_process_is_told(where: str) -> None:
    changed = the("broken_link: if entry.seq != expected: ⇒ if entry.seq == expected:")
    broken = replace(changed, where=where, instead="(" if where == "broken_link" else changed.instead)

    with pytest.raises(RuntimeError, match=r"invalid syntax|was never closed|no function of this process"):
        tried([broken], hints={f"{ENTRY} {where}": [f"{IN_ENTRY}::test_a_chain_is_whole"]})


def test_only_where_too_few_are_noticed_are_the_unlisted_ones_violations() -> None:
    one = the("broken_link: if entry.seq != expected: ⇒ if entry.seq == expected:")
    noticed, unnoticed = Tried(one, by="a test"), Tried(replace(one, now="something else"), by="")

    assert row([noticed] * 9 + [unnoticed], 1.0).violations == 0
    assert row([noticed] * 8 + [unnoticed] * 2, 1.0).violations == 2
    assert row([noticed] * 8 + [unnoticed] * 2, 1.0).remark == "8 of 10 noticed, 80.0%; 2 of the rest not listed"


def test_what_only_puts_things_together_is_not_changed() -> None:
    assert "functions/policy_gate/gate.py" in files()
    assert not [file for file in files() if file.endswith("/handler.py")]
