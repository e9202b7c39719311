import boto3
import pytest
from botocore.stub import Stubber

from shared.errors import Unavailable
from shared.secrets import Secrets


def stored() -> tuple[Secrets, Stubber]:
    secrets = Secrets({}, "production", "eu-west-1")
    client = boto3.client("secretsmanager", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    vars(secrets)["client"] = client
    return secrets, Stubber(client)


def test_on_one_machine_a_secret_is_a_variable_and_nobody_else_is_asked() -> None:
    secrets = Secrets({"JIRA_TOKEN": "t"}, "local")
    assert secrets("jira_token") == "t"
    assert secrets("slack_bot_token") == ""


def test_on_aws_a_secret_is_read_once_under_the_name_of_its_environment() -> None:
    secrets, stub = stored()
    stub.add_response("get_secret_value", {"SecretString": "t"}, {"SecretId": "middlewatch/production/jira_token"})
    with stub:
        assert secrets("jira_token") == "t"
        assert secrets("jira_token") == "t"


def test_a_secret_that_is_not_there_is_asked_for_again() -> None:
    secrets, stub = stored()
    stub.add_client_error("get_secret_value", "ResourceNotFoundException")
    stub.add_response("get_secret_value", {"SecretString": "t"})
    with stub:
        assert secrets("jira_token") == ""
        assert secrets("jira_token") == "t"


def test_a_secret_that_cannot_be_read_is_not_taken_for_a_missing_one() -> None:
    secrets, stub = stored()
    stub.add_client_error("get_secret_value", "AccessDeniedException")
    with stub, pytest.raises(Unavailable, match="jira_token"):
        secrets("jira_token")
