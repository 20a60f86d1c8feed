"""The command line: options in, exit codes out."""

import sys
import traceback

import click
import duckdb

from harness import __version__
from harness.cli import kept, make, read, serving
from harness.cli.options import Commands
from harness.foundation.errors import HarnessError
from harness.foundation.progress import say
from harness.foundation.resources import shortage


@click.group(
    cls=Commands,
    name="harness",
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="harness")
def main_group() -> None:
    """Lago's invoice collection report from your own data.

    \b
    harness run                                   the whole job, on the sample
    harness run --from DIR                        the same on your tables
    harness show --months 6 --currency EUR        look at the result

    Results go to standard output, everything else to standard error. Exit codes: 0 fine; 1 the
    answer is no (a check failed, a request was refused); 2 wrong usage, input or a crash.
    """


for each in (
    *(make.run, make.load_, make.build_, make.check_, make.publish_),
    *(read.report_, read.show, read.get, read.diff_),
    *(kept.versions, kept.rollback),
    *(serving.serve_, serving.keys_group),
):
    main_group.add_command(each)


def main() -> None:
    """Run the command line; the one place where errors become messages and exit codes."""
    try:
        code = main_group.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except click.Abort:
        say("interrupted; the published version is untouched")
        code = 130
    except Exception as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        expected = isinstance(error, HarnessError | OSError | duckdb.Error)
        hint = "" if expected else f" ({type(error).__name__}; more with --debug)"
        say(f"error: {shortage(str(error)) or error}{hint}")
        code = error.exit_code if isinstance(error, HarnessError) else 2
    sys.exit(code)
