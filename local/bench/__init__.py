"""What Middlewatch costs: figures with their bounds, measured in one run on one machine."""
