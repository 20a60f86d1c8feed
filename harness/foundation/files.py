"""Files of ours: on the disk once written, in one step where others read them meanwhile."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.foundation.errors import HarnessError


def read_json(
    path: Path, missing: str, remedy: str = "run the step that writes it again"
) -> dict[str, Any]:
    """The object in a JSON file of ours; raises HarnessError with `missing` where there is none.

    `remedy` is what to do where it cannot be read.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HarnessError(missing) from None
    except (OSError, ValueError) as error:
        raise HarnessError(f"{path} cannot be read ({error}); {remedy}") from error
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file and flush it to the disk."""
    with path.open("w", encoding="utf-8") as handle:
        json.dump(content, handle, indent=2, ensure_ascii=False)
        handle.write("\n")
        handle.flush()
        os.fsync(handle.fileno())


def replace_file(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a text in the place of a file in one step: readers see the old one or the new one.

    A new file gets this mode, less the umask; another keeps its mode and group, or, where this user
    may not give it that group, neither.
    """
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                known = path.stat()
                os.fchown(descriptor, -1, known.st_gid)
                os.fchmod(descriptor, known.st_mode & 0o777)
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync(path.parent)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush a file, or a directory's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory of the home where it is not there yet.

    Raises HarnessError, which says what is in the way, where it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            # This says why not: no right to, or nobody has it.
            tempfile.TemporaryDirectory(dir=path).cleanup()
    except OSError as error:
        for each in (path, *path.parents):
            if os.path.lexists(each) and not os.path.isdir(each):
                what = "a symlink that leads nowhere" if each.is_symlink() else "a file"
                raise HarnessError(
                    f"{each} is {what}, but the home needs a directory there; move it away, or give"
                    " another --home"
                ) from error
        raise unwritable(path, error) from error


_ADVICE = {
    errno.ENOSPC: "the disk is full; make room there",
    errno.EROFS: "its disk is mounted read-only, at least for this process; make it writable",
    errno.EPERM: "it may be immutable, or this process be confined (lsattr -d shows the former);"
    " make it writable",
}


def unwritable(path: Path, error: OSError) -> HarnessError:
    """The error to raise where a part of the home cannot be written."""
    advice = _ADVICE.get(error.errno or 0, "give this user the right to")
    return HarnessError(
        f"{path} cannot be written ({error.strerror}): {advice}, or give another --home"
    )


@contextlib.contextmanager
def plain_path(directory: Path) -> Iterator[Path]:
    """Where to write databases that belong into a directory.

    That is elsewhere, until they are written, where DuckDB or dbt take the path for a URL.
    """
    if not {"#", "?"} & set(str(directory)):
        yield directory
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)
        for file in Path(temporary).iterdir():
            shutil.move(file, directory / file.name)
