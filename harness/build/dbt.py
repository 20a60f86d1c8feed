"""dbt as a process of its own: in this one it would keep the database locked."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from harness.foundation.home import PROJECT
from harness.foundation.progress import Progress


@dataclass
class Run:
    """A run of dbt: what it says while it runs, and the code that it ended with."""

    returncode: int = 0
    messages: list[str] = field(default_factory=list)
    running: dict[str, None] = field(default_factory=dict)
    """The models, seeds and tests that are running, in the order of their start."""
    finished: int = 0
    total: int = 0

    def listen(self, lines: IO[str]) -> None:
        """Take in dbt's messages, one in a line, until it ends."""
        # A ValueError of the pipe itself: it was closed, as the run was told to end.
        with contextlib.suppress(ValueError):
            for line in lines:
                try:
                    event = json.loads(line)
                    self._note(event["info"]["msg"], event["data"])
                except (ValueError, KeyError, TypeError):
                    self.messages.append(line.rstrip())

    def _note(self, message: str, data: dict[str, Any]) -> None:
        if message:
            self.messages.append(message)
        if "total" in data and "node_info" in data:
            node = data["node_info"]["node_name"]
            self.total = data["total"]
            if "execution_time" in data:
                self.finished += 1
                self.running.pop(node, None)
            else:
                self.running[node] = None

    def show(self, progress: Progress) -> None:
        """Show how many steps are done, and which has been running for longest."""
        if not self.total:
            progress.show(0.0, ", reading the project")
            return
        names = list(self.running)
        detail = f", {self.finished} of {self.total} models, seeds and tests"
        if names:
            detail += f", now {names[0][:40]}"
        progress.show(self.finished / self.total, detail)


def run_dbt(arguments: Sequence[str], environment: dict[str, str], lock: int) -> Run:
    """Run dbt on the project, and show how far it is; returns what came of it.

    It ends with this process. Until it has, it holds the home's lock, which is of the open file and
    not of a process. Of this process's environment, dbt's own variables are left out, and that
    which would make an error of each warning of Python's libraries.
    """
    ours = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("DBT_") and key != "PYTHONWARNINGS"
    }
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "harness.build.child", *arguments),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target", "dev"),
            *("--log-format", "json", "--log-format-file", "text"),
        ],
        env=ours | environment,
        cwd=PROJECT,
        pass_fds=[lock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    run, progress = Run(), Progress()
    with process:
        listener = threading.Thread(target=run.listen, args=[process.stdout], daemon=True)
        listener.start()
        try:
            while listener.is_alive():
                listener.join(0.2)
                run.show(progress)
            process.wait()
        finally:
            process.kill()
            progress.end()
    run.returncode = process.returncode
    return run
