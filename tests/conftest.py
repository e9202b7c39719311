"""No test knows an account: credentials are made up, and nobody asks the machine for others."""

import os

from hypothesis import settings

os.environ |= {
    "AWS_ACCESS_KEY_ID": "AKIATEST000000000000",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "SLACK_BOT_TOKEN", "JIRA_URL", "GEMINI_API_KEY"):
    os.environ.pop(name, None)

settings.register_profile("ours", deadline=None)  # a busy machine is no reason for a test to fail
settings.load_profile("ours")
