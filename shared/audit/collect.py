"""What goes into a bundle, read from the bucket."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from shared.alert import as_text
from shared.audit.anchor import before, read_anchor
from shared.audit.kept import Bucket, Stored

AT_ONCE = 10
"""Anchors that are read side by side; as many as boto3 keeps connections."""


def bearing(incident_id: str, bucket: Bucket) -> Sequence[Stored]:
    """Every anchor from before the incident to the last one that names it; none where none does.

    Nothing that is remembered elsewhere chooses them: all that were written since are read. Raises Unavailable.
    """
    numbers = list(bucket.numbers())
    limit = before(incident_id)
    start = max((place for place, (_, at) in enumerate(numbers) if limit and as_text(at) < limit), default=0)
    with ThreadPoolExecutor(AT_ONCE) as readers:
        found = [each for each in readers.map(lambda pair: bucket.get(pair[0]), numbers[start:]) if each]
    while start and not (found and _at(found[0]) < limit):  # the bucket's clock is not the one that wrote it
        start -= 1
        earlier = bucket.get(numbers[start][0])
        found = [earlier, *found] if earlier else found
    named = [place for place, each in enumerate(found) if f'"{incident_id}"'.encode() in each.body]
    return found[: named[-1] + 1] if named else ()


def _at(stored: Stored) -> str:
    try:
        return read_anchor(stored.body).at
    except ValueError:
        return "~"
