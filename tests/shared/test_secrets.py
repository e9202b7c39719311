import json

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from shared.errors import Unavailable
from shared.secrets import ABSENT, KEPT, Secrets
from shared.settings import Settings

TABLES = {"TIMELINE_TABLE": "t", "STATE_TABLE": "s", "ENVIRONMENT": "production"}


class Watch:
    """A clock that somebody turns."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def stored(**settings: str) -> tuple[Secrets, Stubber, Watch]:
    read = Settings.read(TABLES | {name.upper(): value for name, value in settings.items()})
    watch = Watch()
    secrets = Secrets({}, read.environment, read.aws_region, read.secrets_under, read.secret_bundle, watch)
    client = boto3.client("secretsmanager", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    vars(secrets)["client"] = client
    return secrets, Stubber(client), watch


def test_on_one_machine_a_secret_is_a_variable_and_nobody_else_is_asked() -> None:
    secrets = Secrets({"JIRA_TOKEN": "t"}, "local")
    assert secrets("jira_token") == "t"
    assert secrets("slack_bot_token") == ""


def test_on_aws_a_secret_is_read_once_under_the_name_of_its_environment() -> None:
    secrets, stub, _ = stored()
    stub.add_response("get_secret_value", {"SecretString": "t"}, {"SecretId": "middlewatch/production/jira_token"})
    with stub:
        assert secrets("jira_token") == "t"
        assert secrets("jira_token") == "t"


def test_a_deployment_of_another_name_has_secrets_of_its_own() -> None:
    secrets, stub, _ = stored(secret_prefix="watch/staging")
    stub.add_response("get_secret_value", {"SecretString": "t"}, {"SecretId": "watch/staging/jira_token"})
    with stub:
        assert secrets("jira_token") == "t"


def test_what_a_handler_reads_comes_from_its_settings() -> None:
    settings = Settings.read(
        TABLES | {"AWS_REGION": "eu-north-1", "SECRET_PREFIX": "watch/staging", "SECRET_BUNDLE": "watch/all"}
    )
    secrets = Secrets.of({}, settings)
    assert (secrets.environment, secrets.prefix, secrets.bundle) == ("production", "watch/staging", "watch/all")
    assert secrets.client.meta.region_name == "eu-north-1"


def test_a_variable_wins_over_what_is_stored() -> None:
    secrets = Secrets.of({"JIRA_TOKEN": "t"}, Settings.read(TABLES))
    assert secrets("jira_token") == "t"


def test_a_secret_of_no_text_is_none() -> None:
    secrets, stub, _ = stored()
    stub.add_response("get_secret_value", {"SecretBinary": b"t"})
    with stub:
        assert secrets("jira_token") == ""


def test_a_secrets_manager_that_does_not_answer_is_no_missing_secret() -> None:
    secrets, _, _ = stored()

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="x")

    secrets.client.meta.events.register("before-send.secretsmanager.GetSecretValue", fail)
    with pytest.raises(Unavailable, match="jira_token cannot be read"):
        secrets("jira_token")


def test_a_bundle_that_lacks_a_secret_is_not_read_at_every_request() -> None:
    secrets, stub, watch = stored(secret_bundle="watch/all")
    stub.add_response("get_secret_value", {"SecretString": '{"jira_user": "u", "jira_token": ""}'})
    with stub:
        assert (secrets("slack_bot_token"), secrets("slack_bot_token"), secrets("jira_user")) == ("", "", "u")
    assert secrets.known == {"slack_bot_token": ("", watch.now), "jira_user": ("u", watch.now)}


def test_a_secret_that_is_not_there_is_asked_for_again_but_not_at_every_request() -> None:
    secrets, stub, watch = stored()
    stub.add_client_error("get_secret_value", "ResourceNotFoundException")
    stub.add_response("get_secret_value", {"SecretString": "t"})
    with stub:
        assert secrets("jira_token") == ""
        watch.now += 29
        assert secrets("jira_token") == ""
        watch.now += 1
        assert secrets("jira_token") == "t"


def test_a_secret_that_cannot_be_read_is_not_taken_for_a_missing_one() -> None:
    secrets, stub, _ = stored()
    stub.add_client_error("get_secret_value", "AccessDeniedException")
    with stub, pytest.raises(Unavailable, match="jira_token"):
        secrets("jira_token")


def test_a_rotated_secret_is_noticed_within_minutes() -> None:
    secrets, stub, watch = stored()
    stub.add_response("get_secret_value", {"SecretString": "old"})
    stub.add_response("get_secret_value", {"SecretString": "new"})
    with stub:
        assert secrets("jira_token") == "old"
        watch.now += 299
        assert secrets("jira_token") == "old"
        watch.now += 1
        assert secrets("jira_token") == "new"


def test_a_clock_that_was_set_back_keeps_no_secret_for_ever() -> None:
    secrets, stub, watch = stored()
    stub.add_response("get_secret_value", {"SecretString": "old"})
    stub.add_response("get_secret_value", {"SecretString": "new"})
    with stub:
        assert secrets("jira_token") == "old"
        watch.now -= 1
        assert secrets("jira_token") == "new"


def test_a_secret_that_was_taken_away_is_gone_within_minutes() -> None:
    secrets, stub, watch = stored()
    stub.add_response("get_secret_value", {"SecretString": "old"})
    stub.add_client_error("get_secret_value", "ResourceNotFoundException")
    stub.add_client_error("get_secret_value", "AccessDeniedException")
    with stub:
        assert secrets("jira_token") == "old"
        watch.now += KEPT
        assert secrets("jira_token") == ""
        watch.now += ABSENT
        with pytest.raises(Unavailable):
            secrets("jira_token")


def test_what_was_read_serves_on_while_it_cannot_be_read_anew(caplog: pytest.LogCaptureFixture) -> None:
    secrets, stub, watch = stored()
    stub.add_response("get_secret_value", {"SecretString": "old"})
    stub.add_client_error("get_secret_value", "InternalServiceError")
    stub.add_response("get_secret_value", {"SecretString": "new"})
    with stub:
        assert secrets("jira_token") == "old"
        watch.now += KEPT
        assert secrets("jira_token") == "old"
        assert "jira_token cannot be read" in caplog.text
        assert secrets("jira_token") == "new"


def test_a_secret_is_in_no_representation() -> None:
    secrets, stub, _ = stored()
    stub.add_response("get_secret_value", {"SecretString": "canary"})
    with stub:
        assert secrets("jira_token") == "canary"
    assert "canary" not in repr(secrets)
    assert "canary" not in repr(Secrets({"JIRA_TOKEN": "canary"}, "local"))


def test_a_bundle_is_read_once_for_all_that_it_holds() -> None:
    secrets, stub, watch = stored(secret_bundle="watch/all")
    held = {"jira_user": "u", "jira_token": "t", "slack_bot_token": ""}
    stub.add_response("get_secret_value", {"SecretString": json.dumps(held)}, {"SecretId": "watch/all"})
    with stub:
        assert (secrets("jira_user"), secrets("jira_token")) == ("u", "t")
        stub.assert_no_pending_responses()
    stub.add_response("get_secret_value", {"SecretString": json.dumps(held)}, {"SecretId": "watch/all"})
    with stub:
        assert secrets("slack_bot_token") == ""
    watch.now += KEPT
    stub.add_response("get_secret_value", {"SecretString": json.dumps({"jira_user": "v"})})
    with stub:
        assert (secrets("jira_user"), secrets.known["jira_user"]) == ("v", ("v", watch.now))


def test_a_bundle_without_a_value_holds_nothing_yet() -> None:
    secrets, stub, _ = stored(secret_bundle="watch/all")
    stub.add_client_error("get_secret_value", "ResourceNotFoundException")
    with stub:
        assert secrets("jira_token") == ""


@pytest.mark.parametrize("held", ["{", "[]", '"t"', '{"jira_token": 1}', '{"a": {"b": "c"}}'])
def test_a_bundle_that_is_no_object_of_texts_is_said_without_its_content(held: str) -> None:
    secrets, stub, _ = stored(secret_bundle="watch/all")
    stub.add_response("get_secret_value", {"SecretString": held})
    with stub, pytest.raises(Unavailable) as raised:
        secrets("jira_token")
    assert str(raised.value) == "the secret watch/all is not a JSON object of texts"
