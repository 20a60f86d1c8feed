"""The commands, in the order in which they are used."""

import click

from harness import __version__
from harness.cli import invoices, kept, make, read, serving
from harness.cli.options import Commands


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
    *(read.report_, read.show, invoices.invoices, read.get, read.diff_),
    *(kept.versions, kept.rollback),
    *(serving.serve_, serving.keys_group),
):
    main_group.add_command(each)
