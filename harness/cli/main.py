"""The command line: options in, exit codes out."""

import json
import sys
import traceback
from datetime import date
from pathlib import Path
from typing import Any

import click
import duckdb

from harness import __version__
from harness.api.keys import add_key, read_keys, revoke_key
from harness.build.building import Build, build, dbt_results
from harness.check.checking import Report, check
from harness.check.output import as_junit, as_text
from harness.cli.options import (
    AS_OF,
    FIXTURE,
    FORMAT,
    INSECURE,
    KEEP,
    LOADING,
    ORGANIZATION,
    RESOURCES,
    STRICT,
    Commands,
)
from harness.collection.answers import PATH, answer
from harness.collection.collection import Published, published
from harness.foundation.errors import HarnessError, Refused
from harness.foundation.home import Home
from harness.foundation.progress import Progress, say
from harness.foundation.resources import Resources, shortage
from harness.load.loading import Load, load
from harness.load.origin import PER_PAGE, Options
from harness.published.diff import KEY, diff, saved_answer
from harness.published.publishing import publish
from harness.published.show import table


@click.group(cls=Commands, name="harness", context_settings={"max_content_width": 100})
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


@main_group.add("run", *LOADING, AS_OF, FIXTURE, STRICT, KEEP, *RESOURCES)
def run(
    home: Home,
    as_of: date | None,
    fixture: Path | None,
    strict: bool,
    keep: int,
    memory_limit: str | None,
    threads: int | None,
    **source: Any,
) -> None:
    """Load, build, check, publish and draw the report: the main job.

    Publishes only what passed every check; otherwise the version that is published stays. A report
    that cannot be drawn does not take back what is published.

    \b
    harness run
    harness run --from exports/lago --as-of 2026-10-31
    """
    with home.locked():
        resources = Resources(memory_limit, threads)
        say(_load_line(_load(home, resources, **source)))
        say("building and testing the marts with dbt")
        built = build(home, as_of, resources)
        say(_build_line(built))
        report = check(home, fixture, strict)
        for line in as_text(report, only_faults=True):
            say(line)
        _refuse_failed(report)
        version = publish(home, keep)
        _print_table(version, 12, None)
        _print_places(version)
        click.echo(f"  {_report(version).name}")


@main_group.add("load", *LOADING, *RESOURCES)
def load_(home: Home, memory_limit: str | None, threads: int | None, **source: Any) -> None:
    """Land raw data: all of it, or on any error nothing.

    \b
    harness load --from exports/lago
    harness load --from invoices.csv.gz --organizations organizations.csv
    PGPASSWORD=... harness load --from postgresql://reader@db.example.com/lago
    LAGO_API_KEY=... harness load --from https://api.getlago.com
    """
    with home.locked():
        click.echo(_load_line(_load(home, Resources(memory_limit, threads), **source)))


@main_group.add("build", AS_OF, *RESOURCES)
def build_(home: Home, as_of: date | None, memory_limit: str | None, threads: int | None) -> None:
    """Run dbt on the scratch database: models and data tests.

    \b
    harness build --as-of 2026-10-31
    """
    with home.locked():
        built = build(home, as_of, Resources(memory_limit, threads))
        if not built.succeeded:
            failed = [
                result["unique_id"]
                for result in dbt_results(home)["results"]
                if result["status"] in ("error", "fail")
            ]
            raise Refused(f"dbt failed at {', '.join(failed)}; for the reasons: harness check")
        click.echo(_build_line(built))


@main_group.add(
    "check",
    FIXTURE,
    STRICT,
    FORMAT,
    click.option(
        "--junit",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="PATH",
        help="Write the findings as JUnit XML, too.",
    ),
)
def check_(
    home: Home, fixture: Path | None, strict: bool, format_: str, junit: Path | None
) -> None:
    """Check the build: dbt's tests, fixture, contract, accounting.

    Prints what is left out of the report by reason, faults of the data first.

    \b
    harness check --strict
    harness check --fixture expected.csv --format json --junit check.xml
    """
    with home.locked():
        report = check(home, fixture, strict)
    if format_ == "json":
        click.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        for line in as_text(report):
            click.echo(line)
    for fault in report.data_faults:
        say(f"data fault: {fault}")
    if junit:
        junit.write_bytes(as_junit(report))
    _refuse_failed(report)


@main_group.add("publish", KEEP)
def publish_(home: Home, keep: int) -> None:
    """Make the checked build the current version, in one step.

    \b
    harness publish --keep 10
    """
    with home.locked():
        version = publish(home, keep)
    _print_places(version)


@main_group.add("report")
def report_(home: Home) -> None:
    """Draw the HTML report of the published version, and print where it is.

    One file without scripts, for screen, phone and paper: cards, charts and tables by organization
    and currency, and what is left out and why.
    Payment statuses are those at the time of loading, whatever the as-of date.

    \b
    harness report
    """
    with home.locked():
        _report(published(home))
    click.echo(home.published / "current" / "report.html")


@main_group.add(
    "show",
    click.option(
        "--months",
        type=click.IntRange(min=1),
        default=12,
        show_default=True,
        help="How many months, the as-of month being the last.",
    ),
    click.option("--currency", metavar="CODE", help="Only this currency."),
    ORGANIZATION,
)
def show(home: Home, months: int, currency: str | None, organization: str | None) -> None:
    """Print the published collection as a table.

    A block per organization and currency, amounts in units of the currency.

    \b
    harness show --months 6 --currency EUR
    """
    _print_table(published(home), months, currency, organization)


@main_group.add("get", click.argument("path"), ORGANIZATION)
def get(home: Home, path: str, organization: str | None) -> None:
    """Print the API's JSON for a path and query. Exit code 1 for any status but 200.

    \b
    harness get '/api/v1/analytics/invoice_collection?months=12&currency=EUR' --organization ID
    """
    collection = published(home).collection()
    response = answer(collection, collection.organization(organization), path)
    click.echo(response.body)
    if response.status != 200:
        raise click.exceptions.Exit(1)


@main_group.add(
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
    collection = published(home).collection()
    if file:
        body, name = saved_answer(file), str(file)
    else:
        from harness.sources.lago_api import Api

        api = Api.at(str(against), PER_PAGE, insecure)
        owner, body = api.answer(PATH.removeprefix("/api/v1/"), KEY)
        name = api.name
        if organization not in (None, owner):
            raise HarnessError(f"the key is of the organization {owner}, not of {organization}")
        organization = owner
    found = diff(collection, collection.organization(organization), body, name)
    if format_ == "json":
        click.echo(json.dumps(found.as_json(), indent=2, ensure_ascii=False))
    else:
        for line in found.as_text():
            click.echo(line)
    if fail_on_diff and not found.equal:
        raise Refused("the collection differs from Lago's; see the rows above")


@main_group.add(
    "serve",
    click.option(
        "--host", default="127.0.0.1", show_default=True, help="The address to listen on."
    ),
    click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True),
)
def serve_(home: Home, host: str, port: int) -> None:
    """Serve the API over the published version.

    A version that is published while it runs is picked up at once.

    \b
    harness serve --port 8080
    curl -H "Authorization: Bearer $KEY" localhost:8080/api/v1/analytics/invoice_collection
    """
    # The only command that needs a web server does not make the others wait for it.
    from harness.api.serve import serve

    if not read_keys(home):
        say("there is no API key, so every request is refused; make one: harness keys add")
    if not home.published.exists():
        say(f"nothing is published in {home.path}, so there is no answer yet; run: harness run")
    serve(home, host, port)


@click.group("keys", cls=Commands)
def keys_group() -> None:
    """API keys: each belongs to one organization and sees only that.

    \b
    harness keys add --organization ID --name dashboard
    harness keys list
    harness keys revoke 1f2e3d4c
    """


@keys_group.add(
    "add",
    ORGANIZATION,
    click.option("--name", metavar="TEXT", help="What the key is for."),
)
def keys_add(home: Home, organization: str | None, name: str | None) -> None:
    """Make a key and print it, once: only its hash is kept."""
    known = published(home).collection().organization(organization)
    click.echo(add_key(home, known.id, name))
    say(f"a key of {known.name or known.id}; keep it now, it is not shown again")


@keys_group.add("list")
def keys_list(home: Home) -> None:
    """List the keys: id, organization, when made, name."""
    for key in read_keys(home):
        click.echo(f"{key.id}  {key.organization_id}  {key.created_at}  {key.name or ''}".rstrip())


@keys_group.add("revoke", click.argument("key_id", metavar="ID"))
def keys_revoke(home: Home, key_id: str) -> None:
    """Revoke a key; the server refuses it from then on."""
    revoked = revoke_key(home, key_id)
    click.echo(f"revoked {revoked.id} of organization {revoked.organization_id}")


main_group.add_command(keys_group)


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


def _load(home: Home, resources: Resources, source: str, **options: Any) -> Load:
    return load(
        home,
        source,
        options=Options(**options),
        resources=resources,
        warn=lambda text: say(f"warning: {text}"),
    )


def _load_line(loaded: Load) -> str:
    return (
        f"loaded {loaded.raw:,} invoices from {loaded.source}"
        f" ({loaded.read:,} read, {loaded.superseded:,} older versions)"
    )


def _build_line(built: Build) -> str:
    state = "built and tested" if built.succeeded else "did not succeed with"
    return f"dbt {state} the marts as of {built.as_of_date} in {built.elapsed_seconds:.1f} s"


def _refuse_failed(report: Report) -> None:
    if not report.passed:
        failed = sum(finding.status == "fail" for finding in report.findings)
        raise Refused(f"{failed} findings of the check stand against publishing; see above")


def _report(version: Published) -> Path:
    say("drawing the report")
    progress = Progress()
    try:
        # What draws takes a second to load, which the other commands do not wait for.
        from harness.report.page import write_report

        return write_report(version, progress.show)
    except Exception as error:
        raise HarnessError(
            f"the report cannot be drawn ({type(error).__name__}: {error}); version"
            f" {version.manifest['version']} stays published without it; try: harness report"
        ) from error
    finally:
        progress.end()


def _print_table(
    version: Published, months: int, currency: str | None, organization: str | None = None
) -> None:
    collection = version.collection()
    code = currency.upper() if currency else None
    if code and code not in collection.subunits_per_unit:
        raise HarnessError(f"{currency!r} is no currency that Lago knows; give a code such as EUR")
    shown = list(collection.organizations.values())
    if organization:
        shown = [collection.organization(organization)]
    click.echo(f"Invoice collection as of {collection.as_of_date}, count and amount per month\n")
    for line in table(collection, shown, months, code):
        click.echo(line)


def _print_places(version: Published) -> None:
    click.echo(f"published version {version.manifest['version']} in {version.path.parent}/current:")
    for name in (*version.manifest["files"], "manifest.json"):
        click.echo(f"  {name}")
