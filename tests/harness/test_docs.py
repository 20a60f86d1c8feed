"""What the documents say, tried."""

from pathlib import Path

from conftest import Harness

from harness.home import PROJECT, Home


def test_the_worked_example_of_the_rules_is_right(tmp_path: Path, harness: Harness) -> None:
    text = (PROJECT / "docs" / "rules.md").read_text()
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.partition("## A worked example")[2].splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    assert len(lines) == 8
    source = tmp_path / "source"
    source.mkdir()
    (source / "organizations.csv").write_text("id,created_at\no,2026-01-31 23:30:00\n")
    header = "id,status,payment_status,issuing_date,currency,total_amount_cents,organization_id"
    rows = [",".join([*line[:6], "o"]) for line in lines]
    (source / "invoices.csv").write_text("\n".join([header, *rows]) + "\n")
    home = Home(tmp_path / "home")

    process = harness("run", "--from", source, "--as-of", "2026-03-10", home=home)
    assert process.returncode == 0, process.stderr

    answer = harness("get", "/api/v1/analytics/invoice_collection", home=home).stdout
    assert answer == (
        '{"invoice_collections":['
        '{"month":"2026-01-01T00:00:00.000Z","payment_status":"succeeded",'
        '"invoices_count":1,"amount_cents":1000,"currency":"EUR"},'
        '{"month":"2026-02-01T00:00:00.000Z","invoices_count":0,"amount_cents":0},'
        '{"month":"2026-03-01T00:00:00.000Z","payment_status":"pending",'
        '"invoices_count":1,"amount_cents":700,"currency":"JPY"},'
        '{"month":"2026-03-01T00:00:00.000Z","payment_status":"succeeded",'
        '"invoices_count":2,"amount_cents":200,"currency":"EUR"}]}\n'
    )
    assert "8 raw = 4 collected + 4 excluded" in process.stderr
    assert "data fault: invalid_issuing_date: 1 invoice" in process.stderr
