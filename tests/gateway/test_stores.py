"""Opening the registry makes what is missing, and refuses another's secrets."""

from pathlib import Path

import pytest

from config.files import ConfigError
from consent.database import WrongSecrets
from consent.keys import Secrets
from gateway.stores import Stores
from tests.rig.gateway import settings_for


def test_the_first_opening_makes_folder_secrets_and_tables(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "127.0.0.1:1")
    stores = Stores.open(settings)
    assert stores.customers.list() == ()
    assert settings.secrets_file.stat().st_mode & 0o777 == 0o600
    stores.close()
    Stores.open(settings).close()


def test_other_secrets_are_refused(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "127.0.0.1:1")
    Stores.open(settings).close()
    settings.secrets_file.unlink()
    with pytest.raises(WrongSecrets, match="is missing: bring it back"):
        Stores.open(settings)
    assert not settings.secrets_file.exists()
    Secrets.load_or_create(settings.secrets_file)
    with pytest.raises(WrongSecrets, match="copy the secrets file"):
        Stores.open(settings)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(ConfigError, match="data_dir"):
        Stores.open(settings_for(tmp_path, "127.0.0.1:1"))
