"""A file whose name was not UTF-8 could not be imported: the job that names it could not be written."""

import os
from pathlib import Path

import pytest

from tests.rig.imports import ACME, HEADER, desk, given, order


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_file_is_imported_whatever_its_name(tmp_path: Path, dry_run: bool) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.csv")
    path.write_text(f"{HEADER}\n{given(1)}\n")
    asked = order(filename=path.name, attestation=path.stem, dry_run=dry_run)
    with desk(tmp_path) as at:
        job = (at.importer.preview if dry_run else at.importer.start)(ACME, asked, path)
        assert (job.order.filename, job.order.attestation, job.counts.consents) == ("caf?.csv", "caf?", 1)
