"""Usage Relay: everything that does not need Celery to be imported."""
