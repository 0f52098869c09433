"""Settings of the test run: the product's own, on the database that the runner gives."""

import tempfile

import os

os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="enterprise-tests-"))
os.environ.setdefault("SECRET_KEY", "only-for-tests")

from enterprise.settings import *  # noqa: E402, F403
from enterprise.settings import database, env  # noqa: E402

if url := env.str("TEST_DATABASE_URL", default=""):
    DATABASES = {"default": database(url)}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
