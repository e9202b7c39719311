"""What there is in an account, of every kind of thing that our stacks make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.aws.deployed import Account

if TYPE_CHECKING:
    from local.aws.embedded import EmbeddedAws

KINDS = (
    ("apigatewayv2", "get_apis", "Items", "Name"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("dynamodb", "list_tables", "TableNames", ""),
    ("events", "list_archives", "Archives", "ArchiveName"),
    ("events", "list_event_buses", "EventBuses", "Name"),
    ("events", "list_rules", "Rules", "Name"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("iam", "list_users", "Users", "UserName"),
    ("kms", "list_keys", "Keys", "KeyId"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "FunctionArn"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("scheduler", "list_schedules", "Schedules", "Name"),
    ("secretsmanager", "list_secrets", "SecretList", "Name"),
    ("sesv2", "list_configuration_sets", "ConfigurationSets", ""),
    ("sesv2", "list_email_identities", "EmailIdentities", "IdentityName"),
    ("sns", "list_subscriptions", "Subscriptions", "Endpoint"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sqs", "list_queues", "QueueUrls", ""),
)


def inventory(aws: EmbeddedAws) -> set[str]:
    """Service and name of each thing that there is, but for what AWS has by itself and keys that wait for their end."""
    account = Account(aws)
    found = {
        f"{service} {each[name] if name else each}"
        for service, operation, key, name in KINDS
        for each in account.pages(service, operation, key)
    }
    keys = {each.removeprefix("kms ") for each in found if each.startswith("kms ")}
    return found - {f"kms {each}" for each in keys if not _is_ours(account, each)} - {"events default"}


def _is_ours(account: Account, key: str) -> bool:
    waits = account.aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    return not waits and not any(name.startswith("alias/aws/") for name in account.key(key).aliases)
