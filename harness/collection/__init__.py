"""The report in memory, and the JSON that the API contract promises of it.

In comes a database with the marts; out go rows, months and response bodies. A published version is
one that is named `current`: it is found here, as everybody reads it, and made elsewhere.
"""
