"""The HTTP API over the published version, and the keys that open it.

In come requests; out go the answers of `harness.collection`. It reads only what is published.
"""
