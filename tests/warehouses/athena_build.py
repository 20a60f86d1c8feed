"""Builds the project with dbt-athena on DuckDB, in the environment of `make test-warehouses`.

    python athena_build.py DIRECTORY [LAGO_TABLES] -- ARGUMENTS

as bigquery_build.py. Athena has Trino's SQL for queries, and Hive's for some of the DDL.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import trino_build
from dbt.adapters.athena.impl import AthenaAdapter
from stand_in import Result
from translated import CATALOG, Translated, build

_UPLOADED = re.compile(
    r"\s*create external table `(\w+)`\.`(\w+)` \(.*location '([^']+)'.*", re.DOTALL
)
_PROPERTIES = re.compile(r"\s*alter table \S+ set tblproperties .*", re.DOTALL)


class Athena(Translated):
    """A database that takes Athena's SQL; its objects in S3 are files of a directory."""

    def run(self, sql: str, bindings: Sequence[Any] | None = None) -> Result:
        statement = re.sub(r"/\*.*?\*/|^\s*--.*?$", "", sql, flags=re.DOTALL | re.MULTILINE)
        if _PROPERTIES.fullmatch(statement):
            return Result((), [])
        if uploaded := _UPLOADED.fullmatch(statement):
            schema, name, place = uploaded.groups()
            self.connection.execute(
                f"create table {schema}.{name} as from read_csv('{place}', header = true,"
                " all_varchar = true, nullstr = 'nothing is null', quote = '\"')"
            )
            return Result((), [])
        return super().run(statement, bindings)

    def drop(self, relation: Any) -> None:
        """What Glue does where dbt drops a relation."""
        name = f"{CATALOG}.{relation.schema}.{relation.identifier}"
        self.connection.execute(f"drop table if exists {name}")


def upload(_: Any, relation: Any, table: Any, *__: Any, **___: Any) -> str:
    """Writes a seed as dbt-athena does, where S3 would have it."""
    place = Path(mkdtemp()) / f"{relation.identifier}.csv"
    table.to_csv(str(place), quoting=csv.QUOTE_NONNUMERIC)
    return str(place)


def main() -> None:
    """Builds, and writes the results."""
    athena = Athena("athena", trino_build.mended, trino_build.NAMES)
    athena.connection.execute(trino_build.FUNCTIONS)
    run = {"rowcount": 0, "data_scanned_in_bytes": 0}
    replaced = {
        "upload_seed_to_s3": upload,
        "delete_from_glue_catalog": lambda _, relation: athena.drop(relation),
        "_run_query": lambda _, sql: SimpleNamespace(result=athena.run(sql), **run),
        "generate_s3_location": lambda *_, **__: "s3://none/none",
        "is_work_group_output_location_enforced": lambda _: False,
        **dict.fromkeys(
            (
                *("get_glue_table_type", "clean_up_table", "delete_from_s3"),
                *("persist_docs_to_glue", "expire_glue_table_versions"),
                "add_lf_tags_to_database",
            ),
            lambda *_, **__: None,
        ),
    }
    for name, function in replaced.items():
        function._is_available_ = True
        setattr(AthenaAdapter, name, function)
    build(athena, "athena", AthenaAdapter)


if __name__ == "__main__":
    main()
