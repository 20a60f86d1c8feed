"""Lands Lago's tables as Parquet files: all of them, or none where one is unfit."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.foundation.errors import HarnessError
from harness.foundation.files import read_json, write_json
from harness.foundation.home import Home, now
from harness.foundation.resources import UNLIMITED, Resources
from harness.foundation.versions import make_current, new_id, prune, stage
from harness.load.landing import Landing
from harness.load.options import SAMPLE, Options
from harness.load.origin import origin
from harness.sources.error_texts import reading
from harness.sources.lago_database import Database

SAMPLE_AS_OF = "2026-06-17"


@dataclass(frozen=True)
class Load:
    """What was loaded: the content of load.json."""

    load_id: str
    loaded_at: str
    """When reading the data began, in UTC, ISO 8601."""
    source: str
    """`sample`, the absolute path of the directory or file, or a URL without user and password."""
    as_of_date: str | None
    """The date that the sample is made for; null for other data."""
    read: int
    """The rows of invoices that were there: `superseded` by newer ones, and `raw`, which landed."""
    superseded: int
    raw: int
    organizations: int
    billing_entities: int
    files: dict[str, int]
    """The files that were read, and their sizes in bytes."""
    warnings: list[str]
    raw_files: dict[str, int] = field(default_factory=dict)
    """The files that landed, and their sizes in bytes; the ids in them are unique."""
    customers: int = 0
    deleted: int = 0
    """Rows of invoices that the source has deleted; read = deleted + superseded + raw."""
    options: list[str] = field(default_factory=list)
    """What the command line gave beside --from, such as --organizations FILE; never a secret."""


DEFAULTS = Options()


def load(
    home: Home,
    source: str | Path,
    *,
    options: Options = DEFAULTS,
    resources: Resources = UNLIMITED,
    warn: Callable[[str], None],
) -> Load:
    """Land the source and make it the current load; the caller holds the home's lock.

    Raises HarnessError, and leaves the current load as it is, where the source or a table that must
    be there is missing or unfit. Single bad values are landed: the report excludes and names them.
    """
    warnings: list[str] = []

    def note(warning: str) -> None:
        warnings.append(warning)
        warn(warning)

    is_sample = str(source) == SAMPLE
    found = origin(str(source), options, note)
    load_id = new_id(now())
    staged = stage(home.raw.parent, load_id)
    try:
        (staged / "work").mkdir()
        with reading(found.name), resources.connect(staged / "work") as connection:
            connection.execute("set TimeZone = 'UTC'")
            moment = found.begin(now(), home.crawl, note)
            organization = None if isinstance(found, Database) else options.organization
            landing = Landing(connection, staged, moment, found, note, organization)
            counts = landing.land_all()
            shutil.rmtree(staged / "work")
            loaded = Load(
                load_id=load_id,
                loaded_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                source=SAMPLE if is_sample else found.name,
                as_of_date=SAMPLE_AS_OF if is_sample else None,
                files=found.files,
                warnings=warnings,
                raw_files=_sizes(staged),
                options=options.as_arguments(),
                **counts,
            )
            write_json(staged / "load.json", asdict(loaded))
            make_current(staged, load_id)
            found.end()
    except HarnessError:
        # What is wrong with all of it would be so again.
        found.end(failed=True)
        raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    prune(home.raw.parent, 1, {load_id})
    return loaded


def current_load(home: Home) -> Load:
    """The current load; raises HarnessError where there is none."""
    nothing = f"nothing is loaded in {home.path}; run: harness load --from ..."
    return Load(**read_json(home.raw / "load.json", nothing))


def ids_are_proven(home: Home, load: Load) -> bool:
    """Whether raw is just what the load left, in which it has found every id once."""
    sizes = _sizes(home.raw)
    del sizes["load.json"]
    return home.raw.resolve().name == load.load_id and sizes == load.raw_files


def _sizes(directory: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in sorted(directory.iterdir())}
