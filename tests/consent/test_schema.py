"""The schema and the migrations name one revision, and times keep their zone."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import sqlite

import consent.schema
from consent.schema import REVISION, UtcTime


def test_the_newest_migration_is_the_schema_s_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(consent.schema.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_times_are_kept_in_utc() -> None:
    kind, dialect = UtcTime(), sqlite.dialect()
    east = datetime(2026, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=9)))
    stored = kind.process_bind_param(east, dialect)
    assert stored == east
    assert stored is not None
    assert stored.utcoffset() == timedelta(0)
    assert kind.process_result_value(datetime(2026, 3, 4, 5, 6), dialect) == datetime(2026, 3, 4, 5, 6, tzinfo=UTC)  # noqa: DTZ001
    assert kind.process_bind_param(None, dialect) is None
    assert kind.process_result_value(None, dialect) is None
    with pytest.raises(ValueError, match="aware"):
        kind.process_bind_param(datetime(2026, 3, 4), dialect)  # noqa: DTZ001
