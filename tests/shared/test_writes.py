"""What comes of several writes of one key in one transaction."""

import pytest

from shared.writes import Claim, Count, Put, Release, Write, one_each


@pytest.mark.parametrize(
    ("writes", "left"),
    [
        ([Put("a", {}), Claim("b"), Count("c")], [Put("a", {}), Claim("b"), Count("c")]),
        ([Put("a", {"n": 1}), Put("b", {}), Put("a", {"n": 2})], [Put("a", {"n": 2}), Put("b", {})]),
        ([Put("a", {}, when={"n": 0}), Put("a", {"n": 2})], [Put("a", {"n": 2}, when={"n": 0})]),
        (
            [Put("a", {}, when={"n": 0}), Put("a", {"n": 2}, when={"n": 1})],
            [Put("a", {"n": 2}, when={"n": 1})],
        ),
        ([Put("a", {}, when={"n": 0}), Release("a")], [Release("a")]),
        ([Release("a", when={"n": 0}), Put("a", {})], [Put("a", {})]),
    ],
)
def test_the_later_write_of_a_key_stands_under_the_condition_of_the_earlier(
    writes: list[Write], left: list[Write]
) -> None:
    assert one_each(writes) == left
