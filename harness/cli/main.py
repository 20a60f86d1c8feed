"""The command line: options in, exit codes out."""

import sys

from harness.foundation.ending import Ended, end, is_told, obey


def main() -> None:
    """Run the command line, and end when told to."""
    obey()
    try:
        # Only now: this takes half a second, in which one may be told to end.
        from harness.cli.outcome import outcome

        code = outcome(sys.argv[1:])
    except Ended:
        end()
    if is_told():
        end()
    sys.exit(code)
