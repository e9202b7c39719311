"""Input from people who mean harm, and a model that obeys them: `python -m tests.hostile`."""
