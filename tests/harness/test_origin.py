"""The sample never replaces data, and whoever asks for it is told how to load theirs again."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import CASES, Harness, copied

from harness.collection.version import published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.published.origin import command_again, source_to_load


def record(home: Home, place: str, content: Any) -> None:
    """Leave a record in the home as a load or a publication does."""
    file = home.path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.parametrize("given", [None, "sample"])
def test_an_empty_home_and_that_of_the_sample_take_the_sample(
    given: str | None, home: Home
) -> None:
    assert source_to_load(home, given, "run", []) == "sample"
    record(home, "raw/current/load.json", {"source": "sample", "options": []})
    record(home, "published/current/manifest.json", {"source": "sample", "load": {}})
    assert source_to_load(home, given, "run", []) == "sample"


@pytest.mark.parametrize("given", [None, "sample"])
@pytest.mark.parametrize(
    ("place", "content"),
    [
        (
            "raw/current/load.json",
            {"source": "/data/in voices.csv", "options": ["--organizations", "/data/o's.csv"]},
        ),
        (
            "published/current/manifest.json",
            {
                "source": "/data/in voices.csv",
                "load": {"options": ["--organizations", "/data/o's.csv"]},
            },
        ),
        (
            "published/20260101T000000Z-00000000/manifest.json",
            {
                "source": "/data/in voices.csv",
                "load": {"options": ["--organizations", "/data/o's.csv"]},
            },
        ),
    ],
)
def test_a_home_with_data_refuses_the_sample_and_says_how_to_load_again(
    given: str | None, place: str, content: Any, home: Home
) -> None:
    if not place.startswith("raw"):
        record(home, "raw/current/load.json", {"source": "sample"})
    record(home, place, content)
    command = (
        "harness load --from '/data/in voices.csv' --organizations '/data/o'\"'\"'s.csv' --home /h"
    )
    with pytest.raises(HarnessError, match="the sample never replaces data") as refused:
        source_to_load(home, given, "load", ["--home", "/h"])
    assert refused.value.exit_code == 2
    assert command in str(refused.value)
    assert "another --home" in str(refused.value)
    assert source_to_load(home, "/elsewhere", "load", []) == "/elsewhere"


@pytest.mark.parametrize("content", ["{", "[]", '{"source": null}'])
def test_a_record_that_cannot_be_read_might_be_of_data(content: str, home: Home) -> None:
    record(home, "published/current/manifest.json", content)
    with pytest.raises(HarnessError, match=r"manifest\.json cannot be read"):
        source_to_load(home, None, "run", [])


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("sample", "harness run"),
        ("/data/lago", "harness run --from /data/lago"),
        ("https://api.getlago.com", "LAGO_API_KEY=... harness run --from https://api.getlago.com"),
        (
            "postgresql://db/lago, schema billing, organization 7",
            "harness run --from postgresql://db/lago (with user and password, as before)",
        ),
    ],
)
def test_the_command_that_loads_again_is_one_to_type(source: str, command: str) -> None:
    assert command_again("run", source, []) == command


@pytest.mark.parametrize("command", ["run", "load"])
@pytest.mark.parametrize("given", [[], ["--from", "sample"]])
def test_data_stays_where_it_is(
    command: str, given: list[str], lago_home: Home, tmp_path: Path, harness: Harness
) -> None:
    home = copied(lago_home, tmp_path / "home")
    before = published(home).path, home.raw.resolve()
    process = harness(command, *given, home=home)
    assert (process.returncode, process.stdout) == (2, "")
    assert f"harness {command} --from {CASES / 'lago' / 'raw'} --home {home.path}" in process.stderr
    assert (published(home).path, home.raw.resolve()) == before
    # Where the environment names the home, nobody has to type it.
    process = harness(command, *given, LAGO_COLLECTION_HOME=str(home.path))
    assert process.returncode == 2
    assert "--home /" not in process.stderr


def test_the_help_says_when_the_sample_is_taken(harness: Harness) -> None:
    said = re.sub(r"\s+", " ", harness("run", "--help").stdout)
    assert "[default: (the sample, where the home is empty or holds the sample)]" in said
