"""What encoded words hold, and what is wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import words

PIECES = st.lists(
    st.sampled_from(
        [b"=?", b"?=", b"utf-8", b"utf-16", b"iso-2022-jp", b"x", b"?q?", b"?B?", b"=00", b"=3D", b"YQ", b"==", b" ",
         b"?", b"*de", b"\xff", b"\r\n", b"<a@b.example>"]
    ),
    max_size=24,
).map(b"".join)  # fmt: skip


@given(PIECES | st.binary(max_size=60))
def test_nothing_raises(value: bytes) -> None:
    assert isinstance(words.decoded(value), bytes)
    assert isinstance(words.fault(value), str | None)
    assert isinstance(words.control(value), str | None)


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="=?"), max_size=60))
def test_text_without_encoded_words_is_left_alone(text: str) -> None:
    value = text.encode()
    assert (words.decoded(value), words.fault(value), words.control(value)) == (value, None, None)


@pytest.mark.parametrize(
    ("value", "held"),
    [
        (b"=?utf-8?q?J=C3=B6rg_X?= <a@b.example>", "Jörg X <a@b.example>"),
        (b"=?utf-8?b?SsO2?= =?utf-8?b?cmc?=", "Jörg"),
        (b"=?utf-8*de?Q?x?=", "x"),
        (b"=?Shift_JIS?B?lFyCoA==?=", "能あ"),
        (b"=?iso-2022-jp?b?GyRCOzNFRBsoQg==?=", "山田"),
        (b"=?utf-16?b?YQA8AA==?=", "a<"),
        (b"=?gb-none?q?x=1B?=", "x"),
        (b"=?utf-16?q?=3Ca=40b=2Eexample=3E?=", "<a@b.example>"),
        (b"=?utf-7?q?+ADw-a?=", "+ADw-a <a"),
        (b"=?utf-8?b?Y?=", ""),
        (b"=?utf-8?b?Y*W=Jj?=", "abc"),
        (b"=?utf-8?b?YWJjQ?=", "abc"),
        (b"a =?utf-8?q?b?= c", "a b c"),
    ],
)
def test_a_reader_sees(value: bytes, held: str) -> None:
    assert words.decoded(value).decode() == held


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (b"=?utf-8?q?a=00b?=", "NUL"),
        (b"x =?utf-8?b?YQpi?=", "LF"),
        (b"=?utf-8?q?a=7F?=", "DEL"),
        (b"=?utf-8?q?a=0Bb?=", "octet 0B"),
        (b"=?utf-8?q?a=0D=0A?=", None),
        (b"=?utf-8?q?a=09b?=", None),
        (b"=?iso-2022-jp?b?GyRCOzNFRBsoQg==?=", None),
        (b"=?utf-16?b?YQA8AA==?=", None),
    ],
)
def test_control_octets_are_named(value: bytes, what: str | None) -> None:
    assert words.control(value) == what


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (b"=?utf-8?q?a", "broken encoded word"),
        (b"=?utf-8?x?a?=", "broken encoded word"),
        (b"=?utf-8?q?a b?=", "broken encoded word"),
        (b"=?utf-8?b?YQ=b?=", "encoded word whose base64 is none"),
        (b"=?utf-8?q?=3D=3Fa=3Fq=3Fb=3F=3D?=", "encoded word within an encoded word"),
        (b"=?utf-8?q?a=00?=", "encoded word that holds NUL"),
        (b"=?utf-8?b?YQ?=", None),
        (b"1 =? 2, a?=b", None),
        (b"=?utf-8?q?a?==?utf-8?q?b?=", None),
    ],
)
def test_what_is_wrong(value: bytes, wrong: str | None) -> None:
    assert words.fault(value) == wrong
