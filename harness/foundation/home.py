"""Where a run keeps what it writes, and the lock that keeps a second writer out."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.foundation.ending import remember
from harness.foundation.errors import HarnessError
from harness.foundation.files import make_directory, unwritable
from harness.foundation.versions import current_in, newest_in, remove_litter

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
    def crawl(self) -> Path:
        """The pages of a crawl that is not finished."""
        return self.path / "raw" / "crawl"

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
    def locked(self, name: str = "run") -> Iterator[int]:
        """Keep every other writer out, and remove what killed ones have left.

        Gives the descriptor of the locked file; a process that inherits it holds the lock as well.
        Raises HarnessError when there is one already, or when the home is not as we leave it.
        """
        self.make()
        with contextlib.ExitStack() as stack:
            try:
                handle = stack.enter_context((self.path / f".{name}.lock").open("a+"))
            except OSError as error:
                raise unwritable(self.path, error) from error
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                raise HarnessError(
                    f"{self.path} is in use by process {handle.read().strip() or 'unknown'}; "
                    "wait for it to end, or give another --home"
                ) from None
            if name == "run":
                self.check()
                self.close()
                remember(self.published / "current")
                self.clear()
            # Last: on a disk that is full, there may be room for it now.
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield handle.fileno()

    def make(self) -> None:
        """Create the home; raises HarnessError where that is not possible."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HarnessError(
                f"cannot create the home {self.path}: {error.strerror}; give another --home"
            ) from error

    def check(self) -> None:
        """Raise HarnessError where a part of the home is in the way of those who write to it."""
        for directory in (self.raw.parent, self.scratch, self.published):
            if os.path.lexists(directory):
                make_directory(directory)
        current_in(self.raw.parent)
        newest_in(self.published)

    def close(self) -> None:
        """Keep raw data and builds from everybody but their owner; the caller holds the lock.

        What is published follows the umask, as others are to read it.
        """
        for directory in (self.raw.parent, self.scratch):
            directory.mkdir(mode=0o700, exist_ok=True)
            # Of another user, whose they are then: it is for that user to close them.
            with contextlib.suppress(PermissionError):
                directory.chmod(0o700)

    def clear(self) -> None:
        """Remove what killed runs have left; the caller holds the lock."""
        remove_litter(self.raw.parent)
        remove_litter(self.published)
        shutil.rmtree(self.scratch / "tmp", ignore_errors=True)
        if not (self.scratch / "build.json").exists():
            for half in self.scratch.glob("collection.duckdb*"):
                half.unlink()


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)
