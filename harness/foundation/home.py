"""Where a run keeps what it writes, and the lock that keeps a second writer out."""

import contextlib
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.foundation.errors import HarnessError
from harness.foundation.files import sync_directory

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
        """Keep every other writer out.

        Raises HarnessError when there is one already, or when the home is not as we leave it.
        """
        self.make()
        with contextlib.ExitStack() as stack:
            try:
                handle = stack.enter_context((self.path / f".{name}.lock").open("a+"))
            except OSError as error:
                raise _unwritable(self.path, error) from error
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
            if name == "run":
                self.check()
            yield

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
        current_in(self.published)


def make_directory(path: Path) -> None:
    """Make a directory of the home where it is not there yet.

    Raises HarnessError, which says what is in the way, where it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        for each in (path, *path.parents):
            if os.path.lexists(each) and not os.path.isdir(each):
                what = "a symlink that leads nowhere" if each.is_symlink() else "a file"
                raise HarnessError(
                    f"{each} is {what}, but the home needs a directory there; move it away, or give"
                    " another --home"
                ) from error
        raise _unwritable(path, error) from error


def current_in(directory: Path) -> Path | None:
    """The version that `current` in a directory of versions points at; None where there is none.

    Raises HarnessError, which says what to do, where directory or symlink are not as we leave them.
    """
    link = directory / "current"
    if os.path.lexists(directory) and not os.path.isdir(directory):
        make_directory(directory)
    try:
        target = directory / os.readlink(link)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise HarnessError(
                f"{link} cannot be read ({error.strerror}); give this user the right to, or give"
                " another --home"
            ) from error
        what = "a directory" if os.path.isdir(link) else "a file"
        raise HarnessError(
            f"{link} is {what}, but must be a symlink to a version beside it: {directory} was"
            " probably copied without symlinks; copy it again with them (cp -a, rsync -a), or"
            f" remove {link} and make the symlink: ln -s VERSION {link}"
        ) from error
    if not os.path.isdir(target):
        raise HarnessError(
            f"{link} points at {target.name}, which is not there; point it at a version that is,"
            f" or remove it: rm {link}"
        )
    return target.resolve()


def stage(directory: Path, version: str) -> Path:
    """Make the directory in which a version is written until `make_current` takes it.

    Raises HarnessError where the home, and not what is to be written, is the reason that it cannot.
    """
    current_in(directory)
    staged = directory / f".{version}"
    make_directory(staged)
    return staged


def _unwritable(path: Path, error: OSError) -> HarnessError:
    return HarnessError(
        f"{path} cannot be written ({error.strerror}); give this user the right to, or give another"
        " --home"
    )


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def new_id(moment: datetime) -> str:
    """An id that sorts by time: 20260617T093000Z-1f2e3d4c."""
    return f"{moment:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


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
