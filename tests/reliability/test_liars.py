"""A share of the nights of `python -m tests.reliability.liars`, for every run."""

from tests.reliability.liars import run, undisturbed


def test_without_lies_the_honest_incident_is_mended_and_closed() -> None:
    course, updates = undisturbed()
    kinds = [kind for kind, _ in course]
    assert updates == ["restart"]
    assert "RecoveryVerified" in kinds
    assert kinds[-1] == "IncidentClosed"


def test_no_lie_brings_anything_about() -> None:
    for row in run(12, 1):
        assert not row.violations, row.remark
