"""The operator's console. `uvicorn --factory app.console:application` serves it."""

from app.console.application import application

__all__ = ["application"]
