#!/usr/bin/env python3
"""Command line of Enterprise: `runserver`, `consume_events`, `migrate`, `serve` and the rest."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enterprise.settings")
    execute_from_command_line(sys.argv)
