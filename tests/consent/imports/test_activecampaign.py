"""ActiveCampaign's export: what must come of each row stands beside each fixture."""

import pytest

from consent.imports.activecampaign import FORMATS
from tests.rig.import_cases import ImportCase, check, import_cases


@pytest.mark.parametrize("case", import_cases("activecampaign"), ids=lambda case: case.path.stem)
def test_each_row_comes_to_what_is_told(case: ImportCase) -> None:
    check(case, FORMATS)
