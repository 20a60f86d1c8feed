"""The one family of errors; its exit codes are the command line's."""


class HarnessError(Exception):
    """What is wrong, where, and what to do. Exit code 2: usage, configuration, input, a crash."""

    exit_code = 2


class Refused(HarnessError):
    """The answer is no: a check failed, figures differ, a request was refused. Exit code 1."""

    exit_code = 1
