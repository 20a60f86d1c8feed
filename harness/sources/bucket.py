"""A source that is a directory in an object store: copied, then read as any other directory."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.foundation.progress import Progress
from harness.sources.error_texts import shortened
from harness.sources.files import Files
from harness.sources.formats import format_of
from harness.sources.layout import may_hold_a_table
from harness.sources.tables import Found, ReadInOneGo

SCHEMES = ("s3",)

_ADVICE = "load again once that is mended"
_IS_NONE = "is no directory of an object store; give s3://BUCKET/DIRECTORY/"


class _Object(NamedTuple):
    key: str
    size: int
    etag: str


class Bucket(ReadInOneGo):
    """A source: dumps of tables, or saved API responses, below a prefix of an S3 bucket.

    Where it is, and who asks, is taken from what boto3 reads: AWS_* variables or a profile.
    """

    def __init__(self, url: str) -> None:
        """Raises HarnessError, which never quotes a password, where the URL is of no directory."""
        parts = urlsplit(url)
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise HarnessError(
                f"what follows --from {parts.scheme}:// {_IS_NONE}, and credentials in AWS_*"
                " variables or a profile"
            )
        self._bucket, directory = parts.netloc, parts.path.strip("/")
        if not self._bucket:
            raise HarnessError(f"{url} {_IS_NONE}")
        self._prefix = f"{directory}/" if directory else ""
        self.name = f"s3://{self._bucket}/{self._prefix}"
        self.files: dict[str, int] = {}
        self._copied: Files | None = None
        self._copy_in = Path()

    def begin(self, moment: datetime, directory: Path, note: Callable[[str], None]) -> datetime:
        """As Source.begin: the data are of this moment."""
        self._note = note
        return moment

    @contextlib.contextmanager
    def open(self, connection: DuckDBPyConnection) -> Iterator[None]:
        """The time in which the copy is read; what is wrong with it is said of the original."""
        try:
            yield
        except HarnessError as error:
            raise HarnessError(self._of_original(str(error))) from error

    def find(self, connection: DuckDBPyConnection, table: str, work: Path) -> Found | None:
        """The rows of a table, out of a copy of the directory that the first call makes."""
        if not self._copied:
            self._copy_in = work / "objects"
            self._copy()
            self._copied = Files.at(
                self._copy_in, lambda warning: self._note(self._of_original(warning))
            )
            self.files = self._copied.files
        found = self._copied.find(connection, table, work)
        return found and found._replace(place=self._of_original(str(found.place)))

    def _of_original(self, text: str) -> str:
        return text.replace(f"{self._copy_in}/", self.name).replace(str(self._copy_in), self.name)

    def _copy(self) -> None:
        """Copy what may hold a table; of the rest, the names are enough."""
        with self._asking():
            client = _client()
            objects = self._listed(client)
            wanted = {each.key: each.size for each in objects if self._is_wanted(each)}
            progress, done, whole = Progress(), 0, max(1, sum(wanted.values()))

            def show(added: int) -> None:
                nonlocal done
                done += added
                progress.show(min(1.0, done / whole), f", copying {len(wanted):,} objects")

            for each in objects:
                path = self._place(each)
                path.parent.mkdir(parents=True, exist_ok=True)
                if each.key in wanted:
                    client.download_file(self._bucket, each.key, str(path), Callback=show)
                else:
                    path.touch()
            progress.end()
            if self._listed(client) != objects:
                raise HarnessError(
                    f"{self.name} was changed while it was copied; load again once whoever writes"
                    " there has finished"
                )

    def _listed(self, client: Any) -> list[_Object]:
        """The objects below the prefix, but for those that stand for a directory."""
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        objects = [
            _Object(each["Key"], each["Size"], each["ETag"])
            for page in pages
            for each in page.get("Contents", [])
            if not each["Key"].endswith("/")
        ]
        if not objects:
            raise HarnessError(
                f"{self.name} holds no object; give the bucket and directory of the tables"
            )
        return objects

    def _is_wanted(self, each: _Object) -> bool:
        inside = PurePosixPath(each.key.removeprefix(self._prefix)).parts
        hidden = any(part[0] in "._" for part in inside)
        return not hidden and may_hold_a_table(inside[0]) and bool(format_of(inside[-1]))

    def _place(self, each: _Object) -> Path:
        parts = each.key.removeprefix(self._prefix).split("/")
        if {"", ".", ".."} & {*parts}:
            raise HarnessError(f"s3://{self._bucket}/{each.key} is no name of a file; rename it")
        return self._copy_in.joinpath(*parts)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn what goes wrong with the store into a HarnessError that names it."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise HarnessError(
                f"{self.name} cannot be copied: {shortened(str(error))}; {_ADVICE}"
            ) from error


def _client() -> Any:
    from boto3.session import Session
    from botocore.config import Config

    def client(proxies: dict[str, str] | None) -> Any:
        # How often it tries again, AWS_MAX_ATTEMPTS may say.
        config = Config(connect_timeout=10, read_timeout=60, proxies=proxies)
        return Session().client("s3", config=config)

    found = client(None)
    # A proxy would read along.
    return client({}) if found.meta.endpoint_url.startswith("http://") else found
