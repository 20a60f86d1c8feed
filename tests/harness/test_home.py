"""A home that is not as we leave it is named as such, with what to do, and no source is blamed."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from conftest import CASES, OnDisk, copied

from harness.cli.group import main_group
from harness.collection.answers import PATH
from harness.collection.version import published
from harness.foundation.errors import HarnessError
from harness.foundation.files import make_directory, plain_path
from harness.foundation.home import Home
from harness.foundation.versions import current_in, stage

WRITING = ["load", "run", "build", "check", "publish", "report"]
READING = ["show", "get", "serve"]


@pytest.fixture
def home(sample_home: Home, tmp_path: Path) -> Home:
    return copied(sample_home, tmp_path / "home")


def spoil(home: Home, part: str, how: str) -> str:
    """Spoil a part of the home; returns what a message must hold."""
    directory = home.path / part
    link = directory / "current"
    if how == "a file":
        shutil.rmtree(directory)
        directory.write_text("")
        return f"{directory} is a file, but the home needs a directory there; move it away"
    if how == "leads nowhere":
        shutil.rmtree(directory)
        directory.symlink_to(home.path / "gone")
        return f"{directory} is a symlink that leads nowhere"
    target = link.resolve()
    link.unlink()
    if how == "current dangles":
        link.symlink_to("20200101T000000Z-gone")
        return f"{link} points at 20200101T000000Z-gone, which is not there"
    if how == "current is a file":
        link.write_text(target.name)
        return f"{link} is a file, but must be a symlink"
    shutil.copytree(target, link)
    return f"{link} is a directory, but must be a symlink"


CURRENT = ["current dangles", "current is a file", "current is a directory"]
SPOILT = [(part, how) for part in ("raw", "published") for how in ("a file", "leads nowhere")]
SPOILT += [(part, how) for part in ("raw", "published") for how in CURRENT]


# Publishing makes `current` anew, once the build is compared with the newest version that is kept.
REFUSED = [each for each in SPOILT if each != ("published", "current dangles")]


@pytest.mark.parametrize(("part", "how"), [*REFUSED, ("scratch", "a file")])
def test_whoever_writes_is_told_what_is_wrong_with_the_home(
    part: str, how: str, home: Home
) -> None:
    expected = spoil(home, part, how)
    for command in WRITING:
        source = ["--from", str(CASES / "lago" / "raw")] if command in ("load", "run") else []
        with pytest.raises(HarnessError) as told:
            main_group.main([command, *source, "--home", str(home.path)], standalone_mode=False)
        assert expected in str(told.value), command
        assert told.value.exit_code == 2
        assert "cannot be loaded" not in str(told.value)


@pytest.mark.parametrize(("part", "how"), [each for each in SPOILT if each[0] == "published"])
def test_whoever_reads_is_told_what_is_wrong_with_the_home(part: str, how: str, home: Home) -> None:
    expected = spoil(home, part, how)
    for command in READING:
        given = [PATH] if command == "get" else []
        with pytest.raises(HarnessError) as told:
            main_group.main([command, *given, "--home", str(home.path)], standalone_mode=False)
        assert expected in str(told.value), command


def test_a_first_version_whose_making_was_killed_is_no_fault(home: Home) -> None:
    (home.published / "current").unlink()
    assert current_in(home.published) is None
    home.check()


def test_a_directory_that_cannot_be_written_is_named() -> None:
    # As another user, who may look but not write.
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    (place / "raw").mkdir()
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        if os.getuid() == 0:
            os.setuid(65534)
        else:
            place.chmod(0o555)
            (place / "raw").chmod(0o555)
        for attempt in (
            lambda: make_directory(place / "raw"),
            lambda: stage(place / "raw", "v"),
            lambda: make_directory(place / "scratch"),
            lambda: Home(place).locked().__enter__(),
        ):
            try:
                attempt()
            except HarnessError as error:
                os.write(tell, f"{error}\n".encode())
        os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    with os.fdopen(told) as lines:
        messages = lines.read().splitlines()
    place.chmod(0o755)
    (place / "raw").chmod(0o755)
    shutil.rmtree(place)
    assert len(messages) == 4
    for message in messages:
        assert "cannot be written (Permission denied): give this user the right to" in message


@pytest.mark.parametrize("name", ["plain", "a #1", "what?"])
def test_a_path_that_looks_like_a_url_has_another(name: str, tmp_path: Path) -> None:
    directory = tmp_path / name
    directory.mkdir()
    with plain_path(directory) as path:
        (path / "file").write_text("x")
        assert not {"#", "?"} & set(str(path))
    assert (directory / "file").read_text() == "x"
    assert not path.exists() or path == directory


# What killed runs leave behind


def test_whoever_writes_next_removes_what_a_killed_run_left(home: Home) -> None:
    litter = [home.raw.parent / ".20200101T000000Z-00000000" / "work", home.scratch / "tmp"]
    litter += [home.published / ".20200101T000000Z-00000000"]
    for directory in litter:
        directory.mkdir(parents=True)
        (directory / "half.parquet").write_text("half")
    (home.published / ".current").symlink_to("20200101T000000Z-00000000")
    (home.scratch / "build.json").unlink()
    (home.scratch / "collection.duckdb.wal").touch()
    before = (home.published / "current").resolve()
    for arguments in (["load", "--from", str(home.path / "nowhere")], ["build", "--threads", "1"]):
        if arguments[0] == "build":
            (home.raw / "load.json").unlink()
        with pytest.raises(HarnessError):  # it is removed before anything else is done
            main_group.main([*arguments, "--home", str(home.path)], standalone_mode=False)
        assert not [path for path in litter if path.exists()]
        assert not list(home.scratch.glob("collection.duckdb*"))
        litter[0].mkdir(parents=True)
    assert not os.path.lexists(home.published / ".current")
    assert (home.published / "current").resolve() == before


def test_a_finished_build_is_no_litter(home: Home) -> None:
    with home.locked():
        assert (home.scratch / "collection.duckdb").exists()
    with home.locked("keys"):
        pass


def test_a_disk_that_a_killed_load_has_filled_is_cleared(on_disk: OnDisk) -> None:
    litter = "home/raw/.20200101T000000Z-00000000"
    process = on_disk(
        "8m",
        f"mkdir -p {litter} && {{ ! head -c 9M /dev/zero > {litter}/invoices.parquet; }}"
        ' && "$0" -m harness load --from sample --home home',
    )
    assert process.returncode == 0, process.stderr
    assert "loaded 3,014 invoices" in process.stdout


def test_raw_and_scratch_are_their_owners_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.locked():
        pass
    for directory in (home.raw.parent, home.scratch):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        # As an earlier version has left it.
        directory.chmod(0o755)
    with home.locked():
        pass
    assert {stat.S_IMODE(each.stat().st_mode) for each in (home.raw.parent, home.scratch)} == {
        0o700
    }


def test_what_is_published_follows_the_umask(sample_home: Home) -> None:
    umask = os.umask(0)
    os.umask(umask)
    version = published(sample_home).path
    assert stat.S_IMODE(version.stat().st_mode) == 0o777 & ~umask
    assert stat.S_IMODE((version / "manifest.json").stat().st_mode) == 0o666 & ~umask
