"""The HTML report of a published version: figures, charts and the page around them.

In comes a published version; out goes one file beside it. It reads only what is published.
"""
