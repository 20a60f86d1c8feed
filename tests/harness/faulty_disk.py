"""The harness on a disk that fails at some moment; needs the right to mount.

    python faulty_disk.py KIND COMMAND MOMENT...

works on the home `home` in the current directory, which is a mounted disk. It runs the command once
to see how long that takes. Then, for each of the moments, which are shares of that time, it runs
the command, makes the disk fail at that moment, waits for the command's end, and mends the disk. It
prints one JSON object for each: what the command said, the code that it ended with, and which
version is published, read whole.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from readers import read_files

FILLER = Path("filler")


def fill() -> bool:
    """Write until nothing more fits."""
    with FILLER.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return True


def remount(how: str) -> bool:
    """Mount this disk anew; not while a file is open for writing."""
    command = ["mount", "-o", f"remount,{how}", os.getcwd()]
    return not subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode


KINDS: dict[str, tuple[Callable[[], bool], Callable[[], object]]] = {
    "full": (fill, FILLER.unlink),
    "read-only": (lambda: remount("ro"), lambda: remount("rw")),
}


def started(command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", command, "--home", "home"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def main(kind: str, command: str, *moments: str) -> None:
    fail, mend = KINDS[kind]
    begun = time.monotonic()
    assert started(command).wait() == 0
    whole = time.monotonic() - begun
    for moment in moments:
        process = started(command)
        time.sleep(float(moment) * whole)
        failed = False
        while process.poll() is None and not failed:
            failed = fail()
        said = process.communicate()[1]
        if failed:
            mend()
        version = read_files(Path("home/published"))
        print(json.dumps({"said": said, "code": process.returncode, "version": version}))


if __name__ == "__main__":
    main(*sys.argv[1:])
