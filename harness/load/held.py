"""What a home holds already: the sample never replaces data."""

import shlex
from typing import Any

from harness.foundation.errors import HarnessError
from harness.foundation.home import Home, read_json
from harness.load.origin import SAMPLE


def chosen_source(home: Home, given: str | None) -> str:
    """The source that is given; the sample where none is, and the home holds no other data.

    Raises HarnessError, which names the source that is held and how to load it again.
    """
    if given not in (None, SAMPLE):
        return str(given)
    for held in _records(home):
        if held.get("source", SAMPLE) != SAMPLE:
            raise HarnessError(
                f"{home.path} holds data of {held['source']}, which the sample never replaces; to"
                f" load them again: {_again(held)}; for the sample, give another --home"
            )
    return SAMPLE


def _records(home: Home) -> list[dict[str, Any]]:
    files = [home.raw / "load.json", *sorted(home.published.glob("[!.]*/manifest.json"))[::-1]]
    found = [read_json(file, "") for file in files if file.exists()]
    return [record.get("load", {}) | record for record in found]


def _again(held: dict[str, Any]) -> str:
    place, _, _ = str(held["source"]).partition(", schema ")
    command = ["harness", "run", "--from", place, *held.get("options", [])]
    text = shlex.join(command)
    if place.startswith(("postgresql://", "postgres://")):
        text += ", with the user and password of before"
    elif "://" in place:
        text += ", with the key in LAGO_API_KEY"
    return text
