"""API keys: shown once, kept as hashes, revoked at once."""

import hmac
import json
import os
import stat
from pathlib import Path

import pytest
from conftest import Harness

from harness.api import keys
from harness.api.keys import Keys, add_key, read_keys, revoke_key
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_key_is_of_its_organization_and_of_no_other(home: Home) -> None:
    first, second = add_key(home, "north", "dashboard"), add_key(home, "south", None)
    assert first != second
    known = Keys(read_keys(home))
    assert known.organization_of(first) == "north"
    assert known.organization_of(second) == "south"
    assert known.organization_of("lic_unknown") is None
    assert known.organization_of("") is None


def test_the_file_holds_no_key_and_is_for_its_owner_only(home: Home) -> None:
    secrets = [add_key(home, "north", None) for _ in range(3)]
    assert stat.S_IMODE(home.keys.stat().st_mode) == 0o600
    for file in home.path.iterdir():
        for secret in secrets:
            assert secret not in file.read_text()
            assert secret.removeprefix("lic_") not in file.read_text()
    kept = json.loads(home.keys.read_text())["keys"]
    assert {len(key["sha256"]) for key in kept} == {64}


def test_a_leftover_of_a_killed_writer_does_not_matter(home: Home) -> None:
    leftover = home.keys.with_name(".keys.json.new")
    leftover.write_text("{")
    leftover.chmod(0o666)
    add_key(home, "north", None)
    assert not leftover.exists()
    assert stat.S_IMODE(home.keys.stat().st_mode) == 0o600


def test_the_key_file_keeps_the_mode_and_group_that_it_was_given(home: Home) -> None:
    secret = add_key(home, "north", None)
    (key,) = read_keys(home)
    home.keys.chmod(0o640)
    group = next((each for each in os.getgroups() if each != home.keys.stat().st_gid), None)
    if os.geteuid() == 0:
        group = 65534
    if group is not None:
        os.chown(home.keys, -1, group)
    given = home.keys.stat()
    revoke_key(home, key.id)
    add_key(home, "south", None)
    status = home.keys.stat()
    assert (status.st_mode, status.st_gid) == (given.st_mode, given.st_gid)
    assert secret not in home.keys.read_text()


def test_keys_are_compared_in_constant_time_and_all_of_them(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add_key(home, "north", None)
    for _ in range(4):
        add_key(home, "south", None)
    known = Keys(read_keys(home))
    compared = []
    real = hmac.compare_digest

    def compare(left: bytes, right: bytes) -> bool:
        compared.append(len(left))
        return real(left, right)

    monkeypatch.setattr(keys.hmac, "compare_digest", compare)
    assert known.organization_of(first) == "north"
    assert known.organization_of("lic_unknown") is None
    assert compared == [32] * 10


def test_a_revoked_key_is_gone_and_the_others_stay(home: Home) -> None:
    first, second = add_key(home, "north", None), add_key(home, "north", None)
    revoked = revoke_key(home, read_keys(home)[0].id)
    assert revoked.organization_id == "north"
    known = Keys(read_keys(home))
    assert (known.organization_of(first), known.organization_of(second)) == (None, "north")
    with pytest.raises(HarnessError, match="there is no key"):
        revoke_key(home, revoked.id)


KEY = '{"id": "x", "organization_id": "north", "name": null, "created_at": "now", "sha256": %s}'


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"keys": [1]}', '{"keys": [{"id": "x"}]}', '{"keys": null}'),
        *(f'{{"keys": [{KEY % digest}]}}' for digest in ('"no hash"', "null", "5")),
    ],
)
def test_a_damaged_file_is_a_clear_error(content: str, home: Home) -> None:
    home.keys.write_text(content)
    with pytest.raises(HarnessError, match=r"keys\.json.*restore it, or remove it and make new"):
        read_keys(home)


def test_a_second_writer_is_kept_out(home: Home) -> None:
    with home.locked("keys"), pytest.raises(HarnessError, match="in use by process"):
        add_key(home, "north", None)


# From the shell


def test_add_prints_the_key_alone_and_list_and_revoke_know_it(
    sample_home: Home, tmp_path: Path, harness: Harness
) -> None:
    home = Home(tmp_path)
    (tmp_path / "published").symlink_to(sample_home.published)
    organization = "11bedd82-2ba9-473b-b755-d9bca18f55be"
    added = harness("keys", "add", "--organization", organization, "--name", "BI", home=home)
    assert added.returncode == 0, added.stderr
    secret = added.stdout.strip()
    assert added.stdout == f"{secret}\n"
    assert len(secret) > 40
    assert secret not in added.stderr
    assert "not shown again" in added.stderr

    (key,) = read_keys(home)
    listed = harness("keys", "list", home=home)
    assert [line.split() for line in listed.stdout.splitlines()] == [
        ["id", "organization", "made", "name"],
        [key.id, organization, key.created_at, "BI"],
    ]
    assert secret not in listed.stdout

    revoked = harness("keys", "revoke", key.id, home=home)
    assert revoked.stdout == f"revoked {key.id} of organization {organization}\n"
    none = harness("keys", "list", home=home)
    assert (none.returncode, none.stdout) == (0, "")
    assert "harness keys add" in none.stderr
    again = harness("keys", "revoke", key.id, home=home)
    assert (again.returncode, again.stdout) == (2, "")
    assert "harness keys list" in again.stderr


def test_add_needs_an_organization_that_is_published(
    sample_home: Home, tmp_path: Path, harness_here: Harness
) -> None:
    nothing = harness_here("keys", "add", "--organization", "x", home=Home(tmp_path))
    assert nothing.returncode == 2
    assert "harness run" in nothing.stderr
    (tmp_path / "published").symlink_to(sample_home.published)
    for arguments in ([], ["--organization", "x"]):
        process = harness_here("keys", "add", *arguments, home=Home(tmp_path))
        assert (process.returncode, process.stdout) == (2, "")
        assert "Quillfern Cloud GmbH" in process.stderr
    assert read_keys(Home(tmp_path)) == []
