"""What every room stands on: the home and its files, errors, progress, limits of the machine.

In come paths and messages; nothing about invoices. It may not import any other room.
"""
