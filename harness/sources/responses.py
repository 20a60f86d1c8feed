"""The rows of a Lago table in the bodies of API responses, saved or as they come."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson
from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.sources.error_texts import reading
from harness.sources.formats import format_of, table_rows
from harness.sources.packed import check_content, opened
from harness.sources.tables import CUSTOMER, NO_ROWS, RESPONSES, TABLES, Found

# A response is an object whose items stand under the table's key, its meta before or after them.
_START = r'\s*\{{\s*"({}|meta)"\s*:\s*[\[{{]'
_META = ("current_page", "total_pages", "total_count")


class _Page(NamedTuple):
    """A page of invoices: how many it has, and what Lago counts."""

    items: int
    pages: int
    invoices: int


def unwrapped(
    connection: DuckDBPyConnection,
    table: str,
    bodies: Iterable[tuple[object, Any]],
    work: Path,
    place: object,
    crawled: int | None = None,
) -> Found:
    """The rows of a table in the bodies of API responses, added to a dump in `work`.

    Pages that were `crawled`, for so many invoices each, are all that there are, whatever Lago
    counts, and `lighter` already.
    """
    dump = dump_of(table, work)
    with dump.open("ab") as lines:
        pages = _unwrap(bodies, table, lines, bool(crawled))
    rows = table_rows(connection, [dump], table, work) if dump.stat().st_size else NO_ROWS
    if not pages:
        return Found(rows, place)
    sizes = [pages[number].items for number in sorted(pages)]
    if not crawled:
        _check_missing(pages, sizes, place)
    announced = min(pages[max(pages)].invoices, pages[min(pages)].invoices)
    # All pages are full but the last, which is neither full nor empty.
    whole = {*sizes[:-1]} <= {crawled} and 0 < sizes[-1] < (crawled or 0)
    return Found(rows, place, announced, whole=whole)


def dump_of(table: str, work: Path) -> Path:
    """Where the rows of a table are added to."""
    return work / f"{table}.ndjson"


def items_of(body: object, key: str, place: object) -> list[dict[str, Any]]:
    """What an API response holds under a key; raises HarnessError where it is no such response."""
    found = body.get(key) if isinstance(body, dict) else None
    items = [found] if isinstance(found, dict) else found
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise HarnessError(f"{place} is no API response with `{key}`; save it again")
    return items


def page_of(body: Any, place: object) -> tuple[int, int, int]:
    """The page's number, and how many pages and invoices Lago counts; raises HarnessError."""
    meta = body.get("meta")
    if not isinstance(meta, dict) or not all(str(meta.get(name)).isdecimal() for name in _META):
        raise HarnessError(f"{place} has no complete `meta`; save it again")
    page, pages, count = (int(meta[name]) for name in _META)
    return page, pages, count


def is_response(file: Path, table: str) -> bool:
    """Whether a file is a saved API response with rows of the table: by its name or its start."""
    if format_of(file.name) != "json":
        return False
    if file.name.startswith(("organization.json", "invoices-page-")):
        return True
    with reading(file), opened(file) as text:
        return bool(re.match(_START.format(RESPONSES[table]), text.read(4096)))


def saved(files: Sequence[Path]) -> Iterator[tuple[object, Any]]:
    """The bodies of saved API responses, numbers as text; raises HarnessError."""
    for file in files:
        with reading(file):
            check_content(file)
            with opened(file) as text:
                body = json.load(text, parse_int=str, parse_float=str)
        yield file, body


def lighter(body: Any, table: str, whole_first: bool) -> Any:
    """An API response of a table with its `meta`, if any, and of its items what is used of them.

    The first item may stay whole but for its customer, for messages to name its fields.
    """
    key, used = RESPONSES[table], [*TABLES[table], "lago_id", "customer"]
    items: list[dict[str, Any]] = []
    for item in [body[key]] if isinstance(body[key], dict) else body[key]:
        fields = item if whole_first and not items else used
        flat = {each: item[each] for each in fields if each in item}
        if isinstance(customer := item.get("customer"), dict):
            flat["customer"] = {each: customer.get(each) for each in CUSTOMER}
        items.append(flat)
    return {key: items, "meta": body.get("meta")}


def _unwrap(
    bodies: Iterable[tuple[object, Any]], table: str, lines: IO[bytes], light: bool
) -> dict[int, _Page]:
    """Write what API responses hold of a table as NDJSON; returns its pages, if it is of invoices.

    Raises HarnessError where one is no such response, and where a page is there twice.
    """
    pages: dict[int, _Page] = {}
    key, begun = RESPONSES[table], False
    for name, body in bodies:
        items = items_of(body, key, name)
        for item in items if light else lighter(body, table, whole_first=not begun)[key]:
            try:
                lines.write(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE))
            except TypeError:
                # Half a character, which UTF-8 cannot write, becomes a question mark.
                text = json.dumps(item, ensure_ascii=False)
                lines.write(f"{text}\n".encode(errors="replace"))
            begun = True
        if key == "invoices":
            page, *totals = page_of(body, name)
            if page in pages:
                raise HarnessError(
                    f"{name} is page {page}, and so is another file; remove one of them"
                )
            pages[page] = _Page(len(items), *totals)
    return pages


def _check_missing(pages: dict[int, _Page], sizes: Sequence[int], place: object) -> None:
    total_pages = pages[max(pages)].pages
    missing = [str(page) for page in range(1, total_pages + 1) if page not in pages]
    if missing:
        raise HarnessError(
            f"{place} lacks page {', '.join(missing[:20])} of the {total_pages} pages of "
            "invoices; get all of them again"
        )
    if {*sizes[:-1]} > {sizes[0]} or sizes[-1] > sizes[0]:
        raise HarnessError(
            f"{place} has pages of {', '.join(map(str, sizes[:20]))} invoices, so some are missing"
            " between them; get all of them again, all with one per_page"
        )
