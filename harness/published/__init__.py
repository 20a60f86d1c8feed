"""What is published: making a version current, showing it, comparing it with Lago's own answer.

In comes a checked build; out go a version's files and tables. It may not know how it was loaded.
"""
