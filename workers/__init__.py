"""The Celery side: an application, its tasks and the tick. Nothing but Celery lives here."""

from workers.application import celery

__all__ = ["celery"]
