"""The customers of the demo: who comes how often, and how they write."""

import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from events.demo import phrases
from events.demo.chat import Chat, Customer, slip
from events.demo.concerns import STORIES
from events.demo.talk import ODD_IDS, REGULARS, population, schedule

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("sessions", [100, 380, 401])
def test_visits_add_up_to_the_sessions_asked_for(sessions: int) -> None:
    customers = population(sessions, random.Random(7))
    assert sum(customer.sessions for customer in customers) == sessions
    assert len({customer.sender for customer in customers}) == len(customers)


def test_regulars_and_odd_ids_are_among_the_customers() -> None:
    customers = {customer.sender: customer for customer in population(400, random.Random(7))}
    assert sum(customer.sessions >= 20 for customer in customers.values()) == len(REGULARS) == 3
    assert set(ODD_IDS) <= set(customers)
    assert {customer.channel for customer in customers.values()} == {"webchat", "whatsapp"}


def test_everybody_is_scheduled_as_often_as_they_come_and_regulars_all_the_time() -> None:
    customers = population(400, random.Random(7))
    order = schedule(customers, random.Random(7))
    assert Counter(c.sender for c in order) == {c.sender: c.sessions for c in customers}
    places = [index for index, customer in enumerate(order) if customer.sender == REGULARS[0][0]]
    assert places[0] < 40
    assert places[-1] > 360


def test_the_same_seed_gives_the_same_customers() -> None:
    assert population(200, random.Random(1)) == population(200, random.Random(1))
    assert population(200, random.Random(1)) != population(200, random.Random(2))


def test_a_slip_changes_a_letter_or_two_and_never_a_payload() -> None:
    rng = random.Random(5)
    for text in phrases.SAYINGS["check_bill"]:
        assert abs(len(slip(text, rng)) - len(text)) <= 1
    assert slip('/inform{"plan":"River"}', rng) == '/inform{"plan":"River"}'
    assert slip("ok", rng) == "ok"


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("447700900417", True),
        ("kiosk/marlow/2", True),
        ("shop desk 3", False),
        ("50%off?x=1#top", False),
        ("客服-17", False),
    ],
)
def test_only_plain_ids_are_named_in_addresses(sender: str, expected: bool) -> None:
    chat = Chat("http://127.0.0.1:1", Customer(sender, "webchat", 1), random.Random(1), "webchat")
    assert chat.addressable is expected


def test_every_topic_a_concern_names_has_phrases() -> None:
    text = (ROOT / "events" / "demo" / "concerns.py").read_text()
    named = {part.split('"')[0] for part in text.split('chat.ask("')[1:]}
    assert len(named) > 15
    assert named <= set(phrases.SAYINGS)
    assert len(STORIES) > 20


def rasa_env(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "RASA_ENV_DIR": str(tmp_path / "env dir"),
        **variables,
    }
    return subprocess.run(
        [ROOT / "bin" / "rasa-env"], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_a_suitable_python_the_environment_says_so_in_one_line(tmp_path: Path) -> None:
    done = rasa_env(tmp_path, RASA_PYTHON="/bin/false")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "3.10" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "env dir").exists()


def test_a_folder_that_is_no_environment_is_never_removed(tmp_path: Path) -> None:
    precious = tmp_path / "env dir" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")
    fake = tmp_path / "python3.10"
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o755)
    done = rasa_env(tmp_path, RASA_PYTHON=str(fake))
    assert done.returncode == 1
    assert precious.read_text() == "years of work"
    assert "RASA_ENV_DIR" in done.stderr
