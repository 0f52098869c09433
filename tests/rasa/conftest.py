"""A real Rasa: made once, skipped visibly where no interpreter for it exists, a failure when making it fails."""

from pathlib import Path

import pytest

from tests.rasa.server import rasa_env, trained_model


@pytest.fixture(scope="session")
def rasa_bin() -> Path:
    """The bin folder of an environment with Rasa 3.6.21."""
    found = rasa_env()
    if found is None:
        pytest.skip("no Python 3.8 to 3.10 on this machine: nothing was proven against a real Rasa")
    return found


@pytest.fixture(scope="session")
def demo_model(rasa_bin: Path) -> Path:
    """The fast variant of the demo assistant, trained once for each state of its project."""
    return trained_model(rasa_bin, fast=True)
