"""The settings as the environment gives them."""

from datetime import timedelta

import pytest

from shared.settings import Settings

TABLES = {"TIMELINE_TABLE": "t", "STATE_TABLE": "s"}


def test_what_is_not_set_or_empty_is_as_it_ships() -> None:
    settings = Settings.read({**TABLES, "BUS_NAME": "", "OTHER": "x"})
    assert settings == Settings(timeline_table="t", state_table="s")
    assert (settings.bus_name, settings.span("hold")) == ("middlewatch", timedelta(minutes=15))


def test_each_variable_that_is_missing_or_wrong_is_named() -> None:
    with pytest.raises(ValueError, match="the environment is not usable") as error:
        Settings.read({"TIMELINE_TABLE": "t", "HOLD_SECONDS": "0", "MODEL_CALLS_PER_HOUR": "many"})
    assert str(error.value) == (
        "the environment is not usable: STATE_TABLE: Field required; HOLD_SECONDS: Input should be greater than 0; "
        "MODEL_CALLS_PER_HOUR: Input should be a valid integer, unable to parse string as an integer"
    )


@pytest.mark.parametrize(
    ("given", "under"),
    [({}, "middlewatch/local"), ({"ENVIRONMENT": "staging"}, "middlewatch/staging"), ({"SECRET_PREFIX": "x/y"}, "x/y")],
)
def test_secrets_lie_under_the_name_of_the_environment_unless_another_is_given(
    given: dict[str, str], under: str
) -> None:
    assert Settings.read(TABLES | given).secrets_under == under
