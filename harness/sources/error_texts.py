"""Reasons as others give them, in words that a message can take."""

import re

_MOST = 1000
# What DuckDB puts before the words of a PostgreSQL server: what it tried, with the whole query or,
# greedily as it may hold anything, the address with the password.
_FRAME = re.compile(
    r'(?s)(?:IO Error: )?(?:Unable to connect to Postgres at ".*": '
    r'|(?:Failed|Unable) to [\w ]+(?:".*?")?: )'
)


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
