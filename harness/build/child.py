"""dbt in a process that ends with the one that started it, however that one ends.

Standard input is a pipe that the harness alone holds. It closes with the harness, be that killed.
"""

import gc
import os
import threading


def main() -> None:
    """Run dbt with the arguments of this process; end at once when standard input does."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    # Looked for as often as usual, objects to be freed take a tenth of dbt's time.
    gc.set_threshold(100_000, 50, 50)
    from dbt.cli.main import cli

    cli()


def _end_with_input() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
