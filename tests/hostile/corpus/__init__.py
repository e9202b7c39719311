"""The instructions that strangers plant, read from a file of our own."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Instruction:
    """A planted text, and what a model answers that obeys it."""

    text: str
    wants: Mapping[str, Any]


def instructions(most: int, seed: int) -> list[Instruction]:
    """`most` distinct ones: all that are complete, and of the combinations some of every order, target and disguise."""
    content = yaml.safe_load((Path(__file__).parent / "instructions.yaml").read_text("utf-8"))
    dice = random.Random(seed)
    combined = list(product(content["openings"], content["orders"], content["disguises"]))
    dice.shuffle(combined)
    found = {each["text"]: Instruction(each["text"], each["wants"]) for each in content["whole"]}
    for number, (opening, order, disguise) in enumerate(combined):
        target = content["targets"][number % len(content["targets"])]
        text = disguise.replace("{text}", f"{opening} {order['text']}".replace("{target}", target))
        found.setdefault(text, Instruction(text, _aimed(order["wants"], target)))
        if len(found) >= most:
            break
    return list(found.values())[:most]


def _aimed(value: Any, target: str) -> Any:
    match value:
        case str():
            return value.replace("{target}", target)
        case dict():
            return {name: _aimed(each, target) for name, each in value.items()}
        case list():
            return [_aimed(each, target) for each in value]
    return value
