"""The secrets that the functions in use need."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from cli.doctor.finding import DEPLOY, Finding, note, unless, wrong
from cli.secrets import Held
from shared.config import Config

CHECK = "secrets"


@dataclass(frozen=True, slots=True)
class Use:
    """What the deployed functions were told to use."""

    jira: bool
    gemini: bool


def secrets(
    held: Sequence[Held], config: Config, use: Use, without: AbstractSet[str] = frozenset()
) -> Iterator[Finding]:
    """What is missing of `held`, and whether anybody needs it; there is no place for those of `without`."""
    yield from unless(_missing({each.name: each for each in held}, config, use, without), CHECK, "all are set")


def _missing(held: Mapping[str, Held], config: Config, use: Use, without: AbstractSet[str]) -> Iterator[Finding]:
    for where in sorted({each.wanted for each in held.values() if each.wanted}):
        yield wrong(CHECK, f"there is no secret {where}", DEPLOY)
    needed = {
        "slack_bot_token": "nothing can be said on Slack",
        "slack_signing_secret": "every click on Slack is refused",
        **({"jira_token": "no ticket can be made"} if use.jira else {}),
        **({"gemini_api_key": "the language model is never asked"} if use.gemini else {}),
    }
    wanted = {
        "http_api_keys": "nobody can read incidents over HTTP",
        "dead_mans_switch_url": "nobody outside hears when Middlewatch falls silent",
        **({"jira_user": "the token is taken for a personal access token (Jira Data Center)"} if use.jira else {}),
        **{source.secret: f"the source {source.name} is refused" for source in config.sources},
    }
    empty = {name for name, each in held.items() if not each.since and not each.wanted}
    for name in sorted(needed.keys() & empty):
        yield wrong(CHECK, f"{name} is not set: {needed[name]}", f"`middlewatch secrets set {name}`")
    for name in sorted(wanted.keys() & empty):
        yield note(CHECK, f"{name} is not set: {wanted[name]}", f"if it is used: `middlewatch secrets set {name}`")
    for source in config.sources:
        if source.secret in without:
            fix = f"if it sends alerts: add {source.name} to the variable `sources`, deploy, and set {source.secret}"
            yield note(CHECK, f"the source {source.name} is refused: there is no place for its secret", fix)
        elif source.secret and source.secret not in held:
            fix = f"add {source.secret} to `secrets` in functions/http_api/function.yaml, and deploy"
            yield wrong(CHECK, f"no function may read {source.secret}: {wanted[source.secret]}", fix)
