"""Header blocks that take long: shapes for which parsers and patterns are known to take more than linear time.

Each is a function of a number of octets to a header block of about that size. The edge lets 256 KiB in, of lines of any
length, and 2,000 fields; a rule must bear what comes to it.
"""

from collections.abc import Callable

_K = 1024
_FROM = b"From: ann@acme.example\r\n"
_ANN = b" <ann@acme.example>"
_SPEC = b'" <ann@acme.example>'


def _one(name: bytes, unit: bytes, size: int, tail: bytes = _ANN, head: bytes = b"") -> bytes:
    """One field, filled with a unit."""
    return name + b": " + head + (unit * (size // len(unit) + 1))[:size] + tail + b"\r\n"


def _many(name: bytes, unit: bytes, size: int) -> bytes:
    """Fields of one name and 16 KiB each, filled with a unit."""
    field = _one(name, unit, 16 * _K)
    return field * max(1, size // len(field))


_PARSED = (b"From", b"Sender", b"Resent-From", b"Resent-Sender", b"Return-Path")


def _small(value: bytes) -> bytes:
    """All fields that are parsed as addresses, each with the same short value."""
    return b"".join(name + b": " + value + b"\r\n" for name in _PARSED)


def _different() -> bytes:
    """The same, no two mailboxes of which have one domain."""
    letters, fields = "àáâãäåæçèéêëìíîïñòóôõöùúûüý", []
    for at, name in enumerate(_PARSED):
        domains = (letters[each % 26] + letters[3 * at + each // 26] for each in range(64))
        fields.append(name + b": " + "".join(f"a@{domain}.example," for domain in domains).encode() + b"<a@b.example>")
    return b"\r\n".join([*fields, b""])


SHAPES: dict[str, Callable[[int], bytes]] = {
    "From of many mailboxes": lambda n: _one(b"From", b"Ann <ann@acme.example>, ", n),
    "From of bare mailboxes": lambda n: _one(b"From", b"a@b.example,", n),
    "From nested comments": lambda n: _one(b"From", b"(", n // 2, b")" * (n // 2) + b" <ann@acme.example>"),
    "From open comments": lambda n: _one(b"From", b"(", n),
    "From many comments": lambda n: _one(b"From", b"(a)", n),
    "From quotes": lambda n: _one(b"From", b'"', n),
    "From backslashes": lambda n: _one(b"From", b"\\", n),
    "From open angle": lambda n: _one(b"From", b"<", n),
    "From @": lambda n: _one(b"From", b"@", n),
    "From a@": lambda n: _one(b"From", b"a@", n),
    "From colons": lambda n: _one(b"From", b"a:", n),
    "From spaces": lambda n: _one(b"From", b" ", n),
    "From <@": lambda n: _one(b"From", b"<@", n),
    "From =?": lambda n: _one(b"From", b"=?", n),
    "From words q": lambda n: _one(b"From", b"=?utf-8?q?=41=42?= ", n),
    "From words tiny": lambda n: _one(b"From", b"=?a?q??=", n),
    "From words b": lambda n: _one(b"From", b"=?utf-8?b?QUJD?= ", n),
    "From one huge word q": lambda n: _one(b"From", b"=41", n, b"?= <ann@acme.example>", b"=?utf-8?q?"),
    "From one huge word b": lambda n: _one(b"From", b"QUJD", n, b"?= <ann@acme.example>", b"=?utf-8?b?"),
    "From huge word utf-7": lambda n: _one(b"From", b"QUJD", n, b"?= <ann@acme.example>", b"=?utf-7?b?"),
    "From huge word iso-2022-jp": lambda n: _one(b"From", b"QUJD", n, b"?= <ann@acme.example>", b"=?iso-2022-jp?b?"),
    "From word iso2022jp esc": lambda n: _one(b"From", b"=1B$B", n, b"?= <ann@acme.example>", b"=?iso-2022-jp?q?"),
    "From nested words": lambda n: _one(b"From", b"=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= ", n),
    "From utf8 name": lambda n: _one(b"From", "ü".encode(), n // 2),
    "From combining": lambda n: _one(b"From", "\u0301\u0327".encode(), n),
    "From combining after base": lambda n: _one(b"From", b"a" + "\u0301\u0327\u0316".encode() * 5000, n),
    "From combining mixed 1 base": lambda n: _one(b"From", "\u0327\u0301".encode(), n, head=b"a"),
    "From ligature NFKC": lambda n: _one(b"From", "\ufdfa".encode(), n),
    "From ligature @": lambda n: _one(b"From", "\ufdfa@".encode(), n),
    "From rlo": lambda n: _one(b"From", "\u202e".encode(), n),
    "From rlo a": lambda n: _one(b"From", "\u202e1".encode(), n),
    "From zwj": lambda n: _one(b"From", "\u200d".encode(), n),
    "From lrm": lambda n: _one(b"From", "\u200e".encode(), n),
    "From tags": lambda n: _one(b"From", "\U000e0041".encode(), n),
    "From many addresses in name": lambda n: _one(b"From", b"x@y.example ", n, b'" <ann@acme.example>', b'"'),
    "From many ü@ in name": lambda n: _one(b"From", "ü@y.example ".encode(), n, b'" <ann@acme.example>', b'"'),
    "From name of @ dots": lambda n: _one(b"From", b"x@", n, b'" <ann@acme.example>', b'"'),
    "From name @aaaa": lambda n: _one(b"From", b"x@" + b"a" * 200 + b".de ", n, b'" <ann@acme.example>', b'"'),
    "From name via": lambda n: _one(b"From", b"bob@evil.example via ", n, b'" <ann@acme.example>', b'"'),
    "From name on behalf": lambda n: _one(b"From", b"on behalf of x@y.example ", n, b'" <ann@acme.example>', b'"'),
    "From domain long": lambda n: _one(b"From", b"a.", n, b"example", b"ann@"),
    "From xn domain": lambda n: _one(b"From", b"xn--80ak6aa92e.", n, b"example", b"ann@"),
    "Reply-To many domains": lambda n: (
        _FROM + b"Reply-To: " + b",".join(b"a@d%d.example" % i for i in range(n // 16)) + b"\r\n"
    ),
    "Reply-To many idn domains": lambda n: (
        _FROM + b"Reply-To: " + b",".join(f"a@д{i}ж.example".encode() for i in range(n // 18)) + b"\r\n"
    ),
    "Reply-To many long idn": lambda n: (
        _FROM + b"Reply-To: " + b",".join(f"a@{f'д{i}ж.' * 20}example".encode() for i in range(n // 150)) + b"\r\n"
    ),
    "Reply-To many names": lambda n: (
        _FROM + b"Reply-To: " + b",".join(f"Jäne {i} Roe <a@d{i}.example>".encode() for i in range(n // 32)) + b"\r\n"
    ),
    "Reply-To 2000 fields": lambda n: (
        _FROM
        + b"".join(
            b"Reply-To: =?utf-8?q?J=C3=BC%d_Ro=D0=B5?= <x@xn--%d-wda.example>, =?a?b?? <@x\r\n" % (i, i)
            for i in range(n // 70)
        )
    ),
    "To many": lambda n: _FROM + _one(b"To", b"a@b.example,", n),
    "To quotes": lambda n: _FROM + _one(b"To", b'"', n),
    "To backslash quotes": lambda n: _FROM + _one(b"To", b'"\\', n),
    "To @": lambda n: _FROM + _one(b"To", b"@", n),
    "To aaa@": lambda n: _FROM + _one(b"To", b"a" * 50 + b"@", n),
    "To @xxx..": lambda n: _FROM + _one(b"To", b"@" + b"x" * n, n),
    "To <": lambda n: _FROM + _one(b"To", b"<", n),
    "To words": lambda n: _FROM + _many(b"To", b"=?utf-8?q?=41?= ", n),
    "To <...=?": lambda n: _FROM + _many(b"To", b"<", n),
    "To ?= spaces": lambda n: _FROM + _many(b"To", b"?= ", n),
    "To ?= long spaces": lambda n: _FROM + _many(b"To", b"?=" + b" " * 500, n),
    "Subject =?": lambda n: _FROM + _many(b"Subject", b"=?", n),
    "Subject =?aaa": lambda n: _FROM + _many(b"Subject", b"=?" + b"a" * 58, n),
    "Subject =?aaa?q?": lambda n: _FROM + _many(b"Subject", b"=?" + b"a" * 58 + b"?q?" + b"x" * 20, n),
    "Subject words": lambda n: _FROM + _many(b"Subject", b"=?utf-8?q?=41?= ", n),
    "Subject one b": lambda n: _FROM + _one(b"Subject", b"QUJD", n, b"?=", b"=?utf-8?b?"),
    "Subject many names of charset": lambda n: (
        _FROM + b"".join(b"Subject: =?x-%d?q?=41?=\r\n" % i for i in range(n // 30))
    ),
    "Received many": lambda n: (
        _FROM
        + (b"Received: from a.b.example by c.d.example with ESMTP id 12; Fri, 20 Nov 2026 09:30:00 +0000\r\n")
        * (n // 95)
    ),
    "Received comments": lambda n: (
        _one(b"Received", b"(", n, b" by x.example; Fri, 20 Nov 2026 09:30:00 +0000") + _FROM
    ),
    "Received opened comments": lambda n: _one(b"Received", b"(a(", n, b")") + _FROM,
    "Received many comments": lambda n: _one(b"Received", b"(a)", n, b")") + _FROM,
    "Received backslash": lambda n: _one(b"Received", b"(\\", n, b")") + _FROM,
    "Received words": lambda n: _one(b"Received", b"a ", n, b")") + _FROM,
    "Received qmail": lambda n: _one(b"Received", b"(qmail 1 invoked by uid ", n, b"") + _FROM,
    "Received by x.x.x": lambda n: _FROM + (b"Received: by " + b"x." * 140 + b"example; Fri\r\n") * (n // 300),
    "Received own ids": lambda n: (
        _FROM
        + (
            b"Received: by gw.example id 01KAGV0000AAAAAAAAAAAAAAA1-abcdefghijklmnop; Fri, 20 Nov 2026 09:30:00 +0000\r\n"
        )
        * (n // 105)
    ),
    "Received dates": lambda n: _FROM + (b"Received: by a; " + b"1 " * 45 + b"\r\n") * (n // 108),
    "Received dates words": lambda n: _FROM + (b"Received: by a; " + b"9:9:9:9:" * 12 + b"\r\n") * (n // 114),
    "Auth results": lambda n: _FROM + (b"Authentication-Results: " + b"(a" * 100 + b"; none\r\n") * (n // 230),
    "Auth results long host": lambda n: (
        _FROM + (b"Authentication-Results: " + b"a." * 150 + b"; none\r\n") * (n // 330)
    ),
    "Date long": lambda n: _FROM + _one(b"Date", b"1 ", n, b""),
    "Date colons": lambda n: _FROM + _one(b"Date", b"1:", n, b""),
    "Date digits": lambda n: _FROM + b"Date: Fri, 20 Nov " + b"9" * min(n, 200000) + b" 10:00:00 +0000\r\n",
    "Date tz digits": lambda n: _FROM + b"Date: Fri, 20 Nov 2026 10:00:00 +" + b"9" * n + b"\r\n",
    "Date hour digits": lambda n: _FROM + b"Date: Fri, 20 Nov 2026 " + b"9" * n + b":00:00 +0000\r\n",
    "Date ()": lambda n: _FROM + _one(b"Date", b"(", n, b""),
    "Message-ID": lambda n: _FROM + _one(b"Message-ID", b"<a@", n, b">"),
    "Content-Type ws": lambda n: _FROM + _one(b"Content-Type", b" \t", n, b""),
    "Content-Type comments": lambda n: _FROM + _many(b"Content-Type", b"()", n),
    "Auto-Submitted (": lambda n: _FROM + _many(b"Auto-Submitted", b"() ", n),
    "Tiny fields": lambda n: _FROM + b"a:\r\n" * (n // 4),
    "Different tiny fields": lambda n: _FROM + b"".join(b"x%d:\r\n" % i for i in range(n // 9)),
    "Tiny bad fields": lambda n: _FROM + b"a\r\n" * (n // 3),
    "Control fields": lambda n: _FROM + b"x: \x01\r\n" * (n // 6),
    "8bit fields": lambda n: _FROM + b"x: \xff\r\n" * (n // 6),
    "8bit many names": lambda n: _FROM + b"".join(b"x%d: \xff\r\n" % i for i in range(n // 11)),
    "Folds": lambda n: _FROM + _one(b"X", b"\r\n a", n, b""),
    "Folds in From": lambda n: _one(b"From", b"\r\n a", n),
    "Blank folds": lambda n: _FROM + _one(b"X", b"\r\n ", n, b"x"),
    "Fold spaces": lambda n: _FROM + _one(b"X", b"\r\n" + b" " * 1000, n, b"x"),
    "Fold from": lambda n: _FROM + _one(b"X", b"\r\n from:", n, b"x"),
    "Fold from spaces": lambda n: _FROM + _one(b"X", b"\r\n from" + b" " * 500, n, b"x"),
    "mbox lines": lambda n: b"From a Fri Nov 20 10:00:00 2026\r\n" * (n // 34) + _FROM,
    ">>>> mbox": lambda n: b">" * n + b"From a\r\n" + _FROM,
    "mbox From aaaa": lambda n: b"From " + b"a" * n + b"\r\n" + _FROM,
    "Many From": lambda n: _FROM * (n // 24),
    "Many From (": lambda n: (b"From: " + b"(" * 1000 + b"\r\n") * (n // 1008),
    "Many Sender words": lambda n: (
        _FROM + (b"Sender: " + b"=?utf-8?q?x?= " * 20 + b"<ann@acme.example>\r\n") * (n // 310)
    ),
    "DKIM many": lambda n: (
        _FROM
        + (
            b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=acme.example; s=x; h=from:to; bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZ\r\n"
        )
        * (n // 220)
    ),
    "DKIM tags": lambda n: _FROM + (b"DKIM-Signature: " + b"a=b;" * 2000 + b"\r\n") * (n // 8020),
    "DKIM semicolons": lambda n: _FROM + (b"DKIM-Signature: " + b";" * 8000 + b"\r\n") * (n // 8020),
    "DKIM spaces": lambda n: _FROM + (b"DKIM-Signature: v=" + (b" " * 60 + b"a") * 130 + b"\r\n") * (n // 8020),
    "DKIM h": lambda n: (
        _FROM
        + (
            b"DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; s=x; h="
            + b"from:" * 1500
            + b"to; bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=; b=dzdVyOfAKCdLXdJOc9G2q8Lo\r\n"
        )
        * (n // 7700)
    ),
    "List-Id etc": lambda n: _FROM + b"List-Unsubscribe: x\r\n" * (n // 21),
    "Precedence": lambda n: _FROM + b"Precedence: bulk\r\nReply-To: a@gmail.com\r\n" * (n // 40),
    "address fields, comments": lambda n: _small(b"(a)" * 330 + b"<a@b.example>"),
    "address fields, nested comments": lambda n: _small(b"(" * 490 + b")" * 490 + b"<a@b.example>"),
    "address fields, mailboxes": lambda n: _small(b"a@b.example," * 80 + b"<a@b.example>"),
    "address fields, quoted local-parts": lambda n: _small(b'"a"@b.example,' * 70 + b"<a@b.example>"),
    "address fields, international": lambda n: _small("a@ü.example,".encode() * 75 + b"<a@b.example>"),
    "address fields, international, all different": lambda n: _different(),
    "address fields, dots": lambda n: _small(b"a." * 490 + b"<a@b.example>"),
    "address fields, words": lambda n: _small(b"=?a?q?a?= " * 95 + b"<a@b.example>,x"),
    "Reply-To, marks, many fields": lambda n: _FROM + _many(b"Reply-To", "\u0301\u0327".encode(), n),
    "From, marks, many fields": lambda n: _many(b"From", "\u0301\u0327".encode(), n),
}
"""Name -> the header block of about so many octets."""
