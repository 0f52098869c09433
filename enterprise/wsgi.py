"""The WSGI application that gunicorn and `serve` run."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enterprise.settings")

application = get_wsgi_application()
