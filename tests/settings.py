"""Settings of the test run: the product's own, on the database that the runner gives."""

import os
import tempfile

os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="enterprise-tests-"))
os.environ.setdefault("SECRET_KEY", "only-for-tests")

from enterprise.env import env
from enterprise.settings import *  # noqa: F403
from enterprise.settings import database

if url := env.str("TEST_DATABASE_URL", default=""):
    DATABASES = {"default": database(url)}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
