"""A storm of alerts through the real stages over fakes: `python -m tests.reliability.storm --alerts 100000`."""
