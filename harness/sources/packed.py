"""Files as they lie on a disk: compressed or not, whole or cut off."""

import gzip
import io
import shutil
from pathlib import Path
from typing import IO, cast

from backports import zstd

from harness.foundation.errors import HarnessError

_MAGIC = {b"\x1f\x8b": ("gzip", ".gz"), b"\x28\xb5\x2f\xfd": ("zstd", ".zst")}


def opened(file: Path) -> IO[str]:
    """A file as text, unpacked."""
    return io.TextIOWrapper(_unpacking(file), encoding="utf-8-sig", newline="")


def check_content(file: Path) -> None:
    """Raise HarnessError where a file is empty or packed unseen, EOFError where it is cut off."""
    _check_kind(file)
    size = file.stat().st_size
    if size and file.suffix in (".gz", ".zst"):
        # To the end, since DuckDB takes a file that is cut off between two rows for a whole one.
        with _unpacking(file) as content:
            size = sum(len(chunk) for chunk in iter(lambda: content.read(1 << 20), b""))
    else:
        with file.open("rb") as content:
            start = content.read(4)
        for magic, (tool, ending) in _MAGIC.items():
            if start.startswith(magic):
                raise HarnessError(f"{file} is packed with {tool}; let its name end in {ending}")
    if not size:
        raise HarnessError(f"{file} is empty (0 bytes); export it again")


def last_byte(file: Path) -> bytes:
    """The last byte of a file's content that is no blank; none where there is nothing else."""
    last = b""
    with _unpacking(file) as content:
        for chunk in iter(lambda: content.read(1 << 20), b""):
            last = chunk.rstrip()[-1:] or last
    return last


def unpacked(file: Path, work: Path) -> Path:
    """The file itself, or where it is compressed its content as a new file in `work`."""
    if file.suffix not in (".gz", ".zst"):
        return file
    target = work / f"unpacked-{len(list(work.iterdir()))}-{file.stem}"
    with _unpacking(file) as content, target.open("wb") as copy:
        shutil.copyfileobj(content, copy, 1 << 20)
    return target


def _check_kind(file: Path) -> None:
    """Raise HarnessError where a file is a pipe or the like, which may never end."""
    if file.exists() and not file.is_file():
        raise HarnessError(f"{file} is no file that can be read twice; write it to one")


def _unpacking(file: Path) -> IO[bytes]:
    _check_kind(file)
    if file.suffix == ".gz":
        return cast(IO[bytes], gzip.open(file))
    if file.suffix == ".zst":
        return cast(IO[bytes], zstd.open(file))
    return file.open("rb")
