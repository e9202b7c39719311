"""Functions live, fail and are given their surroundings as on Lambda."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from local.aws.sandbox import Invocation, Sandbox
from tests.local.aws.conftest import ROOT, Rig, until


def test_a_function_starts_with_its_first_event_and_is_kept_warm(rig: Rig) -> None:
    assert rig.aws.functions["web"].processes() == []
    began = time.monotonic()
    assert not rig.aws.invoke("web", {"rawPath": "/"}).failed
    assert time.monotonic() - began < 5
    (pid,) = rig.aws.functions["web"].processes()
    began = time.monotonic()
    rig.aws.invoke("web", {"rawPath": "/"})
    assert time.monotonic() - began < 0.2
    assert rig.aws.functions["web"].processes() == [pid]


def test_an_error_comes_back_as_lambda_writes_it(rig: Rig) -> None:
    outcome = rig.aws.invoke("web", {"rawPath": "/fail"})
    assert outcome.failed
    error = outcome.result()
    assert (error["errorType"], error["errorMessage"]) == ("RuntimeError", "asked to fail")
    assert error["stackTrace"]


def test_a_function_that_takes_too_long_is_killed_and_the_next_event_gets_a_new_process(rig: Rig) -> None:
    rig.aws.invoke("web", {"rawPath": "/"})
    before = rig.aws.functions["web"].processes()
    began = time.monotonic()
    outcome = rig.aws.invoke("web", {"rawPath": "/slow"})
    assert 1.9 < time.monotonic() - began < 3
    assert outcome.result()["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 2.00 seconds" in outcome.result()["errorMessage"]
    assert not rig.aws.invoke("web", {"rawPath": "/"}).failed
    assert rig.aws.functions["web"].processes() != before


def test_a_crash_is_an_exit_error_and_its_message_comes_again(rig: Rig) -> None:
    sent = rig.send(do="exit", times=1)
    until(lambda: len(rig.notes(sent)) == 2)
    first, second = rig.notes(sent)
    assert first["pid"] != second["pid"]


def test_a_process_killed_between_events_is_replaced(rig: Rig) -> None:
    rig.aws.invoke("web", {"rawPath": "/"})
    (pid,) = rig.aws.functions["web"].processes()
    os.kill(pid, signal.SIGKILL)
    until(lambda: rig.aws.functions["web"].processes() == [])
    assert not rig.aws.invoke("web", {"rawPath": "/"}).failed


def test_killing_a_function_at_work_fails_its_event_and_the_message_comes_again(rig: Rig) -> None:
    sent = rig.send(do="nap", times=9)
    until(lambda: rig.notes(sent))
    assert rig.aws.kill("worker") >= 1
    until(lambda: len(rig.notes(sent)) == 2)
    until(lambda: rig.left() == 0)


def test_the_surroundings_are_lambdas(rig: Rig) -> None:
    sent = rig.send(look=1)
    (note,) = until(lambda: rig.notes(sent))
    assert note["arn"] == f"arn:aws:lambda:us-east-1:{rig.aws.account}:function:middlewatch-worker"
    assert 0 < note["left"] <= 1000
    assert note["env"]["AWS_LAMBDA_FUNCTION_NAME"] == "middlewatch-worker"
    assert note["env"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert note["env"]["QUEUE_URL"] == note["env"]["WORKER_QUEUE_URL"] == rig.aws.queue_url("worker")


def test_a_secret_goes_only_to_the_functions_that_declare_it(rig: Rig) -> None:
    sent = rig.send(look=2)
    (note,) = until(lambda: rig.notes(sent))
    assert note["env"]["SLACK_BOT_TOKEN"] == "slack"
    assert "JIRA_TOKEN" not in note["env"]


def test_what_a_function_prints_is_in_its_log_and_told(rig: Rig) -> None:
    rig.aws.invoke("web", {"rawPath": "/fail"})
    until(lambda: any(function == "web" and "asked to fail" in line for function, line in rig.lines))
    log = (rig.aws.state_dir / "logs" / "web.log").read_text()
    assert "START RequestId" in log
    assert "asked to fail" in log


@pytest.mark.parametrize("handler", ["functions.nowhere.handler.handler", "functions.web.handler.nothing"])
def test_a_handler_that_cannot_be_loaded_is_an_error_and_no_hang(handler: str) -> None:
    lines: list[str] = []
    sandbox = Sandbox(handler, ROOT, {"PATH": os.environ["PATH"]}, lines.append)
    invocation = Invocation(b"{}", 3, "arn")
    sandbox.invoke(invocation)
    assert invocation.failed
    assert json.loads(invocation.payload)["errorType"] in {"Runtime.ImportModuleError", "Runtime.HandlerNotFound"}
    assert not sandbox.alive


def test_our_own_loop_answers_like_awss_client_where_that_has_no_wheel() -> None:
    lines: list[str] = []
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "AWS_LAMBDA_FUNCTION_NAME": "web",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "g",
        "AWS_LAMBDA_LOG_STREAM_NAME": "s",
    }
    sandbox = Sandbox(
        "functions.web.handler.handler", ROOT, environment, lines.append, client="local.aws.runtime_client"
    )
    try:
        for path, failed in (("/", False), ("/fail", True), ("/plain", False)):
            invocation = Invocation(json.dumps({"rawPath": path}).encode(), 3, "arn")
            sandbox.invoke(invocation)
            assert invocation.failed is failed
        assert json.loads(invocation.payload) == {"no": "status"}
    finally:
        sandbox.kill()


def test_a_warmed_function_has_one_process_before_its_first_event(rig: Rig) -> None:
    rig.aws.kill("web")
    until(lambda: rig.aws.functions["web"].processes() == [])
    rig.aws.warm()
    until(lambda: len(rig.aws.functions["web"].processes()) == 1)
    pids = rig.aws.functions["web"].processes()
    assert not rig.aws.invoke("web", {"rawPath": "/"}).failed
    assert rig.aws.functions["web"].processes() == pids
