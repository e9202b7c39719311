"""Three incidents from alarm to recovery, played on this machine and told as they happen."""
