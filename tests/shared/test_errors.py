import pytest

from shared.errors import MiddlewatchError, Refused, Unavailable, Unclear


@pytest.mark.parametrize("kind", [MiddlewatchError, Refused, Unavailable, Unclear])
def test_no_secret_is_left_in_what_an_error_says(kind: type[MiddlewatchError]) -> None:
    error = kind("it refused postgres://app:hunter2@db with token=hunter2")
    assert "hunter2" not in f"{error} {error!r} {error.args}"


def test_an_error_says_what_it_was_told_otherwise() -> None:
    assert str(Unavailable("SQS did not answer", retry_after=3)) == "SQS did not answer"
