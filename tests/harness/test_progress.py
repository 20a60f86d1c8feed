"""Progress: a bar on a terminal, a line now and then elsewhere."""

import io
import json
from contextlib import redirect_stderr
from pathlib import Path

import duckdb
import pytest

from harness.build.dbt import Run
from harness.foundation.progress import Progress, watching


class Terminal(io.StringIO):
    """What a terminal was told."""

    def isatty(self) -> bool:
        return True


def event(node: str, **data: object) -> str:
    facts = {"node_info": {"node_name": node}, "total": 4, **data}
    return json.dumps({"info": {"msg": f"about {node}"}, "data": facts}) + "\n"


def test_dbts_messages_become_a_bar() -> None:
    run, progress = Run(), Progress(shown=0)
    with redirect_stderr(Terminal()) as terminal:
        run.show(progress)
        messages = event("a") + event("b") + event("a", execution_time=0.1) + "no JSON\n"
        run.listen(io.StringIO(messages))
        progress.shown = 0
        run.show(progress)
    reading, building = (part.strip() for part in terminal.getvalue().split("\r")[1:])
    assert reading == "[..........]   0%, 0 s, reading the project"
    assert building.startswith(
        "[##........]  25%, 0 s, 0 s left, 1 of 4 models, seeds and tests, now b"
    )
    assert run.messages == ["about a", "about b", "about a", "no JSON"]


def test_a_long_query_shows_how_much_of_it_is_done(tmp_path: Path) -> None:
    rows, file = 4_000_000, tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"copy (from range({rows}) as ids (id)) to '{file}' (format parquet)")
        hashed = f"select md5(cast(id as varchar)) as hashed from '{file}'"
        with redirect_stderr(Terminal()) as terminal, watching(connection, "landing rows", rows):
            connection.execute(f"copy ({hashed}) to '{file}.hashed' (format parquet)")
    *shown, cleared = terminal.getvalue().split("\r")[1:-1]
    assert any(", landing rows, " in line and " rows a second" in line for line in shown), shown
    assert all(", landing rows" in line for line in shown)
    assert not cleared.strip()


def test_without_a_terminal_there_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress()
    progress.show(0.25, ", working")
    progress.shown -= 10
    progress.show(0.05, ", working")
    progress.end()
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "[..........]   5%, 0 s, working"


@pytest.mark.parametrize("columns", [80, 20])
def test_the_bar_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with redirect_stderr(Terminal()) as terminal:
        Progress(shown=0).show(0.5, f", {'work' * 30}")
    (line,) = terminal.getvalue().split("\r")[1:]
    assert len(line) == columns - 1
