"""Whether a PostgreSQL server lets its user read all rows of Lago's tables."""

from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.sources.formats import literal
from harness.sources.tables import TABLES

# The tables that are read under policies which may hide rows, and what a view or a materialized
# view of them reads as its owner, or, where it says so, as whoever reads the view.
_SECURED = """
with recursive

read as (
    select pg_class.oid, cast(null as oid) as reader
    from pg_catalog.pg_class
    inner join pg_catalog.pg_namespace on pg_namespace.oid = pg_class.relnamespace
    where pg_namespace.nspname = {schema} and pg_class.relname in ({tables})

    union

    select
        pg_depend.refobjid,
        case
            when not exists (
                select from pg_catalog.pg_options_to_table(pg_class.reloptions)
                where option_name = 'security_invoker' and option_value ~* '^(t|y|on|1)'
            ) then pg_class.relowner
        end
    from read
    inner join pg_catalog.pg_class on pg_class.oid = read.oid and pg_class.relkind in ('v', 'm')
    inner join pg_catalog.pg_rewrite
        on pg_rewrite.ev_class = pg_class.oid and pg_rewrite.ev_type = '1'
    inner join pg_catalog.pg_depend
        on pg_depend.classid = cast('pg_catalog.pg_rewrite' as regclass)
        and pg_depend.objid = pg_rewrite.oid
        and pg_depend.refclassid = cast('pg_catalog.pg_class' as regclass)
        and pg_depend.refobjid <> pg_class.oid
)

select distinct
    format('%s.%s', pg_namespace.nspname, pg_class.relname) as table_name,
    cast(coalesce(pg_roles.rolname, current_user) as text) as reader
from read
inner join pg_catalog.pg_class on pg_class.oid = read.oid
inner join pg_catalog.pg_namespace on pg_namespace.oid = pg_class.relnamespace
left join pg_catalog.pg_roles on pg_roles.oid = read.reader
where case
    when read.reader is null then row_security_active(read.oid)
    else
        pg_class.relrowsecurity
        and not pg_roles.rolsuper
        and not pg_roles.rolbypassrls
        and (pg_class.relforcerowsecurity
            or not pg_has_role(read.reader, pg_class.relowner, 'USAGE'))
end
order by table_name, reader
"""


def check_row_security(connection: DuckDBPyConnection, schema: str, place: str) -> None:
    """Raise HarnessError where policies may hide rows: those that are left would look like all.

    Customers alone may be hidden: they only give names. Views are looked through, in their owner's
    eyes or in the user's own. What a view reads through
    a function or a foreign table cannot be seen.
    """
    counted = [literal(table) for table in TABLES if table != "customers"]
    sql = _SECURED.format(schema=literal(schema), tables=", ".join(counted))
    found = connection.execute("from postgres_query('lago', ?)", [sql]).fetchall()
    if found:
        tables = ", ".join(dict.fromkeys(table for table, _ in found))
        readers = " and ".join(dict.fromkeys(reader for _, reader in found))
        raise HarnessError(
            f"{place}: row-level security is in force on {tables} for the user {readers}, so rows "
            "may be hidden and the figures too low; load as a user with BYPASSRLS, or as the "
            "tables' owner where row-level security is not forced on it, or name with --schema "
            "views that such a user owns"
        )
