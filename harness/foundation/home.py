"""Where a run keeps what it writes, and the lock that keeps a second writer out."""

import contextlib
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.foundation.errors import HarnessError

_PACKAGE = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (_PACKAGE.parent / "dbt_project.yml").is_file()
"""Whether this package lies in a checkout of the repository; a wheel has the dbt project inside."""
PROJECT = _PACKAGE.parent if IS_CHECKOUT else _PACKAGE / "project"
"""The dbt project that this package belongs to; in a wheel nobody may write there."""
DEFAULT_HOME = PROJECT / "warehouse" if IS_CHECKOUT else Path("warehouse")


@dataclass(frozen=True)
class Home:
    """The directory of --home: raw data, the scratch build, the published versions."""

    path: Path

    @property
    def raw(self) -> Path:
        """The current load: a file per Lago table and load.json."""
        return self.path / "raw" / "current"

    @property
    def scratch(self) -> Path:
        """The build in progress: collection.duckdb, build.json, check.json, dbt's own files."""
        return self.path / "scratch"

    @property
    def published(self) -> Path:
        """A directory per version and the symlink `current`."""
        return self.path / "published"

    @property
    def keys(self) -> Path:
        """The API keys, as hashes."""
        return self.path / "keys.json"

    @contextlib.contextmanager
    def locked(self, name: str = "run") -> Iterator[None]:
        """Keep every other writer out; raises HarnessError when there is one already."""
        self.make()
        lock = self.path / f".{name}.lock"
        with lock.open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                raise HarnessError(
                    f"{self.path} is in use by process {handle.read().strip() or 'unknown'}; "
                    "wait for it to end, or give another --home"
                ) from None
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield

    def make(self) -> None:
        """Create the home; raises HarnessError where that is not possible, or it is damaged."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HarnessError(
                f"cannot create the home {self.path}: {error.strerror}; give another --home"
            ) from error
        for directory in (self.raw.parent, self.scratch, self.published):
            if directory.exists() and not directory.is_dir():
                raise HarnessError(
                    f"the home is damaged: {directory} is not a directory; move it away"
                )
            link = directory / "current"
            if link.exists() and not link.is_symlink():
                raise HarnessError(
                    f"the home is damaged: {link} is not a link, as after a copy that does not keep"
                    f" links; move it away, and copy homes with links (cp -a, rsync -a)"
                )


def current_in(parent: Path) -> Path:
    """What the link `current` in a directory points at, where there is one.

    Raises HarnessError where it points at nothing.
    """
    link = parent / "current"
    if link.is_symlink() and not link.exists():
        raise HarnessError(
            f"the home is damaged: {link} points at {os.readlink(link)}, which is not there; load"
            " and publish again"
        )
    return link.resolve()


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def new_id(moment: datetime) -> str:
    """An id that sorts by time: 20260617T093000Z-1f2e3d4c."""
    return f"{moment:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


def read_json(path: Path, missing: str) -> dict[str, Any]:
    """The object in a JSON file of ours; raises HarnessError with `missing` where there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HarnessError(missing) from None
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"{path} cannot be read ({error}); run the step that writes it again"
        ) from error
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file and flush it to the disk."""
    with path.open("w", encoding="utf-8") as handle:
        json.dump(content, handle, indent=2, ensure_ascii=False)
        handle.write("\n")
        handle.flush()
        os.fsync(handle.fileno())


def sync_directory(path: Path) -> None:
    """Flush a directory's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_current(staged: Path, version: str, keep: int) -> Path:
    """Make a finished directory the current version of the directory that it stands in.

    Renames `staged` to `version`, points the symlink `current` at it in one rename, keeps the
    newest `keep` versions, and removes what killed runs left behind. Returns the version's path.
    """
    parent = staged.parent
    before = (parent / "current").resolve().name
    for file in staged.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    sync_directory(staged)
    target = parent / version
    staged.rename(target)
    link = parent / ".current"
    link.unlink(missing_ok=True)
    link.symlink_to(version, target_is_directory=True)
    sync_directory(parent)
    link.replace(parent / "current")
    sync_directory(parent)
    directories = [path for path in parent.iterdir() if path.is_dir() and not path.is_symlink()]
    litter = [path for path in directories if path.name.startswith(".")]
    # The version before goes last, whatever its age: somebody may be reading it right now.
    versions = sorted(
        (path for path in directories if path not in litter and path != target),
        key=lambda path: (path.name == before, path.name),
    )
    for path in litter + versions[: max(0, len(versions) - keep + 1)]:
        shutil.rmtree(path)
    return target
