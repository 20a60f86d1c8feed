"""The door: what people type becomes calls, and what is raised becomes a message and an exit code.

In come arguments; out go lines and exit codes. It knows every other room; none of them knows it.
"""
