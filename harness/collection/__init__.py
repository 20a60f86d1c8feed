"""The report in memory, and the JSON that the API contract promises of it.

In comes a database with the marts; out go rows, months and response bodies. It may not know whether
they are published.
"""
