"""The policy of `config/policy/*.rego`, asked in process; whatever goes wrong with it is a `deny`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from json import dumps, loads
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Self

from pydantic import ValidationError
from regopy import Interpreter, RegoError
from regopy.interpreter import Bundle

from functions.policy_gate.verdict import Unanswered, Verdict
from shared.config import Config
from shared.configuration import POLICY, is_test

ASK = "x := [input.asked, data.middlewatch.decision]"
"""The answer carries the number of the question, so that no answer is ever taken for that to another question."""
SECONDS = 2.0
"""How long an answer may take; a usual one takes a few milliseconds."""
TESTED = 60.0
"""The same in tests of the policy, which ask what it says and not how fast a busy machine is."""
LARGEST = 200_000
"""Characters of JSON in an input; a longer one is denied unread. A timeline's entry is never longer."""


class PolicyError(ValueError):
    """The Rego of the policy, or its data, cannot be used."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """An interpreter that holds the policy, and one query of it."""

    interpreter: Interpreter
    bundle: Bundle


class Policy:
    """The team's policy. Modules are compiled at the first question; one question at a time, from any thread."""

    def __init__(self, modules: Mapping[str, str], data: Mapping[str, Any], *, seconds: float = SECONDS) -> None:
        self._modules = modules
        self._data = data
        self._seconds = seconds
        self._lock = Lock()
        self._numbers = count(1)
        self._ready: _Compiled | None = None

    @classmethod
    def of(cls, config: Config, *, seconds: float = SECONDS) -> Self:
        """The policy of a configuration, with its limits as `data.limits`."""
        return cls(config.policy, config.policy_data, seconds=seconds)

    def decide(self, document: Mapping[str, Any]) -> Verdict:
        """The verdict on this input (plain JSON). Never raises: an error, no answer or a late one is a `deny`."""
        with self._lock:
            number = next(self._numbers)
            try:
                term = dumps({**document, "asked": number}, allow_nan=False)
            except (TypeError, ValueError, RecursionError) as error:
                return Unanswered.because(f"the input is not plain JSON: {error}")
            if len(term) > LARGEST:
                return Unanswered.because(f"the input has {len(term)} characters; {LARGEST} is the most")
            answer = self._answer(term)
        if isinstance(answer, PolicyError):
            return Unanswered.because(f"the policy failed: {answer}")
        if not isinstance(answer, list) or answer[:1] != [number]:
            return Unanswered.because("the policy gave no answer")
        try:
            return Verdict.model_validate_json(dumps(answer[1]), strict=True)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, each['loc']))} {each['msg']}" for each in error.errors())
            return Unanswered.because(f"the policy gave an answer that is none: {wrong}")

    def fault(self) -> str:
        """Why the policy cannot be used at all; empty if it can."""
        try:
            with self._lock:
                self._ready = self._ready or _compiled(self._modules, self._data, ASK)
        except PolicyError as error:
            return str(error)
        return ""

    def _answer(self, term: str) -> object:
        """What the policy says, in a thread that is left behind, with its interpreter, if it is late."""
        box: SimpleQueue[tuple[_Compiled | None, object]] = SimpleQueue()

        def work(compiled: _Compiled | None) -> None:
            try:
                compiled = compiled or _compiled(self._modules, self._data, ASK)
                box.put((compiled, _asked(compiled, term)))
            except PolicyError as error:
                box.put((None, error))

        Thread(target=work, args=(self._ready,), daemon=True).start()
        self._ready = None
        try:
            self._ready, answer = box.get(timeout=self._seconds)
        except Empty:
            return PolicyError(f"no answer within {self._seconds:g} s")
        return answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test of the policy, and why it failed (empty: it passed)."""

    name: str
    failure: str = ""


def run_tests(folder: Path) -> tuple[Outcome, ...]:
    """The tests in `folder` (the policy's `*_test.rego`) against the policy there; see `run_cases`."""
    texts = {f"{POLICY}/{path.name}": path.read_text() for path in sorted(folder.glob("*.rego"))}
    tests = {name: text for name, text in texts.items() if is_test(name)}
    return tuple(run_cases({name: text for name, text in texts.items() if name not in tests}, tests))


def run_cases(modules: Mapping[str, str], tests: Mapping[str, str]) -> Iterator[Outcome]:
    """Asks the policy of `modules` about the `input` of every rule `test_...` in `tests`, one after the other.

    Such a rule is an object: `input`, `change` (laid over it), `limits`, and `expected`, the fields of the verdict that
    must come out. Raises PolicyError where a test's Rego does not compile.
    """
    policies: dict[str, Policy] = {}
    for file, text in tests.items():
        package = next(line.split()[1] for line in text.splitlines() if line.startswith("package "))
        rules = _asked(_compiled({file: text}, {}, f"x := data.{package}"), "{}")
        for name in sorted({line.split()[0] for line in text.splitlines() if line.startswith("test_")}):
            case = rules.get(name) if isinstance(rules, dict) else None
            if not isinstance(case, dict) or set(case) != {"input", "change", "limits", "expected"}:
                yield Outcome(name, "is not an object of input, change, limits and expected")
                continue
            data = {"limits": case["limits"]}
            policy = policies.setdefault(dumps(data), Policy(modules, data, seconds=TESTED))
            yield Outcome(name, _difference(policy, case))


def _difference(policy: Policy, case: Mapping[str, Any]) -> str:
    said = policy.decide(_merged(case["input"], case["change"])).model_dump(mode="json")
    wrong = {field: said.get(field) for field, value in case["expected"].items() if said.get(field) != value}
    return f"the policy said {wrong} (because: {'; '.join(said['reasons'])})" if wrong else ""


def _merged(base: Any, change: Any) -> Any:  # noqa: ANN401 - any JSON
    """`base` with `change` laid over it: objects are merged all the way down, anything else is replaced."""
    if not isinstance(base, dict) or not isinstance(change, dict):
        return change
    return {**base, **{key: _merged(base.get(key), value) for key, value in change.items()}}


def _compiled(modules: Mapping[str, str], data: Mapping[str, Any], query: str) -> _Compiled:
    interpreter = Interpreter()  # type: ignore[no-untyped-call]
    # Otherwise an error in a built-in makes its rule undefined, as if its condition had not been met.
    interpreter.strict_built_in_errors = True
    try:
        for name, source in sorted(modules.items()):
            interpreter.add_module(name, source)
        interpreter.add_data_json(dumps(data, allow_nan=False))
        bundle = interpreter.build(query)
    except (RegoError, ValueError) as error:
        raise PolicyError(_brief(error)) from error
    if not bundle.ok():
        raise PolicyError("it does not compile")
    return _Compiled(interpreter, bundle)


def _asked(compiled: _Compiled, term: str) -> object:
    """The value of the query's `x`; None where it is undefined."""
    try:
        compiled.interpreter.set_input_term(term)
        output = compiled.interpreter.query_bundle(compiled.bundle)
        if not output.ok():
            raise PolicyError(_brief(output))
        results: Sequence[Any] = loads(f"[{output}]") if str(output) != "undefined" else []
    except (RegoError, ValueError) as error:
        raise error if isinstance(error, PolicyError) else PolicyError(_brief(error)) from error
    return results[0].get("bindings", {}).get("x") if len(results) == 1 else None


def _brief(error: object) -> str:
    return " ".join(str(error).split())[:300]
