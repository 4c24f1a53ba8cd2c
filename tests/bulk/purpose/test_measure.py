"""That the half for choosing comes out as docs/bulk.md says, and that the figures see what is wrong."""

import pytest

from tests.bulk.purpose import measure
from tests.bulk.purpose.samples import Sample, message


def test_no_transactional_mail_is_taken_for_promotion() -> None:
    for half in ("choose", "prove"):
        found, wrong = measure.figures(half)
        assert found["transactional found"] == 0, wrong
        assert found["promotional found"] >= 38, wrong


def test_the_figures_see_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    sale = message("Sale: 50% off", ["Save 50% on everything with code SALE50.", "Shop now, ends Sunday."], "plain")
    mistaken = [
        Sample("en x plain", promotional=False, half="choose", raw=sale),
        Sample("en y plain", True, "choose", b""),
    ]
    monkeypatch.setattr(measure, "samples", lambda half: mistaken)
    assert measure.main("choose", tell=True) == 1
    assert "en x plain: " in (shown := capsys.readouterr().out) and "en y plain: passed" in shown
