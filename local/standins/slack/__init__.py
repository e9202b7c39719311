"""A Slack that the real slack-sdk talks to, with a page on which people see the channel and click."""
