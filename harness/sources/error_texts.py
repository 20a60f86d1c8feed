"""Reasons as others give them, in words that a message can take."""

import contextlib
import csv
import re
import zlib
from collections.abc import Iterator

from backports import zstd
from duckdb import Error

from harness.foundation.errors import HarnessError
from harness.foundation.resources import machine_fault
from harness.sources.tables import FILE_ADVICE

_MOST = 1000
_FAULTS = (
    *(OSError, EOFError, zlib.error, zstd.ZstdError, csv.Error, ValueError, RecursionError),
    Error,
)
# What DuckDB puts before the words of a PostgreSQL server: what it tried, with the whole query or,
# greedily as it may hold anything, the address with the password.
_FRAME = re.compile(
    r'(?s)(?:IO Error: )?(?:Unable to connect to Postgres at ".*": '
    r'|(?:Failed|Unable) to [\w ]+(?:".*?")?: )'
)


@contextlib.contextmanager
def reading(place: object, advice: str = FILE_ADVICE) -> Iterator[None]:
    """Turn what goes wrong while something is read into a HarnessError that names it."""
    try:
        yield
    except _FAULTS as error:
        raise machine_fault(str(error)) or HarnessError(
            f"{place} cannot be loaded: {_reason(error, place)}; {advice}"
        ) from error


def server_reason(text: str) -> str | None:
    """What a PostgreSQL server or the network says in an error of DuckDB; None where it is none."""
    frame = _FRAME.match(text)
    said = " ".join(text[frame.end() :].split()) if frame else None
    return "the connection to the server is lost" if said == "" else said


def shortened(text: str, most: int = _MOST) -> str:
    """The text, whole where it is not too long, else cut at a word."""
    if len(text) <= most:
        return text
    return f"{text[: most + 1].rsplit(maxsplit=1)[0][:most]} …"


def _reason(error: Exception, place: object) -> str:
    """What DuckDB or the system says, without its advice and the data that it quotes."""
    if isinstance(error, csv.Error | UnicodeDecodeError) and ".csv" in str(place):
        return f"it is no CSV file in UTF-8 ({error})"
    if isinstance(error, RecursionError):
        return "what is in it is nested too deeply"
    if too_long := re.search(r"Line: (\d+)(?s:.*)Maximum line size of (\d+)", str(error)):
        return f"line {int(too_long[1]):,} is longer than {int(too_long[2]):,} bytes"
    if "CSV Parser state machine" in str(error):
        return (
            "a line does not end as those before it (LF and CR LF are mixed), or a quote stands"
            " where none may"
        )
    if said := server_reason(str(error)):
        return shortened(said)
    text = str(getattr(error, "strerror", None) or error).replace(f' in file "{place}",', "")
    text = re.sub(r"(?s)^[\w ]+ Error: |Original Line: .*\n(?=Expected |Value |Invalid )", "", text)
    text = re.split(r"\n(?:Possible |Try |\n  file = )", text)[0]
    # In malformed JSON, DuckDB counts one line too many.
    text = re.sub(r"at byte \d+ in line (\d+)", lambda at: f"in line {int(at[1]) - 1}", text)
    return shortened(", ".join(line.rstrip(". ") for line in text.splitlines() if line))
