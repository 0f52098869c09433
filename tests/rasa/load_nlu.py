"""Runs inside Rasa's environment: what Rasa itself reads in a file of training data, as one JSON list of examples.

Older Python than the project's: keep to 3.8.
"""

import json
import sys
import warnings

from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader
from rasa.shared.nlu.training_data.loading import load_data


def main() -> None:
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - Python 3.8
        RasaYAMLReader().validate(file.read())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = load_data(path)
        data.validate()
    examples = [
        {
            "text": message.get("text"),
            "intent": message.get_full_intent(),
            "entities": sorted(message.get("entities") or [], key=lambda e: (e["start"], e["entity"])),
        }
        for message in data.training_examples
    ]
    json.dump(
        {
            "examples": examples,
            "warnings": [str(one.message) for one in caught if one.category is UserWarning],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
