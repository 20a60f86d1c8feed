"""The command that compares what is published with Lago's own answer."""

from pathlib import Path

import click

from harness.cli.options import FORMAT, INSECURE, ORGANIZATION, command
from harness.cli.printing import echo, echo_json
from harness.collection.answers import PATH
from harness.collection.version import published
from harness.foundation.errors import HarnessError, Refused
from harness.foundation.home import Home
from harness.load.options import PER_PAGE
from harness.published.diff import KEY, diff, saved_answer
from harness.sources.lago_api import Api


@command(
    "diff",
    click.argument(
        "file", required=False, type=click.Path(path_type=Path, dir_okay=False), metavar="[FILE]"
    ),
    click.option(
        "--against", metavar="https://…", help="A Lago to ask, with the key in LAGO_API_KEY."
    ),
    ORGANIZATION,
    INSECURE,
    FORMAT,
    click.option("--fail-on-diff", is_flag=True, help="Exit with 1 where a row differs."),
)
def diff_(
    home: Home,
    file: Path | None,
    against: str | None,
    organization: str | None,
    insecure: bool,
    format_: str,
    fail_on_diff: bool,
) -> None:
    """Compare the published collection with Lago's own answer.

    The answer is a saved one in FILE, or that of the Lago at --against; the report is a premium
    feature there. Lago's amounts are floating point: equal is the nearest to the exact amount.

    \b
    harness diff answer.json --organization ID
    harness diff --against https://api.getlago.com --fail-on-diff
    """
    if (file is None) == (against is None):
        raise click.UsageError("give either a FILE or --against https://…")
    version = published(home)
    if file:
        body, name = saved_answer(file), str(file)
    else:
        api = Api.at(str(against), PER_PAGE, insecure)
        owner, body = api.answer(PATH.removeprefix("/api/v1/"), KEY)
        name = api.name
        if organization not in (None, owner, version.organizations().get(owner)):
            raise HarnessError(f"the key is of the organization {owner}, not of {organization}")
        organization = owner
    id_ = version.organization_id(organization)
    collection = version.collection([id_])
    found = diff(collection, collection.organizations[id_], body, name)
    if format_ == "json":
        echo_json(found.as_json())
    else:
        for line in found.as_text():
            echo(line)
    if fail_on_diff and not found.equal:
        raise Refused("the collection differs from Lago's; see the rows above")
