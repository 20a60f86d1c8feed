"""Where Lago's tables come from: files, saved responses, Lago's API, Lago's database.

In comes what --from names; out go the rows of a table for DuckDB to read, with their columns. It
may not know what becomes of them.
"""
