"""Takes Segment's events. `uvicorn --factory app.ingest:application` serves it."""

from app.ingest.endpoint import Ingest, application

__all__ = ["Ingest", "application"]
