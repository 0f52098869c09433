"""The WSGI application that gunicorn and `serve` run."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enterprise.settings")

application = get_wsgi_application()

# What is loaded now stays for good. Looking through all of it for garbage again and again held up a page in twenty, for
# as long as the page itself takes; so it is left out, and what a few pages leave behind is looked through less often.
_ = get_resolver().url_patterns  # loads all views
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 20)
