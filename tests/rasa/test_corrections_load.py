"""Rasa reads the exported corrections: every message to the letter, every entity where it was."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conversations.nlu_yaml import Entity, Example, fragment

pytestmark = pytest.mark.rasa

NASTY = (
    "a [link](http://x.y) z", "[[a](b)", "- -5 degrees", "\"quoted\" 'x'", "🙂 hi [there]", "one\nline two [x](y)",
    "x\u2028y", "tab\tin", "[]", "[](b)", "#comment", "key: value", "${HOME} $x {x}", "\\u0041 \\n back", "[", "]", "][",
    '[a]{"entity":"b"}', '[a][{"entity":"b"}]', "](", "[a] (b)", "[[[a]]](b)", "\x07bell", "\ufeffbom", "%dir", "---",
    "...", "? x", "! y", "& z", "* a", "| b", "> c", "@ d", "` e", "שלום [x](y)", "\ufffe odd", "a\x85b", "a\x0bb",
    "💶" * 40, "long " * 400, "ａ［ｂ］（ｃ）", "e\u0301 \u200d \u202e rtl", "null", "yes", "1.0", "{a: b}", "<<: *x", "\\",
)  # fmt: skip
INTENTS = ("greet", "faq/ask_x", "yes", "with space", "größe", "a:b")


def examples() -> list[Example]:
    """The nasty messages, and as many made of what is special in the format, with entities at random places."""
    rng = random.Random(36)
    texts = list(NASTY) + [
        "".join(rng.choices("[](){}ab c:\"'\\-🙂", k=rng.randrange(1, 25))) for _ in range(400)
    ]
    found: dict[str, Example] = {}
    for number, text in enumerate(dict.fromkeys(text.strip() for text in texts)):
        if not text or text.startswith("/"):
            continue
        start = rng.randrange(len(text))
        end = rng.randrange(start + 1, len(text) + 1)
        entity = Entity(
            start, end, "city", rng.choice([None, "a } ] b", 3, 'q"\\']), rng.choice(["", "to"]), ""
        )
        is_usable = number % 2 and "]" not in text[start:end] and text[start:end].strip()
        found[text] = Example(text, INTENTS[number % len(INTENTS)], (entity,) if is_usable else ())
    return list(found.values())


def test_rasa_loads_every_correction_as_it_was_meant(tmp_path: Path, rasa_bin: Path) -> None:
    path = tmp_path / "corrections.yml"
    wanted = examples()
    path.write_text(fragment(wanted, notes=["New intents: “greet”"]), encoding="utf-8")
    answer = subprocess.run(
        [rasa_bin / "python", Path(__file__).with_name("load_nlu.py"), path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    read = {example["text"]: example for example in told["examples"]}
    assert len(read) == len(told["examples"]) == len(wanted) > 300
    n_entities = 0
    for example in wanted:
        assert example.text in read, example.text
        assert read[example.text]["intent"] == example.intent
        assert read[example.text]["entities"] == [_as_rasa(example.text, e) for e in example.entities]
        n_entities += len(example.entities)
    assert n_entities > 100
    # What a file of a team's own has besides: answers to questions, enough examples, one value for a word.
    usual = ("synonym", "minimum", "response phrase")
    unexpected = [text for text in told["warnings"] if not any(word in text for word in usual)]
    assert unexpected == []


def _as_rasa(text: str, entity: Entity) -> dict[str, Any]:
    value = text[entity.start : entity.end] if entity.value is None else entity.value
    read = {"start": entity.start, "end": entity.end, "value": value, "entity": entity.name}
    return {**read, "role": entity.role} if entity.role else read
