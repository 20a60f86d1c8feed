"""Organizations by their names: the order that people expect, and which one is meant."""

import re
from collections.abc import Iterable

from harness.foundation.errors import HarnessError

Names = dict[str, str | None]
"""The names of organizations by id."""

_LISTED = 20
_UUID = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def id_meant(asked: str) -> str:
    """What was asked for as an id: of a UUID, whose case says nothing, in lower case."""
    return asked.lower() if _UUID.fullmatch(asked) else asked


def in_order_of_name(names: Names) -> Names:
    """The same in order of name, whatever its case; those without a name come last, by id."""

    def place(item: tuple[str, str | None]) -> tuple[bool, str, str]:
        id_, name = item
        return not name, (name or "").casefold(), id_

    return dict(sorted(names.items(), key=place))


def one_of(names: Names, asked: str | None) -> str:
    """The id of the organization with that id or exact name; of the only one for None.

    Raises HarnessError where there is none, or several.
    """
    if asked is not None and id_meant(asked) in names:
        return id_meant(asked)
    found = list(names) if asked is None else [id_ for id_ in names if names[id_] == asked]
    if len(found) == 1:
        return found[0]
    if asked is None:
        what = "there are several organizations" if names else "there is no organization"
        raise HarnessError(f"{what}; give --organization: {_listed(names, names)}")
    if found:
        raise HarnessError(
            f"several organizations are named {asked!r}; give the id of one: {_listed(found, {})}"
        )
    raise HarnessError(f"there is no organization {asked!r}; there is: {_listed(names, names)}")


def _listed(ids: Iterable[str], names: Names) -> str:
    texts = [f"{id_} ({names[id_]})" if names.get(id_) else id_ for id_ in ids]
    more = len(texts) - _LISTED
    return ", ".join(texts[:_LISTED]) + (f" ... and {more:,} more" if more > 0 else "")
