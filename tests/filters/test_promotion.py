"""Whether a message's primary purpose is promotion. How well in figures: tests/bulk/purpose/measure.py."""

from textwrap import wrap
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from filters.message import Message
from filters.promotion import MOST_TEXT, promotion
from tests.bulk.purpose.samples import message

ORDER = [
    "Hi Laura, thank you for your order. We will write again when it leaves our warehouse.",
    "Order number: 4417-20938, placed on 18 November 2026",
    "- Walnut desk lamp | 1 | £49.00",
    "- Total | | £53.95",
    "Delivery address: Laura Finch, 8 Mill Lane, Leeds",
]
RESET = [
    "We received a request to reset the password for your account.",
    "> Reset password | https://id.acme.example/reset/9f31",
    "If you did not ask for this, you can ignore this message; your password stays as it is.",
]
ADVERT = [
    "! Winter sale",
    "Save 25% on all kitchenware this week with code KITCHEN25, online and in our shops.",
    "! Kettle",
    "Steel kettle, was £45.00, now £29.99. Add to basket: https://shop.example/kettle",
    "! Pan",
    "Cast iron pan, only £39.00, the bestseller of the season and a joy for every cook at home.",
    "> Shop now | https://shop.example/kitchen",
    "Hurry, offer ends Sunday at midnight. Free shipping on all orders over £30.",
]
FOOTER = ["~ Unsubscribe: https://shop.example/u. Acme Ltd, 1 High Street, Exampletown"]


def why(subject: str, *blocks: str, form: str = "html") -> str:
    """The first word of the evidence; "" where it is no promotion."""
    found = promotion(Message(message(subject, list(blocks), form)))
    return found.evidence.partition(":")[0] if found else ""


@pytest.mark.parametrize("form", ["plain", "html"])
def test_each_ground_of_the_test(form: str) -> None:
    assert why("News from Acme", *ADVERT, *FOOTER, form=form) == "nothing else"
    assert why("Your order 4417", *ORDER[:2], *ADVERT, *FOOTER, form=form) == "most of it"
    assert why("Your order, plus 50% off your next one", *ORDER, *ADVERT[1:4], *FOOTER, form=form) == "subject"
    assert why("Your order 4417", *ADVERT[:4], *ORDER, *FOOTER, form=form) == "first"


@pytest.mark.parametrize("form", ["plain", "html"])
def test_what_is_called_for_stays_so(form: str) -> None:
    assert not why("Your order 4417", *ORDER, form=form)
    assert not why("Your order 4417", *ORDER, *ADVERT[3:4], *FOOTER, form=form)
    assert not why("Reset your password", *RESET, form=form)
    assert not why("Reset your password", *RESET, *ADVERT[1:4], *FOOTER, form=form)
    assert not why(
        "Reset your password",
        "Choose one on this page within the hour, it works once: https://a.example/r",
        *ADVERT[1:2],
        form=form,
    )


def test_a_subject_that_sells_above_a_text_that_does_not_is_no_promotion() -> None:
    assert not why("50% off, shop now", *ORDER, *FOOTER)
    assert not why("50% off, shop now", "Hello")


def test_a_discount_within_a_bill_is_part_of_the_bill() -> None:
    bill = [*ORDER[:3], "- Discount 20% off (voucher SAVE20) | | -£9.80", "- Free shipping | | £0.00", *ORDER[3:]]
    assert not why("Your order 4417", *bill)
    assert why(
        "Your order 4417", *ORDER[:1], "Discount 20% off with voucher code SAVE20 until Sunday. Shop now", *ADVERT
    )


def test_a_voucher_that_was_bought_or_is_owed_is_no_promotion() -> None:
    for text in (
        "Here is the gift card you bought. Code: GH7K-22PL. Order number 9004-17. Redeem it with your next order.",
        "Because of your return 2290-1 we send you a voucher code, VR-1. Redeem it with your next purchase.",
    ):
        assert not why("Your voucher", text)


def test_what_is_hidden_or_quoted_does_not_count() -> None:
    sells = "Save 25% with code KITCHEN25. Shop now, offer ends Sunday. Was £60, now £39."
    page = f"<p>Order number 4417-20938</p><p>See you soon</p><div style='display:none'>{sells * 9}</div>"
    assert promotion(Message(_raw(page, "html"))) is None
    quoted = "\r\n".join(["I never ordered this, please see below.", *[f"> {sells}"] * 9])
    assert promotion(Message(_raw(quoted, "plain"))) is None
    assert promotion(Message(_raw(quoted.replace("> ", ""), "plain"))) is not None


def test_of_alternatives_the_one_that_is_shown_is_read() -> None:
    parts = {"plain": " ".join(ORDER), "html": "".join(f"<p>{each}</p>" for each in ADVERT)}
    raw = "Content-Type: multipart/alternative; boundary=b\r\n\r\n"
    for kind, text in parts.items():
        raw += f"--b\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{text}\r\n"
    assert promotion(Message(f"{raw}--b--\r\n".encode())) is not None


def test_plain_text_may_be_wrapped_anywhere() -> None:
    text = (
        "Dear friends of our house, this week we take half off the price of all chairs. You save 25% with the code NOW25, "
        "and the offer ends on Sunday. Go to our site and shop now, while stocks last and the snow is falling."
    )
    whole = promotion(Message(_raw(text, "plain")))
    assert whole is not None
    for width in (60, 66, 72, 78):
        assert promotion(Message(_raw("\r\n".join(wrap(text, width)), "plain"))) == whole


def test_accents_and_letters_without_width_make_no_difference() -> None:
    plain = why(
        "Les soldes commencent", "Profitez de -50 % sur la nouvelle collection, jusqu'à dimanche. Achetez vite !"
    )
    assert plain
    assert plain == why("Les soldes commencent", "PROFITEZ de -50\u00a0% sur la nou\u200bvelle col\u00adlection, jusqu’a\u0300 dimanche. Achetez vite !")  # fmt: skip


def test_one_to_one_mail_that_names_a_discount_is_none() -> None:
    text = "Hi Tom, we can offer you a 10% discount on the order if you take all three. Tell me by Friday? Best, Ann"
    assert not why("Re: quote", text, form="plain")


def test_evidence_holds_counts_and_nothing_of_the_content() -> None:
    found = promotion(Message(message("Kettles for Laura", [*ADVERT, *FOOTER], "html")))
    assert found is not None and found.evidence.isascii()
    for word in ("kettle", "laura", "kitchen", "basket", "29", "http"):
        assert word not in found.evidence.lower()
    assert "% of" in found.evidence and "pictures 3" in found.evidence


def test_what_stands_behind_the_bound_is_not_looked_at() -> None:
    neutral = "We wish you a pleasant week in the mountains.\r\n" * (MOST_TEXT // 40)
    assert promotion(Message(_raw(neutral + "\r\n".join(ADVERT), "plain"))) is None


def _raw(text: str, kind: str) -> bytes:
    return f"From: a@acme.example\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{text}\r\n".encode()


PIECES = st.sampled_from(
    [
        *ORDER,
        *RESET,
        *ADVERT,
        *FOOTER,
        "<a href=x><img src=y>",
        "</a>",
        "<p>",
        "<",
        "&#0;",
        "\0",
        "\ufdfa",
        "\ud83d\ude00",
        "50 %",
        "50% off",
        "total",
        ">",
        "\r\n",
        "https://",
        "\u0301",
    ]
).map(lambda text: text.encode("utf-8", "replace").decode())


@given(st.lists(PIECES, max_size=12), st.sampled_from(["plain", "html"]), st.text(max_size=30))
@example([], "html", "")
def test_it_always_says_one_or_the_other(pieces: list[str], kind: str, subject: str) -> None:
    head = f"Subject: {' '.join(subject.split())}\r\n".encode("utf-8", "replace")
    found = promotion(Message(head + _raw("\r\n".join(pieces), kind)))
    assert found is None or found.evidence.startswith(("subject", "nothing else", "most of it", "first"))


@given(st.binary(max_size=400), st.sampled_from([b"", b"Subject: ", b"Content-Type: text/html\r\n\r\n", b"\r\n"]))
def test_whatever_stands_there_it_says_why_or_nothing(raw: bytes, before: bytes) -> None:
    found = promotion(Message(before + raw))
    assert found is None or found.evidence.startswith(("subject", "nothing else", "most of it", "first"))


@pytest.mark.parametrize(
    "piece", ["10% ", "order number ", "1 ", "save a b ", "<p>x", "\ufdfa", "a\u0301", "Sale shop now! "]
)
def test_its_time_is_bounded(piece: str) -> None:
    """What is beyond the bounds costs only its decoding and parsing."""

    def spent(octets: int) -> float:
        raw = _raw(piece * (octets // len(piece.encode())), "html")
        times = []
        for _ in range(2):
            begun = process_time()
            promotion(Message(raw))
            times.append(process_time() - begun)
        return min(times)

    assert spent(320_000) < 40 * max(spent(20_000), 0.01)
