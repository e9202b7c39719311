"""The keys under which approvals and decisions are sealed (shared/seal.py)."""

from collections.abc import Iterator

from cli.doctor.finding import DEPLOY, Aws, Finding, ok, wrong
from cli.doctor.stack import Stack

FOLLOWS = "no action runs, and no click of approval counts"


def seal(aws: Aws, stack: Stack, name: str) -> Iterator[Finding]:
    """One key: whether it is there, makes codes, and is in use."""
    kms, alias = aws("kms"), f"alias/{stack.name(name)}"
    try:
        key = kms.describe_key(KeyId=alias)["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        yield wrong(f"key {alias}", f"is not there: {FOLLOWS}", DEPLOY)
        return
    if key["KeyUsage"] != "GENERATE_VERIFY_MAC":
        yield wrong(f"key {alias}", f"is no key for seals ({key['KeyUsage']}): {FOLLOWS}", DEPLOY)
    elif key["KeyState"] != "Enabled":
        fix = f"`aws kms cancel-key-deletion` or `aws kms enable-key` with --key-id {key['KeyId']}"
        yield wrong(f"key {alias}", f"is {key['KeyState']}: {FOLLOWS}", fix)
    else:
        yield ok(f"key {alias}", "is there")
