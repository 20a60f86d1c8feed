"""A process that has imported dbt, and read the project, for all that start dbt in the tests.

Each command line that sitecustomize.py hands over is run by a fork of it, which takes half of the
time, and where LAGO_TESTS_MODELS_ALONE is set without data tests: for builds of which the figures
alone are looked at, of data like others that are tested. It is given the number of the file on
which it listens, and ends with its standard input.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import socket
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from dbt.cli.main import dbtRunner
from dbt.clients import jinja_static
from dbt.contracts.graph.manifest import Manifest
from dbt.parser import models, unit_tests
from dbt_common.clients.jinja import template_cache
from dbt_extractor import py_extract_from_source as extracted

PROJECT = Path(__file__).parents[2]


def main(descriptor: int) -> None:
    """Serve until standard input ends."""
    with socket.socket(fileno=descriptor) as listening:
        warm()
        while 0 not in select.select([listening, 0], [], [])[0]:
            link, _ = listening.accept()
            if not os.fork():
                listening.close()
                run(link)
            link.close()
            # So their processor time is this one's, which is that of the tests.
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def warm() -> None:
    """Read the project twice, since much of dbt is imported and made only then."""
    # Its threads would be missing in each fork.
    with ProcessPoolExecutor(1, get_context("fork")) as apart:
        for module in (jinja_static, models, unit_tests):
            module.py_extract_from_source = lambda text: apart.submit(extracted, text).result()
        with tempfile.TemporaryDirectory() as target:
            place = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
            written = ["--target-path", target, "--log-path", target]
            for _ in range(2):
                manifest = dbtRunner().invoke(["--quiet", "parse", *place, *written]).result
    for module in (jinja_static, models, unit_tests):
        module.py_extract_from_source = extracted
    assert isinstance(manifest, Manifest)
    for macro in manifest.macros.values():
        template_cache.get_node_template(macro)
    gc.collect()
    gc.freeze()


def run(link: socket.socket) -> None:
    """Run a command line in a process of its own, and tell how it ended."""
    _, descriptors, *_ = socket.recv_fds(link, 1, 16)
    program, arguments, directory, environment, path = json.loads(link.makefile("rb").read())
    if "LAGO_TESTS_MODELS_ALONE" in environment:
        arguments += ["--exclude-resource-type", "test"]
    if running := os.fork():
        for descriptor in descriptors:
            os.close(descriptor)
        link.sendall(str(os.waitstatus_to_exitcode(os.waitpid(running, 0)[1])).encode())
        os._exit(0)
    link.close()
    for standard in range(3):
        os.dup2(descriptors[standard], standard)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(directory)
    sys.path[:] = path
    module, function = program
    sys.argv = [module, *arguments]
    code = 1
    try:
        getattr(importlib.import_module(module), function)()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    finally:
        # Not as Python ends: DuckDB's destructors would wait for threads that no fork has.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
