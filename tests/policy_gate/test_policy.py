"""The policy itself, and that nothing but a whole, timely, well-formed answer is more than a no."""

from threading import Thread
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.policy_gate.policy import Policy, run_cases, run_tests
from tests.policy_gate.closed import Way, changed, ways
from tests.policy_gate.shipped import FINE, FOLDER, LIMITS, MODULES, SHIPPED, TESTS


def one(modules: str, data: Any = None, seconds: float = 2.0) -> Policy:
    return Policy(
        {"policy/x.rego": f"package middlewatch\n\nimport rego.v1\n\n{modules}\n"}, data or {}, seconds=seconds
    )


GO = '"verdict": "go", "quorum": 1, "approvers": [], "expires_seconds": 1, "remind_seconds": 1, "verification": "auto"'


def test_the_input_of_these_tests_goes() -> None:
    assert SHIPPED.decide(FINE).verdict == "go"


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([way for way in ways(FINE) if way[0] != "time"]), json)
def test_whatever_stands_in_the_input_there_is_an_answer(way: Way, value: Any) -> None:
    assert SHIPPED.decide(changed(FINE, way, value)).verdict in {"deny", "ask", "go"}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), json, max_size=4))
def test_any_other_input_is_a_no(document: dict[str, Any]) -> None:
    assert SHIPPED.decide(document).verdict == "deny"


@settings(max_examples=25, deadline=None)
@given(st.text() | st.text("\"'\\{}[]:,`%$\n\r\t\u2028\x00 abc"))
@example('x", "switch": "running"} } allow { true } \\u0022 `%s` \n\u2028\u0000')
def test_text_in_the_input_is_only_text(text: str) -> None:
    for document, verdict in ((FINE, "go"), (FINE | {"switch": "stopped"}, "deny")):
        assert SHIPPED.decide(changed(document, ("alerts", 0, "title"), text)).verdict == verdict


def test_a_number_too_large_for_the_engine_is_not_cut_down_to_a_fitting_one() -> None:
    for count in (2**32 + 4, 2**64 + 4, 2**63, 10**400):
        assert SHIPPED.decide(changed(FINE, ("proposal", "inputs", "desired_count"), count)).verdict == "deny"


def test_the_shipped_policy_passes_its_own_tests() -> None:
    results = run_tests(FOLDER)
    assert len(results) > 60
    assert [result for result in results if result.failure] == []


# Whatever is no answer is a no


@pytest.mark.parametrize(
    "rego",
    [
        "decision := ",
        'decision := "go"',
        "decision := true",
        'decision := {"verdict": "go", "reasons": ["because"]}',
        f'decision := {{{GO}, "reasons": []}}',
        f'decision := {{{GO}, "reasons": "because"}}',
        f'decision := {{{GO.replace("1", "0", 1)}, "reasons": ["because"]}}',
        f'decision := {{{GO.replace(": 1,", ": true,", 1)}, "reasons": ["because"]}}',
        'decision := {"verdict": true, "reasons": ["because"]}',
        'decision := {"verdict": "allow", "reasons": ["because"]}',
        f'decision := {{{GO}, "reasons": ["because"]}} if input.nothing',
        f'decision := {{{GO}, "reasons": ["because"]}} if to_number("x") == 1',
        f'decision := {{{GO}, "reasons": [sprintf("%d", [to_number("x")])]}}',
        f'decision := {{{GO}, "reasons": ["one"]}}\n\ndecision := {{{GO}, "reasons": ["two"]}}',
        "other := 1",
        "decision := null",
        "decision := 1",
        "decision := []",
        f'decision := [{{{GO}, "reasons": ["because"]}}]',
        'decision contains "go"',
        'decision["verdict"] := "go"',
        f'decision(x) := {{{GO}, "reasons": ["because"]}}',
        f'decision := {{{GO}, "reasons": ["because", 1]}}',
        f'decision := {{{GO.replace("1", "1.5", 1)}, "reasons": ["because"]}}',
        f'decision := {{{GO.replace("1", "-1", 1)}, "reasons": ["because"]}}',
        f'decision := {{{GO.replace("1,", "1e18,").replace("1e18", "1", 1)}, "reasons": ["because"]}}',
        f'decision := {{{GO.replace("auto", "nobody")}, "reasons": ["because"]}}',
    ],
)
def test_what_is_no_whole_answer_is_a_no(rego: str) -> None:
    assert one(rego).decide({}).verdict == "deny"


def test_no_policy_is_a_no() -> None:
    assert Policy({}, {}).decide(FINE).verdict == "deny"


def test_limits_that_are_no_numbers_are_a_no() -> None:
    limits = {**LIMITS, "gaps": float("nan")}

    assert "not JSON compliant" in Policy(MODULES, {"limits": limits}).decide(FINE).reasons[0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_engine_that_dies_on_the_question_is_a_no() -> None:
    policy = Policy(MODULES, {"limits": {"of no kind that the engine takes"}}, seconds=0.2)

    assert policy.decide(FINE).reasons == ("the policy failed: no answer within 0.2 s",)


def test_an_input_of_any_depth_and_any_letters_has_an_answer_or_is_a_no() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]

    assert "not plain JSON" in SHIPPED.decide({**FINE, "more": deep}).reasons[0]
    for switch in ("running\0", "running\ud800", "\ud800", "running\u202e", "\uff52unning"):
        assert SHIPPED.decide({**FINE, "switch": switch}).verdict == "deny"


def test_a_whole_answer_is_taken() -> None:
    assert one(f'decision := {{{GO}, "reasons": ["because"]}}').decide({}).verdict == "go"


def test_an_answer_that_comes_late_is_a_no_and_the_next_question_is_answered() -> None:
    slow = "slow if { some i in numbers.range(1, 400); some j in numbers.range(1, 400); i * j == 0 }\n\n"
    answer = f'decision := {{{GO}, "reasons": ["because"]}}'
    policy = one(f"{slow}{answer} if not input.slow\n\n{answer} if {{ input.slow; slow }}", seconds=0.1)
    assert policy.decide({"slow": False}).verdict == "go"
    assert policy.decide({"slow": True}).reasons == ("the policy failed: no answer within 0.1 s",)
    assert policy.decide({"slow": False}).verdict == "go"


def test_an_input_that_is_too_large_or_no_json_is_a_no() -> None:
    assert "200000 is the most" in SHIPPED.decide({**FINE, "more": "x" * 200_000}).reasons[0]
    assert "not plain JSON" in SHIPPED.decide({**FINE, "more": float("nan")}).reasons[0]
    assert "not plain JSON" in SHIPPED.decide({**FINE, "more": {1, 2}}).reasons[0]


def test_a_failed_question_leaves_no_answer_behind_for_the_next() -> None:
    policy = one(f'decision := {{{GO}, "reasons": [input.word]}}')
    assert policy.decide({"word": "yes"}).verdict == "go"
    assert policy.decide({"word": float("inf")}).verdict == "deny"
    assert policy.decide({}).verdict == "deny"


def test_many_threads_each_get_their_own_answer() -> None:
    policy = one(f'decision := {{{GO}, "reasons": [input.word]}}')
    heard: list[tuple[str, str]] = []

    def ask(word: str) -> None:
        heard.extend((word, policy.decide({"word": word}).reasons[0]) for _ in range(20))

    threads = [Thread(target=ask, args=(f"word-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 160
    assert all(said == word for word, said in heard)


def test_what_cannot_be_compiled_is_said() -> None:
    assert "Invalid assignment" in one("decision := ").fault()
    assert SHIPPED.fault() == ""


def test_a_test_that_expects_something_else_fails_and_says_what_the_policy_said() -> None:
    name, rule = "policy/middlewatch_test.rego", 'test_goes_when_every_condition_holds := after({}, "%s")'
    wrong = TESTS[name].replace(rule % "go", rule % "deny")

    (failed,) = [result for result in run_cases(MODULES, {name: wrong}) if result.failure]
    assert failed.name == "test_goes_when_every_condition_holds"
    assert failed.failure.startswith("the policy said {'verdict': 'go'} (because: ")


def test_a_test_that_is_no_object_fails() -> None:
    (result,) = run_cases(MODULES, {"policy/a_test.rego": "package a_test\n\nimport rego.v1\n\ntest_a if true\n"})
    assert result.failure == "is not an object of input, change, limits and expected"
