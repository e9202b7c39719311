"""What a deployment costs: the one table of prices, and docs/cost.md computed from it. `python -m infra.cost`."""
