"""The commands of the HTTP API: serve, keys."""

import click

from harness.api.keys import add_key, read_keys, revoke_key
from harness.cli.options import ORGANIZATION, Commands, command
from harness.cli.printing import echo, echo_columns
from harness.collection.version import HOW_TO_PUBLISH, published
from harness.foundation.home import Home
from harness.foundation.progress import say
from harness.foundation.versions import current_in


@command(
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
    if current_in(home.published) is None:
        say(f"nothing is published in {home.path}, so there is no answer yet; {HOW_TO_PUBLISH}")
    serve(home, host, port)


@click.group("keys", cls=Commands)
def keys_group() -> None:
    """API keys: each belongs to one organization and sees only that.

    \b
    harness keys add --organization ID --name dashboard
    harness keys list
    harness keys revoke 1f2e3d4c
    """


@command(
    "add",
    ORGANIZATION,
    click.option("--name", metavar="TEXT", help="What the key is for."),
)
def keys_add(home: Home, organization: str | None, name: str | None) -> None:
    """Make a key and print it, once: only its hash is kept."""
    version = published(home)
    id_ = version.organization_id(organization)
    echo(add_key(home, id_, name))
    say(f"a key of {version.organizations()[id_] or id_}; keep it now, it is not shown again")


@command("list")
def keys_list(home: Home) -> None:
    """List the keys: id, organization, when made, name."""
    keys = read_keys(home)
    if not keys:
        say("there is no key; make one: harness keys add")
        return
    lines = [("id", "organization", "made", "name")]
    lines += [(key.id, key.organization_id, key.created_at, key.name or "") for key in keys]
    echo_columns(lines)


@command("revoke", click.argument("key_id", metavar="ID"))
def keys_revoke(home: Home, key_id: str) -> None:
    """Revoke a key; the server refuses it from then on."""
    revoked = revoke_key(home, key_id)
    echo(f"revoked {revoked.id} of organization {revoked.organization_id}")


for each in (keys_add, keys_list, keys_revoke):
    keys_group.add_command(each)
