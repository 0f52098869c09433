#!/usr/bin/env python3
"""Command line of Enterprise: `runserver`, `consume_events`, `migrate`, `serve` and the rest."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "enterprise.settings")
    from enterprise.commandline import main

    sys.exit(main(sys.argv))
