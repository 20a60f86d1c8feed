"""Ending when told to, by Ctrl-C or another signal: soon, and with one true sentence.

Wherever the main thread is, an exception ends what it does. Where that takes longer than a second,
as in a query of which nothing has come yet, another thread ends the process: what is left behind
then is what a killed run leaves, and the next one clears it up.
"""

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

_SECONDS_TO_END = 1.0


class Ended(BaseException):
    """Raised in the main thread when the process is told to end."""


@dataclass
class _State:
    signal: int = 0
    link: Path | None = None
    before: str | None = None
    speaking: threading.Lock = field(default_factory=threading.Lock)


_STATE = _State()


def obey() -> None:
    """From now on end when told to, but by no signal that whoever started this has turned off."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # The signal's number comes through the pipe even while the main thread cannot run Python.
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, _raise)
    threading.Thread(target=_watch, args=[reader], daemon=True).start()


def remember(link: Path) -> None:
    """Note what a symlink `current` points at, to know later whether this process has moved it."""
    _STATE.link, _STATE.before = link, _target(link)


def is_told() -> bool:
    """Whether this process was told to end."""
    return bool(_STATE.signal)


def end() -> NoReturn:
    """Say what has come of the published version, and end with 128 and the signal's number."""
    # Whoever comes second waits for the first to have spoken, but not for a terminal that is stuck.
    if _STATE.speaking.acquire(timeout=0.5):
        clear = "\r\x1b[K" if os.isatty(2) else ""
        with contextlib.suppress(OSError):
            os.write(2, f"{clear}{_sentence()}\n".encode())
    os._exit(128 + _STATE.signal)


def _sentence() -> str:
    now = _target(_STATE.link) if _STATE.link else None
    if now == _STATE.before:
        return "interrupted; the published version is untouched"
    return f"interrupted; version {now} is already published, and stays"


def _target(link: Path) -> str | None:
    try:
        return os.readlink(link)
    except OSError:
        return None


def _raise(number: int, _frame: Any) -> None:
    if not _STATE.signal:
        _STATE.signal = number
        raise Ended


def _watch(reader: int) -> None:
    while number := os.read(reader, 1):
        # The server has handlers of its own, and finishes its requests.
        if signal.getsignal(number[0]) is _raise:
            time.sleep(_SECONDS_TO_END)
            _STATE.signal = _STATE.signal or number[0]
            end()
