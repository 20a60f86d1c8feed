"""API keys: each belongs to one organization, and only its hash is kept."""

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass

from harness.foundation.errors import HarnessError
from harness.foundation.files import read_json, replace_file
from harness.foundation.home import Home, now

_BEARER = re.compile(rb"bearer ([\w.~+/-]+=*)", re.IGNORECASE)


@dataclass(frozen=True)
class Key:
    """What is kept of a key; the key itself is not."""

    id: str
    organization_id: str
    name: str | None
    created_at: str
    sha256: str


class Keys:
    """The keys of a home as read from its file once."""

    def __init__(self, keys: list[Key]) -> None:
        self._hashes = [(bytes.fromhex(key.sha256), key.organization_id) for key in keys]

    def organization_of(self, secret: str) -> str | None:
        """The organization of a key, None for an unknown one; takes as long for either."""
        digest = hashlib.sha256(secret.encode()).digest()
        found = None
        for known, organization_id in self._hashes:
            if hmac.compare_digest(known, digest):
                found = organization_id
        return found


class KeyFile:
    """The keys, read again when their file changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._path = str(home.keys)
        self._stamp: tuple[int, int, int] | None = None
        self._keys = Keys([])

    def organization_of(self, given: list[bytes]) -> str | None:
        """The organization of the headers' key; None for anything but one known bearer key."""
        match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            return None
        self._refresh()
        return self._keys.organization_of(match[1].decode("ascii"))

    def _refresh(self) -> None:
        try:
            status = os.stat(self._path)
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            # Where the whole home is gone, no key is wrong.
            if not self._home.path.is_dir():
                raise HarnessError(f"{self._home.path} is gone") from None
            stamp = None
        if stamp != self._stamp:
            self._keys = Keys(read_keys(self._home))
            self._stamp = stamp


def read_keys(home: Home) -> list[Key]:
    """All keys, oldest first; none where there is no file. Raises HarnessError for a broken one."""
    if not home.keys.exists():
        return []
    remedy = "restore it, or remove it and make new keys"
    content = read_json(home.keys, f"{home.keys} is gone", remedy)
    try:
        keys = [Key(**key) for key in content["keys"]]
        Keys(keys)
    except (KeyError, TypeError, ValueError) as error:
        raise HarnessError(f"{home.keys} is damaged ({error}); {remedy}") from error
    return keys


def add_key(home: Home, organization_id: str, name: str | None) -> str:
    """Make a key and return it; it cannot be shown again."""
    secret = f"lic_{secrets.token_urlsafe(32)}"
    key = Key(
        id=secrets.token_hex(4),
        organization_id=organization_id,
        name=name,
        created_at=now().isoformat(timespec="seconds"),
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
    )
    with home.locked("keys"):
        _write(home, [*read_keys(home), key])
    return secret


def revoke_key(home: Home, id_: str) -> Key:
    """Remove the key with this id; raises HarnessError where there is none."""
    with home.locked("keys"):
        keys = read_keys(home)
        for key in keys:
            if key.id == id_:
                _write(home, [other for other in keys if other != key])
                return key
    raise HarnessError(f"there is no key {id_!r}; the ids are in: harness keys list")


def _write(home: Home, keys: list[Key]) -> None:
    content = json.dumps({"keys": [asdict(key) for key in keys]}, indent=2)
    replace_file(home.keys, content, mode=0o600)
