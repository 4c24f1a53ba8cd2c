"""RFC 5321's states of a session as a small model, and sessions drawn from it (Hypothesis).

Whatever a client says, in whatever order and cutting: one reply for each command, the reply that the model says, no
error of ours, an enhanced code on each, and what the next hop gets is what the model accepted.
"""

import tempfile
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.smtp import session
from tests.fuzz.oracle import check_content
from tests.rig import certificates
from tests.rig.gateway import PASSWORD
from tests.rig.offline import CUSTOMER, Offline

STRANGER = "192.0.2.9"
MAIL_PARAMETERS = st.lists(
    st.sampled_from(["SIZE=100", "BODY=8BITMIME", "BODY=7BIT", "SMTPUTF8"]), max_size=2, unique_by=lambda p: p[:4]
)
LOCAL = st.from_regex(r"[a-km-z]{1,8}", fullmatch=True).filter(lambda text: not text.startswith(("no", "odd")))
TEXT = st.lists(st.sampled_from([b"text", b"", b".", b"..", b".a", b"\xc3\xa4", b"x" * 200]), max_size=5)
WRONG = st.sampled_from([b"a\nb", b"a\n.\nb", b"\n.\n", b"a\rb", b"\r.\r", b"nul\0"])


@pytest.fixture(scope="module", autouse=True)
def stage() -> Any:
    """The edge, once for all examples; its sessions may make any number of errors."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "_MOST_ERRORS", 10_000)
        patch.setattr(session, "_MOST_COMMANDS", 10_000)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made = certificates.make(folder)
        listeners: list[dict[str, Any]] = [
            {"address": "127.0.0.1:0", "auth_without_tls": True},
            {"address": "127.0.0.1:0", "tls": "starttls", "cert_file": str(made.cert), "key_file": str(made.key)},
        ]
        States.edge = stack.enter_context(Offline(folder, listeners=listeners))
        yield


class States(RuleBasedStateMachine):
    """The model: what RFC 5321 says a session knows at each moment."""

    edge: Offline

    @initialize(
        customer=st.sampled_from([True, True, False]),
        greeted=st.sampled_from([True, True, False]),
        starttls=st.booleans(),
        seed=st.randoms(use_true_random=False),
    )
    def connect(self, customer: bool, greeted: bool, starttls: bool, seed: Any) -> None:
        """A new connection; nothing is known."""
        self.session = self.edge.session(peer=CUSTOMER if customer else STRANGER, listener=int(starttls))
        assert [reply[:4] for reply in self.session.greeting] == ["220 "]
        self.edge.hop.sent.clear()
        self.network, self.starttls, self.cuts = customer, starttls, seed
        self.greeted = self.extended = self.encrypted = self.authenticated = False
        self.utf8 = False
        self.mail = ""
        self.recipients: list[str] = []
        self.asked = self.expected = self.said = 0
        if greeted:
            self.ehlo("c.example", True)

    def say(self, command: bytes) -> str:
        """One unit that gets one reply, cut at random."""
        self.said += 1
        at = self.cuts.randrange(len(command) + 1)
        replies = [reply for part in (command[:at], command[at:]) if part for reply in self.session.feed(part)]
        assert len(replies) == 1, (command, replies)
        assert not replies[0].startswith("451 4.3.0"), "our own fault"
        return replies[0]

    def stray(self) -> bool:
        """Whether something out of order may be said: seldom, or nothing is ever reached."""
        return self.said % 8 == 0

    def forget(self) -> None:
        self.mail, self.recipients, self.asked, self.utf8 = "", [], 0, False

    @property
    def known(self) -> bool:
        return self.network or self.authenticated

    @precondition(lambda self: not self.mail or self.stray())
    @rule(name=st.sampled_from(["c.example", "[127.0.0.1]", "a"]), extended=st.booleans())
    def ehlo(self, name: str, extended: bool) -> None:
        """EHLO and HELO end a transaction, and are always welcome (section 4.1.4)."""
        reply = self.say(f"{'EHLO' if extended else 'hElO'} {name}\r\n".encode())
        assert reply.startswith("250")
        self.greeted, self.extended = True, extended
        self.forget()
        words = {line[4:] for line in reply.splitlines()[1:]}
        if extended:
            assert ("STARTTLS" in words) is (self.starttls and not self.encrypted)
            assert ("AUTH PLAIN LOGIN" in words) is (not self.starttls or self.encrypted)
            assert {"PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"} <= words
        else:
            assert not words

    @precondition(lambda self: self.stray())
    @rule(command=st.sampled_from([b"EHLO\r\n", b"EHLO !\r\n", b"HELO a b\r\n"]))
    def bad_ehlo(self, command: bytes) -> None:
        """A bad name changes nothing."""
        assert self.say(command).startswith("501 5.5.4 ")

    @rule(local=LOCAL, parameters=MAIL_PARAMETERS, null=st.booleans())
    def mail_from(self, local: str, parameters: list[str], null: bool) -> None:
        """MAIL: after EHLO, by somebody known, once."""
        domain = "acme.example" if self.authenticated else "nets.example"
        path = "" if null else f"{local}@{domain}"
        reply = self.say(" ".join([f"MAIL FROM:<{path}>", *parameters]).encode() + b"\r\n")
        if not self.greeted:
            assert reply.startswith("503 5.5.1 ")
        elif self.mail:
            assert reply.startswith("503 5.5.1 A mail transaction is open")
        elif not self.known:
            assert reply.startswith("530 5.7.0 ")
        else:
            assert reply.startswith("250 2.1.0 ")
            self.mail, self.utf8 = f"<{path}>", "SMTPUTF8" in parameters

    @precondition(lambda self: self.stray())
    @rule(
        argument=st.sampled_from(
            [
                "",
                " FROM",
                " FROM:",
                " FROM:a@b.example",
                " FROM:<a@b>",
                " FROM:<@a:b@c.example>",
                " FROM:<a@nets.example> X=",
                " TO:<a@b.example>",
            ]
        )
    )
    def bad_mail(self, argument: str) -> None:
        """MAIL that cannot be read changes nothing."""
        assert self.say(f"MAIL{argument}\r\n".encode())[:4] in ("501 ", "503 ")

    @precondition(lambda self: self.mail or self.stray())
    @rule(local=LOCAL, prefix=st.sampled_from(["", "", "no", "later", "odd"]))
    def rcpt(self, local: str, prefix: str) -> None:
        """RCPT: after MAIL; the next hop decides."""
        address = f"{prefix}{local}@recipient.example"
        reply = self.say(f"RCPT TO:<{address}>\r\n".encode())
        if not self.mail:
            assert reply.startswith("503 5.5.1 ")
            return
        self.asked += 1
        expected = {"no": "550 5.1.1 ", "later": "450 4.2.1 "}.get(prefix, "250 2.1.5 ")
        assert reply.startswith(expected)
        if expected[0] == "2":
            self.recipients.append(address)

    @precondition(lambda self: self.stray())
    @rule(
        argument=st.sampled_from(
            ["", " TO", " TO:<>", " TO:<b>", " TO:b@c.example", " TO:<a@b.example> X=1", " FROM:<a@b.example>"]
        )
    )
    def bad_rcpt(self, argument: str) -> None:
        """RCPT that cannot be read adds nobody."""
        reply = self.say(f"RCPT{argument}\r\n".encode())
        assert reply[:4] in ("501 ", "503 ", "555 ")
        if self.mail and argument in (" TO:<>", " TO:<a@b.example> X=1"):
            self.asked += 1

    @precondition(lambda self: self.recipients or self.stray())
    @rule(lines=TEXT, wrong=st.one_of(st.just(b""), st.just(b""), st.just(b""), WRONG), glued=st.booleans())
    def data(self, lines: list[bytes], wrong: bytes, glued: bool) -> None:
        """DATA: after an accepted RCPT; what is wrong inside is told once, after the end."""
        if not self.recipients:
            reply = self.say(b"DATA\r\n")
            assert reply.startswith("554 5.5.1 " if self.asked else "503 5.5.1 ")
            return
        domain = b"acme.example" if self.authenticated else b"nets.example"
        stuffed = [b"." + line if line.startswith(b".") else line for line in [*lines, *([wrong] if wrong else [])]]
        wire = b"\r\n".join([b"From: ann@" + domain, b"", *stuffed, b".", b""])
        if glued:
            replies = self.session.feed(b"DATA\r\n" + wire)
            assert len(replies) == 2
            first, last = replies
        else:
            first, last = self.say(b"DATA\r\n"), self.say(wire)
        assert first.startswith("354 ")
        if wrong:
            assert last.startswith("554 5.6.0 ")
        elif any(address.startswith("odd") for address in self.recipients):
            assert last.startswith("550 5.7.1 Odd")
        else:
            assert last.startswith("250 2.0.0 Accepted; ref ")
        if not wrong:
            self.expected += 1
            recipients, content = self.edge.hop.sent[-1]
            assert list(recipients) == self.recipients
            check_content(content)
            assert content.endswith(b"\r\n".join([b"", b"", *stuffed, b""]))
        self.forget()

    @precondition(lambda self: self.greeted and self.known and not self.mail)
    @rule(local=LOCAL, prefix=st.sampled_from(["", "", "odd"]))
    def envelope(self, local: str, prefix: str) -> None:
        """All that DATA needs, so that it is reached often."""
        self.mail_from(local, [], False)
        self.rcpt(local, prefix)

    @precondition(lambda self: not self.recipients or self.stray())
    @rule(argument=st.sampled_from([b"", b"", b" x"]))
    def rset(self, argument: bytes) -> None:
        """RSET forgets the transaction, and nothing else."""
        assert self.say(b"RSET" + argument + b"\r\n").startswith("501 " if argument else "250 2.0.0 ")
        if not argument:
            self.forget()

    @rule(command=st.sampled_from([(b"NOOP", "250 2.0.0 "), (b"noop x y", "250 2.0.0 "), (b"VRFY x", "252 2.5.2 "), (b"VRFY", "501 "), (b"EXPN x", "502 5.5.1 "), (b"HELP", "214 2.0.0 "), (b"FOO", "500 5.5.1 "), (b"", "500 5.5."), (b"ETRN x", "500 5.5.1 "), (b"DATA x", "501 "), (b"NO\0OP", "500 5.5.2 "), (b"NOOP\nRSET", "500 5.5.2 "), (b"NOOP\rRSET", "500 5.5.2 "), (b"NOOP \xff", "500 5.5.2 "), (b"N" * 3000, "500 5.5.2 ")]))  # fmt: skip
    def words(self, command: tuple[bytes, str]) -> None:
        """What changes no state."""
        assert self.say(command[0] + b"\r\n").startswith(command[1])

    @precondition(lambda self: (self.extended and not self.mail and not self.authenticated) or self.stray())
    @rule(right=st.booleans(), login=st.booleans(), cancelled=st.booleans())
    def auth(self, right: bool, login: bool, cancelled: bool) -> None:
        """AUTH: after EHLO, where it is offered, outside a transaction, until it succeeds (RFC 4954)."""
        password = (PASSWORD if right else "wrong").encode()
        reply = self.say(b"AUTH LOGIN\r\n" if login else b"AUTH PLAIN\r\n")
        if not self.extended:
            assert reply.startswith("503 5.5.1 ")
        elif self.starttls and not self.encrypted:
            assert reply.startswith("530 5.7.0 ")
        elif self.authenticated or self.mail:
            assert reply.startswith("503 5.5.1 ")
        else:
            assert reply.startswith("334 ")
            if cancelled:
                assert self.say(b"*\r\n").startswith("501 5.7.0 ")
                return
            if login:
                assert self.say(b64encode(b"acme-app") + b"\r\n").startswith("334 ")
                reply = self.say(b64encode(password) + b"\r\n")
            else:
                reply = self.say(b64encode(b"\0acme-app\0" + password) + b"\r\n")
            assert reply.startswith("235 2.7.0 " if right else "535 5.7.8 ")
            self.authenticated = right

    @rule(injected=st.sampled_from([b"", b"NOOP\r\n", b"MAIL FROM:<eve@evil.example>\r\n"]))
    def starttls_command(self, injected: bytes) -> None:
        """STARTTLS: everything is forgotten, what came with it too (RFC 3207 section 4.2)."""
        offered = self.starttls and not self.encrypted
        replies = self.session.feed(b"STARTTLS\r\n" + (injected if offered else b""))
        assert len(replies) == 1
        if offered:
            assert replies[0].startswith("220 2.0.0 ")
            self.encrypted = True
            self.greeted = self.extended = self.authenticated = False
            self.forget()
        else:
            assert replies[0].startswith("503 5.5.1 " if self.encrypted else "502 5.5.1 ")

    @precondition(lambda self: self.known and not self.mail and self.greeted)
    @rule(count=st.integers(1, 5))
    def group(self, count: int) -> None:
        """A pipelined group is answered in order, one reply for each command (RFC 2920)."""
        domain = "acme.example" if self.authenticated else "nets.example"
        rcpts = b"".join(b"RCPT TO:<g%d@recipient.example>\r\n" % each for each in range(count))
        replies = self.session.feed(f"MAIL FROM:<a@{domain}>\r\n".encode() + rcpts + b"RSET\r\nNOOP\r\n")
        assert [reply[:9] for reply in replies] == ["250 2.1.0", *["250 2.1.5"] * count, "250 2.0.0", "250 2.0.0"]

    @invariant()
    def nothing_is_wrong(self) -> None:
        """No error was logged, each reply has its code, each message arrived once."""
        if hasattr(self, "session"):
            assert self.edge.faults() == []
            assert len(self.edge.hop.sent) == self.expected
            assert not self.session.plug.closing

    def teardown(self) -> None:
        """QUIT ends it."""
        if hasattr(self, "session"):
            try:
                assert self.say(b"QUIT\r\n").startswith("221 2.0.0 ")
                assert self.session.plug.closing
                assert not self.edge.gateway.edge._sessions
            finally:
                self.session.drop()


TestStates = States.TestCase
# Shorter than the errors that a session may make.
TestStates.settings = settings(
    max_examples=400, stateful_step_count=24, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
