"""A process that writes a journal until it is killed: `python -m tests.rig.audit_writer DIRECTORY COUNT`.

Prints each reference once its decision is durable, so that a test knows what must be found again.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.rig.audit import Vault, decision, journal, outcome, reference


async def main(directory: Path, first: int) -> None:
    """Eight writers, each a decision and its outcome in turn, without end."""
    audit = journal(directory, seal=Vault().seal, clock=lambda: datetime.now(UTC))
    audit.open(version="0.1.0")

    async def write(number: int) -> None:
        while True:
            await audit.append(decision(reference(number)))
            sys.stdout.write(f"{reference(number)}\n")
            sys.stdout.flush()
            audit.note(outcome(reference(number)))
            number += 8

    await asyncio.gather(*(write(first + lane) for lane in range(8)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
