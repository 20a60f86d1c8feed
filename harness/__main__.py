"""`python -m harness` is the same as `harness`."""

from harness.cli.main import main

main()
