"""Which files of a directory hold which table: whole, in parts, or as saved API responses."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.foundation.errors import HarnessError
from harness.sources.formats import ENDINGS, format_of
from harness.sources.responses import is_response
from harness.sources.tables import TABLES, is_read

_PART = (
    r"(\d[\dTZ_.-]*[_-])?(?P<table>{})"
    r"([-_.]?((part|chunk|shard|of)?[-_.]?\d+[-_.]?)+(\.[0-9a-f]+)*)?"
)
_TABLE = re.compile(_PART.format("|".join(TABLES)))
_OF_ANOTHER_FORMAT = {"_delta_log": "a Delta table", ".hoodie": "a Hudi table"}


class Place(NamedTuple):
    """Where a table is: its files, all parts of it, and what messages call them."""

    files: tuple[Path, ...]
    name: Path


class _Candidate(NamedTuple):
    path: Path
    role: str
    """Candidates of one role make up a table together, unless it is whole."""
    files: tuple[Path, ...]


def files_in(directory: Path, note: Callable[[str], None]) -> dict[str, Place]:
    """The files of each table in a directory; notes what is ignored.

    Raises HarnessError where a table is missing that must be there, or is there twice.
    """
    found: dict[str, list[_Candidate]] = {}
    ignored = []
    for path in sorted(directory.iterdir(), key=_natural):
        table, candidate = _candidate(path, note)
        if table and candidate:
            found.setdefault(table, []).append(candidate)
        elif path.name[0] not in "._":
            ignored.append(path.name)
    others = _listed(ignored)
    for table in ("organizations", "invoices"):
        if table not in found:
            raise HarnessError(
                f"{directory} has no file of {table}, such as {table}.csv; other files are there: "
                f"{others or 'none'}"
            )
    for table, [first, *more] in found.items():
        for other in more:
            if other.role != first.role or first.role == "whole":
                raise HarnessError(
                    f"{directory} has {table} twice: {first.path.name}, {other.path.name}; leave "
                    "one of them"
                )
    if ignored:
        note(f"ignored in {directory}: {others}")
    for candidates in found.values():
        _check_numbers([each.path for each in candidates], note)
    return {
        table: Place(
            tuple(file for each in candidates for file in each.files),
            candidates[0].path if len(candidates) == 1 else directory,
        )
        for table, candidates in found.items()
    }


def may_hold_a_table(name: str) -> bool:
    """Whether a file or directory of that name, in the directory of the tables, is looked into."""
    form = format_of(name)
    if name in TABLES or (form and Path(name).stem in TABLES):
        return True
    stem = _stem(name)
    is_response = form == "json" and (stem == "organization" or stem.startswith("invoices-page-"))
    return bool(form and (is_response or _TABLE.fullmatch(stem)))


def _candidate(path: Path, note: Callable[[str], None]) -> tuple[str | None, _Candidate | None]:
    if path.name[0] in "._":
        return None, None
    if path.is_dir():
        table = path.name if path.name in TABLES else path.stem
        if table not in TABLES or not (path.name == table or format_of(path.name)):
            return None, None
        files = _parts_in(path, table, note)
        return table, _Candidate(path, "whole", files)
    if re.fullmatch(r"invoices-page-.*\.json(\.gz|\.zst)?", path.name):
        return "invoices", _Candidate(path, "pages", (path,))
    if re.fullmatch(r"organization\.json(\.gz|\.zst)?", path.name):
        return "organizations", _Candidate(path, "whole", (path,))
    form = format_of(path.name)
    match = form and _TABLE.fullmatch(_stem(path.name))
    if not match:
        return None, None
    table = match["table"]
    role = "whole" if match[0] == table else f"parts in {form}"
    if form == "json" and is_response(path, table):
        role = "pages" if table == "invoices" else "whole"
    return table, _Candidate(path, role, (path,))


def _parts_in(directory: Path, table: str, note: Callable[[str], None]) -> tuple[Path, ...]:
    """The files below the directory of a table, in natural order; raises HarnessError."""
    files: list[Path] = []
    ignored: list[Path] = []
    for path in sorted(_below(directory), key=_natural):
        kind = _OF_ANOTHER_FORMAT.get(path.name)
        if path.name.endswith(".metadata.json") and path.parent.name == "metadata":
            kind = "an Iceberg table"
        if kind:
            raise HarnessError(
                f"{directory} is {kind}, whose files also hold rows that were replaced or deleted; "
                f"export it as plain files"
            )
        inside = path.relative_to(directory)
        key, is_partition, _ = path.name.partition("=")
        if is_partition and path.is_dir() and is_read(key, table):
            raise HarnessError(
                f"{directory} is partitioned by {key}, which its files then lack; export {table} "
                "without partitions, or by a column that is not needed"
            )
        if any(part[0] in "._" for part in inside.parts) or path.is_dir():
            continue
        (files if format_of(path.name) else ignored).append(path)
    formats = {format_of(file.name): file for file in files}
    if not files:
        raise HarnessError(
            f"{directory} has no file of {table}; names must end in {ENDINGS}; other files are "
            f"there: {_listed([path.name for path in ignored]) or 'none'}"
        )
    if len(formats) > 1:
        one, other, *_ = formats.values()
        raise HarnessError(
            f"{directory} has parts in two formats: {one.name}, {other.name}; leave one of them"
        )
    if ignored:
        note(f"ignored in {directory}: {_listed([path.name for path in ignored])}")
    _check_numbers(files, note)
    return tuple(files)


def _below(directory: Path, above: Sequence[Path] = ()) -> Iterator[Path]:
    """What is in a directory, in those in it and in those that it links to."""
    above = [*above, directory.resolve()]
    for path in directory.iterdir():
        yield path
        if path.is_dir() and path.resolve() not in above:
            yield from _below(path, above)


def _check_numbers(parts: Sequence[Path], note: Callable[[str], None]) -> None:
    """Raise HarnessError where parts say by their names that others are missing; note a gap."""
    numbered = [(path, re.search(r"(\d+)[-_.]?of[-_.]?(\d+)", path.name)) for path in parts]
    for number in {int(found[2]) for _, found in numbered if found}:
        given = {int(found[1]) for _, found in numbered if found and int(found[2]) == number}
        if len(given) < number:
            raise HarnessError(
                f"{parts[0].parent} has {len(given)} of the {number} parts that {parts[0].name}"
                " speaks of; put all of them there"
            )
    names = [re.split(r"(\d+)", path.name) for path in parts]
    if len({tuple(name[::2]) for name in names}) > 1:
        return
    numbers = zip(*(name[1::2] for name in names), strict=True)
    differing = [set(map(int, each)) for each in numbers if len(set(each)) > 1]
    if len(differing) == 1 and min(differing[0]) < 2:
        given = differing[0]
        gaps = (str(each) for each in range(min(given), max(given)) if each not in given)
        if missing := list(itertools.islice(gaps, 21)):
            note(
                f"the names of the parts in {parts[0].parent} go from {min(given)} to {max(given)}"
                f" without {_listed(missing)}; are they all?"
            )


def _stem(name: str) -> str:
    return Path(name.removesuffix(".gz").removesuffix(".zst")).stem


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + ", ..." * (len(names) > 20)


def _natural(path: Path) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))]
