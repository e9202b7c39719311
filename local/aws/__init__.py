"""An AWS in one process: moto for what our code calls, and an emulator of what calls our code."""
