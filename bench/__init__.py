"""Measures the relay beside one stock Celery task per event: the same events, the same machine."""
