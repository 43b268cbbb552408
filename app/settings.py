"""Settings: relay.toml and RELAY_*, checked as a whole before anything starts."""
