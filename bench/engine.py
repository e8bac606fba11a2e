"""Measures the site on the database that the environment names: `python -m bench.engine FILE MINUTES [--quick]`."""

import json
import sys
from pathlib import Path

import django


def main() -> None:
    django.setup()
    from bench.measures import measure  # needs the models

    Path(sys.argv[1]).write_text(json.dumps(measure(quick="--quick" in sys.argv, minutes=float(sys.argv[2]))))


if __name__ == "__main__":
    main()
