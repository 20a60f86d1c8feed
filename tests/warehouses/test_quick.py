"""The models of the sample alone, without their tests: what can run at every push."""

from pathlib import Path

import pytest
from engines import BY_CUSTOMER, SAMPLE_AS_OF, Marts, differences
from warehouses import build


@pytest.mark.parametrize("engine", ["bigquery", "snowflake"])
def test_the_models_give_duckdbs_marts(engine: str, duckdb_sample: Marts, tmp_path: Path) -> None:
    variables = {"lago__as_of_date": SAMPLE_AS_OF, **BY_CUSTOMER}
    only = ("--resource-type", "seed", "--resource-type", "model")
    assert not differences(duckdb_sample, build(engine, tmp_path, variables, *only).good_marts())
