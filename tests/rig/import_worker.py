"""An import in a process of its own, to be killed: python -m tests.rig.import_worker FOLDER URL FILE BLOCK.

Prints a line after each step, and goes on when it gets one (or when nobody is there to send one). The second process
reads the file, however small it is.
"""

import sys
from pathlib import Path

from consent.import_jobs import Job
from consent.importer import Hooks
from tests.rig.imports import ACME, desk, order


def main(folder: str, url: str, file: str, block: str) -> None:
    """Import `file` into the registry at `url`, `block` rows in a transaction."""

    def on_progress(job: Job) -> None:
        print(job.phase, job.done, flush=True)
        sys.stdin.readline()

    with desk(Path(folder), url, small_file=0, block=int(block)) as at:
        at.importer.start(ACME, order(), Path(file), Hooks(on_progress))


if __name__ == "__main__":
    main(*sys.argv[1:])
