"""Running dbt on the current load, in a scratch database.

In comes a load; out go the scratch database, dbt's results and the build's record. It may not know
what is right or wrong with the result.
"""
