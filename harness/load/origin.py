"""The source that --from names."""

from collections.abc import Callable
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from harness.foundation.errors import HarnessError
from harness.foundation.home import PROJECT
from harness.load.options import CONNECTIONS, PER_PAGE, SAMPLE, SCHEMA, Options, flag
from harness.sources import lago_database
from harness.sources.bucket import SCHEMES as BUCKETS
from harness.sources.bucket import Bucket
from harness.sources.files import Files
from harness.sources.tables import Source

_SAMPLE_FILES = PROJECT / "seeds" / "lago"
_SOURCES = (
    "give sample, a directory of tables or saved API responses, a file of invoices, or "
    "postgresql://…, https://… or s3://…"
)


_TAKEN = {
    "the sample": (),
    "a directory": ("organization",),
    "a file of invoices": ("organizations", "organization"),
    "a database": ("schema", "organization"),
    "an API": ("per_page", "connections", "insecure"),
}
"""The options that each kind of source takes."""


def origin(source: str, options: Options, note: Callable[[str], None]) -> Source:
    """The source; raises HarnessError where there is none, or an option does not go with it."""
    scheme, is_url, _ = source.partition("://")
    if is_url and scheme in lago_database.SCHEMES:
        _check(options, "a database")
        schema = options.schema or SCHEMA
        return lago_database.Database.at(source, schema, options.organization)
    if is_url and scheme in ("https", "http"):
        _check(options, "an API")
        # Only the crawl waits for its HTTP client to be imported.
        from harness.sources.lago_api import Api

        connections = options.connections or CONNECTIONS
        return Api.at(source, options.per_page or PER_PAGE, options.insecure, connections)
    if is_url and scheme in BUCKETS:
        _check(options, "a directory")
        if not find_spec("boto3"):
            raise HarnessError(
                f"{scheme}:// needs boto3; install it beside the harness: pip install boto3"
            )
        return Bucket(source)
    if is_url:
        # The rest of a URL may hold a password.
        raise HarnessError(f"{scheme}:// is not supported; {_SOURCES}")
    if source == SAMPLE:
        _check(options, "the sample")
        return Files.at(_SAMPLE_FILES, note)
    root = Path(source).absolute()
    if root.is_dir():
        _check(options, "a directory")
        return Files.at(root, note)
    if not root.exists():
        raise HarnessError(f"there is no file {root}; {_SOURCES}")
    _check(options, "a file of invoices")
    if options.organization and not options.organizations:
        raise HarnessError(
            "--organization says which one of several it is; give their table, too:"
            " --organizations FILE"
        )
    return Files.of(root, options.organizations)


def _check(options: Options, kind: str) -> None:
    for each in fields(options):
        if getattr(options, each.name) and each.name not in _TAKEN[kind]:
            others = [other for other, names in _TAKEN.items() if each.name in names]
            raise HarnessError(
                f"{flag(each.name)} goes with {' or '.join(others)}, and --from is {kind};"
                " leave it out"
            )
