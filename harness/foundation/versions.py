"""Versions of loads and of what is published: directories named by time, and the link `current`."""

import contextlib
import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Set
from datetime import datetime
from pathlib import Path

from harness.foundation.errors import HarnessError
from harness.foundation.files import make_directory, sync
from harness.foundation.progress import say

_ID = re.compile("[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")


def new_id(moment: datetime) -> str:
    """An id that sorts by time: 20260617T093000Z-1f2e3d4c."""
    return f"{moment:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


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
            f"{link} points at {target.name}, which is not there; remove it: rm {link}, or where"
            " that was a published version, go back to another: harness rollback"
        )
    return target.resolve()


def dangles(directory: Path) -> bool:
    """Whether `current` in a directory of versions points at one that is gone."""
    link = directory / "current"
    return os.path.islink(link) and not os.path.isdir(link)


def newest_in(directory: Path) -> Path | None:
    """The current version; where there is none, the newest that is kept.

    Raises HarnessError as current_in does, but not where the current one is gone.
    """
    current = None if dangles(directory) else current_in(directory)
    if current is None and directory.is_dir():
        return max(versions_in(directory), default=None)
    return current


def stage(directory: Path, version: str) -> Path:
    """Make the directory in which a version is written until `make_current` takes it.

    Raises HarnessError where the home, and not what is to be written, is the reason that it cannot.
    """
    newest_in(directory)
    staged = directory / f".{version}"
    make_directory(staged)
    return staged


def make_current(staged: Path, version: str) -> Path:
    """Rename a finished directory to its version, and make that the current one.

    Returns the version's path. Raises OSError, and leaves the current version as it is, where that
    fails.
    """
    parent = staged.parent
    for path in [*staged.rglob("*"), staged]:
        sync(path)
    target = parent / version
    staged.rename(target)
    try:
        point_at(target)
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return target


def point_at(version: Path) -> None:
    """Let `current` point at a version beside it, in one step; raises OSError where it does not."""
    parent = version.parent
    link = parent / ".current"
    link.unlink(missing_ok=True)
    link.symlink_to(version.name, target_is_directory=True)
    sync(parent)
    link.replace(parent / "current")
    # That was the step: from here on nothing is a failure.
    with contextlib.suppress(OSError):
        sync(parent)


def versions_in(directory: Path, prefix: str = "") -> list[Path]:
    """The versions in a directory, oldest first; nothing that another than the harness has made."""
    return sorted(
        path
        for path in directory.iterdir()
        if path.name.startswith(prefix) and _ID.fullmatch(path.name.removeprefix(prefix))
        if path.is_dir() and not path.is_symlink()
    )


def prune(directory: Path, keep: int, stay: Set[str]) -> None:
    """Remove all versions but the newest `keep`, among which those in `stay` are.

    What cannot be removed is a warning.
    """
    others = [path for path in versions_in(directory) if path.name not in stay]
    for path in others[: max(0, len(others) - max(0, keep - len(stay)))]:
        with _warning_of(path):
            # First out of sight, so that nobody takes half a version for a whole one.
            shutil.rmtree(path.rename(path.with_name(f".{path.name}")))


def remove_litter(directory: Path) -> None:
    """Remove what killed runs have left of versions that they were writing or removing."""
    if not directory.exists():
        return
    with _warning_of(directory / ".current"):
        (directory / ".current").unlink(missing_ok=True)
    for path in versions_in(directory, prefix="."):
        with _warning_of(path):
            shutil.rmtree(path)


@contextlib.contextmanager
def _warning_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        say(f"warning: {path} cannot be removed ({error.strerror}); it can be deleted by hand")
