"""What the command line says of a source beside its name."""

from dataclasses import dataclass, fields
from pathlib import Path

SAMPLE = "sample"
PER_PAGE = 500
CONNECTIONS = 4
SCHEMA = "public"


@dataclass(frozen=True)
class Options:
    """What a source needs to know beside its name; None where it was not given."""

    organizations: Path | None = None
    """A file with the organizations, beside a file of invoices."""
    schema: str | None = None
    """The schema of Lago's tables in a database; SCHEMA where it is not given."""
    organization: str | None = None
    """Whose the rows are that do not say so; of a database, the only one to load."""
    per_page: int | None = None
    """How many invoices to ask an API for at a time; PER_PAGE where it is not given."""
    connections: int | None = None
    """How many pages to ask an API for at once; CONNECTIONS where it is not given."""
    insecure: bool = False
    """Whether an API key may go over http:// beyond this machine."""

    def as_arguments(self) -> list[str]:
        """The options as the command line takes them."""
        arguments = []
        for each in fields(self):
            value = getattr(self, each.name)
            if value is True:
                arguments.append(flag(each.name))
            elif value:
                text = str(value.absolute()) if isinstance(value, Path) else str(value)
                arguments += [flag(each.name), text]
        return arguments


def flag(name: str) -> str:
    """The flag of an option, as the command line writes it."""
    return f"--{name.replace('_', '-')}"
