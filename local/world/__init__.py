"""A small world of ECS services that break and heal, for the demo and for tests."""
