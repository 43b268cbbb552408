"""The pretend partners: they hold to the contracts, record what they get and misbehave on command.

Nothing else of the relay is imported here, so that a mistake cannot hide by being made twice.
"""
