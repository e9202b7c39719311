"""Log filter patterns and metric math, by example."""

from __future__ import annotations

import pytest

from local.world.logpattern import PatternError, compile_pattern
from local.world.metricmath import MathError, evaluate

LINE = '{"level": "ERROR", "status": 503, "user": {"id": null, "roles": ["admin"]}, "message": "timed out after 3 s"}'


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("", True),
        ("ERROR", True),
        ("ERROR timed", True),
        ("ERROR -timed", False),
        ("?WARN ?ERROR", True),
        ("?WARN ?FATAL", False),
        ('"timed out"', True),
        ('"out timed"', False),
        ("%time[d]? out%", True),
        ('{ $.level = "ERROR" }', True),
        ('{ $.level = "ERR*" }', True),
        ('{ $.level != "ERROR" }', False),
        ("{ $.status >= 500 }", True),
        ("{ $.status = 404 }", False),
        ('{ ($.status = 404) || ($.level = "ERROR" && $.status > 500) }', True),
        ("{ $.user.id IS NULL }", True),
        ('{ $.user.roles[0] = "admin" }', True),
        ("{ $.trace NOT EXISTS }", True),
        ("{ $.message = %timed out% }", True),
    ],
)
def test_a_filter_pattern_matches_what_cloudwatch_says_it_does(pattern: str, *, matches: bool) -> None:
    assert compile_pattern(pattern)(LINE) is matches


def test_a_json_pattern_never_matches_a_line_that_is_no_json() -> None:
    assert not compile_pattern('{ $.level = "ERROR" }')("ERROR: plain")


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.level = }",
        "{ level = 1 }",
        "{ $.a = 1",
        "{ ($.a = 1 }",
        "{ $.a = 1 ) }",
        "{ $.a IS WRONG }",
        "{ $.a = %[% }",
        "%[%",
    ],
)
def test_a_pattern_that_cannot_be_read_says_so(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1/m2*100", {0: 10.0, 20: 30.0}),
        ("FILL(m1, 0)/m2*100", {0: 10.0, 10: 0.0, 20: 30.0}),
        ("FILL(m1, REPEAT)", {0: 1.0, 10: 1.0, 20: 3.0}),
        ("FILL(m1, LINEAR)", {0: 1.0, 10: 2.0, 20: 3.0}),
        ("IF(m2 > 5, m1, 0)", {0: 1.0, 20: 3.0}),
        ("IF(m1 > 2 AND m2 >= 10, 1, 0)", {0: 0.0, 20: 1.0}),
        ("IF(m1 > 2 || m2 > 99, 1, 0)", {0: 0.0, 20: 1.0}),
        ("SUM([m1, m2])", {0: 11.0, 10: 10.0, 20: 13.0}),
        ("MAX(METRICS())", {0: 10.0, 10: 10.0, 20: 10.0}),
        ("m2/PERIOD(m2)", {0: 1.0, 10: 1.0, 20: 1.0}),
        ("DIFF(m2)", {10: 0.0, 20: 0.0}),
        ("-m1 + ABS(-2)", {0: 1.0, 20: -1.0}),
        ("m1/(m2-10)", {}),
        ("m1 + 1/0", {}),
        ("(m1-m2)**0.5", {}),
        ("(m2*1000)**(m2*1000)", {}),
    ],
)
def test_metric_math_computes_what_cloudwatch_would(expression: str, expected: dict[int, float]) -> None:
    known = {"m1": {0: 1.0, 20: 3.0}, "m2": {0: 10.0, 10: 10.0, 20: 10.0}}

    assert evaluate(expression, known, [0, 10, 20], 10) == expected


@pytest.mark.parametrize("expression", ["m1 +", "m9", "ANOMALY(m1)", "[m1]", "FILL(m1, m1)", "__import__('os')"])
def test_an_expression_that_cannot_be_read_says_so(expression: str) -> None:
    with pytest.raises(MathError):
        evaluate(expression, {"m1": {0: 1.0}}, [0], 60)
