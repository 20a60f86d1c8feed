"""What stands between a build and its publication: dbt's tests, fixtures, contract, accounting.

In comes a build; out go findings, as text, JSON or JUnit, and the record that publishing asks for.
"""
