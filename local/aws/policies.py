"""What IAM policies allow, as far as they are written here (IAM user guide, 'Policy evaluation logic')."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Values = Sequence[str]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in text), re.DOTALL)


def like(pattern: str, text: str) -> bool:
    """Whether the text is as the pattern says, in which `*` and `?` stand for anything."""
    return _pattern(pattern).fullmatch(text) is not None


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
}


def listed(value: object) -> list[Any]:
    """A value of a policy that may stand alone or in a list, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _holds(operator: str, wanted: Values, given: Values | None) -> bool:
    """Whether one key of a condition holds; `given` is None where the request says nothing of it."""
    if operator == "Null":
        return (given is None) == (wanted[0].lower() == "true")
    if operator.endswith("IfExists"):
        return given is None or _holds(operator.removesuffix("IfExists"), wanted, given)
    every = operator.startswith("ForAllValues:")
    plain = operator.rpartition(":")[2]
    negated = plain.replace("Not", "")
    match = _OPERATORS.get(negated)
    if match is None:
        msg = f"conditions with {operator} are not understood here"
        raise ValueError(msg)
    if given is None:
        return every or plain != negated
    found = [any(match(each, value) for each in wanted) for value in given]
    if plain != negated:
        return not any(found)
    return all(found) if every else any(found)


def conditions_hold(statement: Mapping[str, Any], context: Mapping[str, object]) -> bool:
    """Whether all conditions of a statement hold for a request that is as `context` says (keys of any case)."""
    known = {key.lower(): [str(each) for each in listed(value)] for key, value in context.items()}
    return all(
        _holds(operator, [str(each) for each in listed(wanted)], known.get(key.lower()))
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _applies(
    statement: Mapping[str, Any], action: str, resource: str, service: str, context: Mapping[str, object]
) -> bool:
    if "Action" in statement:
        acts = any(like(each.lower(), action.lower()) for each in listed(statement["Action"]))
    else:
        acts = not any(like(each.lower(), action.lower()) for each in listed(statement["NotAction"]))
    if "NotResource" in statement:
        on = not any(like(each, resource) for each in listed(statement["NotResource"]))
    else:
        on = any(like(each, resource) for each in listed(statement.get("Resource", "*")))
    return acts and on and _is_principal(statement, service) and conditions_hold(statement, context)


def _is_principal(statement: Mapping[str, Any], service: str) -> bool:
    """Whether a statement speaks of the caller: any statement of an identity's own policy does."""
    principal = statement.get("Principal", "*")
    if principal == "*" or "*" in listed(principal.get("AWS", ())):
        return True
    return bool(service) and service in listed(principal.get("Service", ()))


def allows(
    policies: Iterable[Mapping[str, Any]],
    action: str,
    resource: str,
    context: Mapping[str, object] | None = None,
    *,
    service: str = "",
) -> bool:
    """Whether policies of an identity, or of a resource for a `service` principal, allow an action on a resource (ARN).

    What is not allowed is denied, and one Deny outweighs every Allow. Raises ValueError for a condition's operator that
    is not understood.
    """
    applying = [
        statement["Effect"]
        for policy in policies
        for statement in listed(policy["Statement"])
        if _applies(statement, action, resource, service, context or {})
    ]
    return "Allow" in applying and "Deny" not in applying
