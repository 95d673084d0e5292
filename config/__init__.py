"""How the product is put together: settings, URLs, the Celery app, the WSGI entry.

The Celery app is imported here so that a task declared with ``shared_task`` finds the broker of
this installation in whatever process sends it: a page, a command or a worker.
"""

from config.celery import app as celery_app

__all__ = ["celery_app"]
