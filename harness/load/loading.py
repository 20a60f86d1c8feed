"""Lands Lago's tables as Parquet files: all of them, or none where one is unfit."""

import itertools
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.foundation.errors import HarnessError
from harness.foundation.home import PROJECT, Home, make_current, new_id, now, read_json, write_json
from harness.foundation.resources import UNLIMITED, Resources
from harness.load.landing import Landing
from harness.sources import lago_database as postgres
from harness.sources.files import Files, files_in
from harness.sources.formats import ENDINGS, reading
from harness.sources.tables import Source

SAMPLE_AS_OF = "2026-06-17"

_SAMPLE = PROJECT / "seeds" / "lago"
_SOURCES = (
    "give sample, a directory of tables or saved API responses, a file of invoices, or "
    "postgresql://… or https://…"
)


@dataclass(frozen=True)
class Load:
    """What was loaded: the content of load.json."""

    load_id: str
    loaded_at: str
    """In UTC, ISO 8601."""
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
    deleted: int = 0
    """Rows of invoices that the source has deleted; read = deleted + superseded + raw."""
    options: list[str] = field(default_factory=list)
    """What the command line gave beside --from, such as --organizations FILE; never a secret."""


@dataclass(frozen=True)
class Options:
    """What a source needs to know beside its name; each option goes with some sources only."""

    organizations: Path | None = None
    schema: str = "public"
    organization: str | None = None
    per_page: int = 500
    insecure: bool = False


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

    is_sample = str(source) == "sample"
    origin = _origin(str(source), options, note)
    moment = now()
    load_id = new_id(moment)
    staged = home.path / "raw" / f".{load_id}"
    try:
        with reading(origin.name):
            (staged / "work").mkdir(parents=True)
            with resources.connect(staged / "work") as connection:
                connection.execute("set TimeZone = 'UTC'")
                counts = Landing(connection, staged, moment, origin, note).land_all()
            shutil.rmtree(staged / "work")
            loaded = Load(
                load_id=load_id,
                loaded_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                source=origin.name,
                as_of_date=SAMPLE_AS_OF if is_sample else None,
                files=origin.files,
                warnings=warnings,
                raw_files=_sizes(staged),
                **counts,
            )
            write_json(staged / "load.json", asdict(loaded))
            make_current(staged, load_id, keep=1)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
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


def _origin(source: str, options: Options, note: Callable[[str], None]) -> Source:
    """The source that --from names; raises HarnessError where an option does not go with it."""
    scheme, is_url, _ = source.partition("://")
    is_database = bool(is_url) and scheme in postgres.SCHEMES
    if not is_database and (options.organization or options.schema != DEFAULTS.schema):
        raise HarnessError("--organization and --schema go with postgresql://… alone")
    if is_url:
        # The rest of a URL may hold a password.
        if options.organizations:
            raise HarnessError(f"--organizations goes with a file of invoices, not {scheme}://…")
        if is_database:
            return postgres.Database.at(source, options.schema, options.organization)
        if scheme not in ("https", "http"):
            raise HarnessError(f"{scheme}:// is not supported; {_SOURCES}")
        # Only the crawl waits for its HTTP client to be imported.
        from harness.sources.lago_api import Api

        return Api.at(source, options.per_page, options.insecure)
    if source == "sample":
        return Files("sample", files_in(_SAMPLE, note))
    root = Path(source).absolute()
    if not root.is_dir():
        return Files(str(root), _files_of(root, options.organizations))
    if options.organizations:
        raise HarnessError(
            f"--organizations goes with a file of invoices, but {root} is a directory"
        )
    return Files(str(root), files_in(root, note))


def _files_of(invoices: Path, organizations: Path | None) -> dict[str, list[Path]]:
    given = {"organizations": [organizations] if organizations else [], "invoices": [invoices]}
    for file in itertools.chain(*given.values()):
        if not file.is_file():
            raise HarnessError(f"there is no file {file}; {_SOURCES}")
        if not file.name.endswith(ENDINGS):
            raise HarnessError(f"the name of {file} must end in one of {', '.join(ENDINGS)}")
    if not organizations:
        raise HarnessError(
            f"{invoices} is taken for invoices; name the organizations too: --organizations FILE"
        )
    return given
