"""Landing the tables of a source as Parquet: all of them, or none where one is unfit.

In comes a source; out goes the current load in the home, with its record. It may not know what
dbt or a report makes of it.
"""
