"""Python imports this at each of its starts in the tests: dbt's command lines go to server.py.

Where that does not answer, and where its address is not in the environment, dbt starts as ever.
"""

import os
import signal
import sys

CLI = ("dbt.cli.main", "cli")
PROGRAMS = {"dbt": CLI, "dbt.cli.main": CLI, "harness.build.child": ("harness.build.child", "main")}


def hand_over(address: str, program: tuple[str, str], arguments: list[str]) -> None:
    """Have the server run the program, with all that this process was given; end as it ends."""
    import json
    import socket

    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(address)
        except OSError:
            return
        inherited = [int(each) for each in os.listdir("/dev/fd") if int(each) > 2]
        inherited = [each for each in inherited if is_inherited(each)]
        given = [program, arguments, os.getcwd(), dict(os.environ), sys.path]
        socket.send_fds(link, [b"\0"], [0, 1, 2, *inherited])
        link.sendall(json.dumps(given).encode())
        link.shutdown(socket.SHUT_WR)
        code = int(link.makefile().read() or -signal.SIGKILL)
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def is_inherited(descriptor: int) -> bool:
    """Whether a file came from the process that started this one."""
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


if address := os.environ.get("LAGO_TESTS_DBT"):
    given = sys.orig_argv[1:]
    given = given[1:] if given[:1] == ["-m"] else given
    if given and (program := PROGRAMS.get(os.path.basename(given[0]))):
        hand_over(address, program, given[1:])
