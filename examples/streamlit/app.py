"""A page of Streamlit on what a run has published.

    pip install streamlit duckdb==1.5.5
    LAGO_COLLECTION_HOME=warehouse streamlit run examples/streamlit/app.py

A new version is there at the next interaction, as each query opens the file anew: `st.connection`
and `st.cache_data` would stay at the version that they saw first.
"""

import os
from pathlib import Path
from typing import Any

import duckdb
import streamlit as st

HOME = Path(os.environ.get("LAGO_COLLECTION_HOME", "warehouse"))
DATABASE = HOME / "published" / "current" / "invoice_collection.duckdb"


def rows(query: str, *parameters: object) -> Any:
    """The rows of a query as a data frame."""
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        return connection.execute(query, parameters).df()


st.title("Invoice collection")
names = rows("select organization_id, organization_name from organizations order by 2, 1")
titles = dict(zip(names["organization_id"], names["organization_name"], strict=True))
organization = st.selectbox("Organization", titles, format_func=lambda id_: titles[id_] or id_)
# One currency at a time: amounts of different ones must never be added up.
codes = rows(
    "select distinct currency from invoice_collection where organization_id = ? order by 1",
    organization,
)
currency = st.selectbox("Currency", codes["currency"])
if currency:
    by_month = rows(
        "select strftime(month, '%Y-%m') as month, payment_status,"
        " amount_cents / subunits_per_unit as amount from invoice_collection"
        " join currencies using (currency) where organization_id = ? and currency = ? order by 1",
        *(organization, currency),
    )
    st.bar_chart(by_month, x="month", y="amount", color="payment_status")
    st.subheader("To be collected")
    st.dataframe(
        rows(
            "select invoice_number, customer_name, payment_due_date, days_past_due, payment_status,"
            " due_amount_cents / subunits_per_unit as due from uncollected_invoices"
            " join currencies using (currency) where organization_id = ? and currency = ?"
            " order by due desc",
            *(organization, currency),
        )
    )
