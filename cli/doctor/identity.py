"""Who looks, and whether that is in the account of the deployment."""

from collections.abc import Iterator, Mapping

from cli.doctor.finding import Finding, ok, wrong


def identity(said: Mapping[str, str], region: str, deployed_in: str) -> Iterator[Finding]:
    """`said` is GetCallerIdentity's answer, `deployed_in` the deployment's account (empty: not known)."""
    who = f"{said['Arn']} in {region}"
    if deployed_in and said["Account"] != deployed_in:
        fix = f"sign in to account {deployed_in} (AWS_PROFILE), or name this account's deployment"
        yield wrong("identity", f"{who}, but the deployment is in account {deployed_in}", fix)
    else:
        yield ok("identity", who)


def account_of(topic: str) -> str:
    """The account in the ARN of the topic, empty where there is none."""
    parts = topic.split(":")
    return parts[4] if len(parts) > 5 else ""  # noqa: PLR2004 - arn:partition:service:region:account:name
