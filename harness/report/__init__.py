"""The HTML report of a published version: figures, charts and the pages around them.

In comes a published version; out go pages beside it. It reads only what is published.
"""
