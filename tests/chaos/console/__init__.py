"""Whether the console stays quick over a full store: `python -m tests.chaos.console`."""
