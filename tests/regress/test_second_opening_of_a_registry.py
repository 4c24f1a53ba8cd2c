"""A registry that was opened a second time in one process lost the locks of the first: another process then deleted the
write-ahead log beneath it, and a gateway never saw what commands recorded."""

import subprocess
import sys
from pathlib import Path

from consent.database import Database
from tests.rig import registry

OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("INSERT INTO customers (id, document, status, reason, applied, change) VALUES ('x', '{}', '', '', '', 1)")
connection.commit()
connection.close()
"""


def test_what_another_process_writes_is_seen_afterwards(tmp_path: Path) -> None:
    with registry.sqlite(tmp_path) as first:
        file = first.file
        assert file is not None
        reading = first.raw()
        assert reading.execute("SELECT count(*) FROM customers").fetchone() == (0,)
        second = Database(f"sqlite:///{file}")
        second.upgrade()
        subprocess.run([sys.executable, "-c", OTHER, str(file)], check=True, timeout=120)
        assert file.with_name(f"{file.name}-wal").exists()
        assert reading.execute("SELECT count(*) FROM customers").fetchone() == (1,)
        reading.close()
        second.close()
