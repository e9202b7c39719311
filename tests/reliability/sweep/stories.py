"""The stories of the demo, by the service that breaks."""

STORIES = ("orders", "payments", "search")
