"""CloudWatch metric math, the part that alarms use: arithmetic, comparison, IF, FILL and the usual functions."""

from __future__ import annotations

import ast
import operator
import re
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.world.metrics import Series

Value: TypeAlias = "float | Series | list[Series]"


class MathError(ValueError):
    """An expression that cannot be read, or that asks for what this world does not know."""


BINARY: dict[type[ast.operator | ast.cmpop], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
}
ONE: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda v: float(-(-v // 1)),
    "FLOOR": lambda v: float(v // 1),
}
MANY: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": lambda v: sum(v) / len(v),
    "MIN": min,
    "MAX": max,
}


def evaluate(expression: str, known: Mapping[str, Series], times: list[int], period: int) -> Series:
    """Return the series of an expression over the periods `times`; `MathError` when it cannot be read.

    Where an input has no data the result has none, and so it is where no number results (a division by zero).
    """
    source = re.sub(r"\bAND\b|&&", " and ", re.sub(r"\bOR\b|\|\|", " or ", expression))
    source = re.sub(r"\bIF\s*\(", "IF_(", source)
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except SyntaxError as error:
        message = f"Error in expression '{expression}': {error.msg}"
        raise MathError(message) from None
    value = _Evaluation(known, times, period).of(tree.body)
    if isinstance(value, list):
        message = f"Error in expression '{expression}': an array of time series where one is wanted"
        raise MathError(message)
    return dict.fromkeys(times, value) if isinstance(value, float) else value


def _number(function: Callable[[float, float], float], left: float, right: float) -> float | None:
    try:
        return float(function(left, right))
    except (ArithmeticError, TypeError):  # by zero, out of range; the root of a negative number is complex
        return None


class _Evaluation:
    def __init__(self, known: Mapping[str, Series], times: list[int], period: int) -> None:
        self.known, self.times, self.period = known, times, period

    def of(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name) if name in self.known:
                return self.known[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._pairs(operator.sub, 0.0, self.of(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                return self._pairs(BINARY[type(op)], self.of(left), self.of(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in BINARY:
                return self._pairs(BINARY[type(op)], self.of(left), self.of(right))
            case ast.BoolOp(op=op, values=values):
                both = isinstance(op, ast.And)
                result = self.of(values[0])
                for other in values[1:]:
                    join = (lambda a, b: float(bool(a and b))) if both else (lambda a, b: float(bool(a or b)))
                    result = self._pairs(join, result, self.of(other))
                return result
            case ast.List(elts=items):
                return [self._series(self.of(item)) for item in items]
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, arguments)
        message = f"Unknown part of an expression: {ast.unparse(node)}"
        raise MathError(message)

    def _series(self, value: Value) -> Series:
        if isinstance(value, list):
            message = "A time series is wanted here"
            raise MathError(message)
        return dict.fromkeys(self.times, value) if isinstance(value, float) else value

    def _pairs(self, function: Callable[[float, float], float], left: Value, right: Value) -> Value:
        if isinstance(left, list) or isinstance(right, list):
            items = left if isinstance(left, list) else right
            message = f"No arithmetic with an array of {len(items) if isinstance(items, list) else 0} time series"
            raise MathError(message)
        if isinstance(left, float) and isinstance(right, float):
            result = _number(function, left, right)
            return {} if result is None else result
        a, b = self._series(left), self._series(right)
        found = {time: _number(function, a[time], b[time]) for time in self.times if time in a and time in b}
        return {time: value for time, value in found.items() if value is not None}

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        if name == "METRICS":
            return list(self.known.values())
        if name == "FILL" and len(arguments) == 2:  # noqa: PLR2004
            return self._fill(self._series(self.of(arguments[0])), arguments[1])
        values = [self.of(argument) for argument in arguments]
        match name, values:
            case "IF_", [condition, then, *otherwise]:
                return self._if(self._series(condition), then, otherwise[0] if otherwise else None)
            case _, [one] if name in ONE:
                return {time: ONE[name](value) for time, value in self._series(one).items()}
            case _, [list() as several] if name in MANY:
                together = {t: [s[t] for s in several if t in s] for t in self.times}
                return {time: float(MANY[name](found)) for time, found in together.items() if found}
            case _, [one] if name in MANY:
                found = list(self._series(one).values())
                return float(MANY[name](found)) if found else {}
            case "PERIOD", [_]:
                return float(self.period)
            case "DIFF" | "RATE", [one]:
                by = self.period if name == "RATE" else 1
                series = sorted(self._series(one).items())
                return {t: (v - before) / by for (_, before), (t, v) in pairwise(series)}
        message = f"Unknown function or wrong arguments: {name.rstrip('_')}"
        raise MathError(message)

    def _if(self, condition: Series, then: Value, otherwise: Value | None) -> Series:
        yes, no = self._series(then), {} if otherwise is None else self._series(otherwise)
        chosen = {time: (yes if truth else no) for time, truth in condition.items()}
        return {time: side[time] for time, side in chosen.items() if time in side}

    def _fill(self, series: Series, how: ast.expr) -> Series:
        if isinstance(how, ast.Name) and how.id in {"REPEAT", "LINEAR"}:
            return self._repeat(series, linear=how.id == "LINEAR")
        value = self.of(how)
        if not isinstance(value, float):
            message = "FILL takes a number, REPEAT or LINEAR"
            raise MathError(message)
        return {time: series.get(time, value) for time in self.times}

    def _repeat(self, series: Series, *, linear: bool) -> Series:
        have, found = sorted(series), dict(series)
        for time in self.times:
            before = [t for t in have if t < time]
            after = [t for t in have if t > time]
            if time in series or not before:
                continue
            found[time] = series[before[-1]]
            if linear and after:
                a, b = before[-1], after[0]
                found[time] += (series[b] - series[a]) * (time - a) / (b - a)
        return found
