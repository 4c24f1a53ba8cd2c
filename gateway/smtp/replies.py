"""What the edge itself answers: fixed replies, and the refusals that no rule makes.

Every reply but greeting and EHLO carries an enhanced status code on each line (RFC 2034 section 4).
"""

from dataclasses import dataclass

from config.policy import Action
from filters.model import Finding, Reply

OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Sender ok")
RSET_OK = Reply(250, "2.0.0", "Reset")
BYE = Reply(221, "2.0.0", "Bye")
AUTH_OK = Reply(235, "2.7.0", "Authentication succeeded")
AUTH_BAD = Reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_BUSY = Reply(454, "4.7.0", "Too many authentications at once; try again later")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
AUTH_AGAIN = Reply(503, "5.5.1", "Already authenticated")
AUTH_IN_TRANSACTION = Reply(503, "5.5.1", "No AUTH during a mail transaction")
AUTH_MECHANISM = Reply(504, "5.5.4", "Mechanism not supported; use PLAIN or LOGIN")
AUTH_NOT_OFFERED = Reply(502, "5.5.1", "AUTH is not offered here")
AUTH_BASE64 = Reply(501, "5.5.2", "Cannot decode base64")
TLS_FIRST = Reply(530, "5.7.0", "Must issue a STARTTLS command first")
TLS_READY = Reply(220, "2.0.0", "Ready to start TLS")
TLS_NOT_OFFERED = Reply(502, "5.5.1", "STARTTLS is not offered here")
TLS_BUSY = Reply(454, "4.7.0", "TLS is not available for the moment; try again later")
TLS_ACTIVE = Reply(503, "5.5.1", "TLS is active already")
NO_PARAMETER = Reply(501, "5.5.4", "This command takes no parameter")
NO_COMMAND = Reply(500, "5.5.1", "Command not recognized")
EXPN_REFUSED = Reply(502, "5.5.1", "EXPN is not offered")
VRFY_UNSURE = Reply(252, "2.5.2", "Cannot verify; send mail to find out")
HELP = Reply(214, "2.0.0", "See RFC 5321 and your operator's customer guide")
LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
LINE_NOT_CRLF = Reply(500, "5.5.2", "Lines end in CRLF only")
EHLO_FIRST = Reply(503, "5.5.1", "Send EHLO first")
EHLO_NAME = Reply(501, "5.5.4", "EHLO needs a domain name or an address literal")
NESTED_MAIL = Reply(503, "5.5.1", "A mail transaction is open; send RSET first")
MAIL_FIRST = Reply(503, "5.5.1", "Send MAIL first")
RCPT_FIRST = Reply(503, "5.5.1", "Send RCPT first")
BDAT_SYNTAX = Reply(501, "5.5.4", "BDAT needs a number of octets, and LAST for the last chunk")
BDAT_BEGUN = Reply(503, "5.5.1", "The message has begun by BDAT; send BDAT or RSET")
BDAT_TOO_LARGE = Reply(552, "5.3.4", "Chunk is far larger than can be meant")
EACH_FOLLOWS = "353 A reply for each recipient follows, then one for the message"
"""PRDR. No Reply: like 354 it is not the last word, and has no enhanced status code."""
NO_VALID_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients in one transaction; send the rest in another")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections; try again later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors in this session; connect again")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands without a message; connect again")
SESSION_TOO_LONG = Reply(421, "4.4.2", "This session has lasted long enough; connect again")
TOO_MANY_OF_ACCOUNT = Reply(450, "4.7.0", "Too many connections of this account; close some and try again")
OVERLOADED = Reply(451, "4.3.2", "System overloaded; try again later")
OVERLOADED_STRANGER = Reply(421, "4.3.2", "System overloaded; try again later")
SHUTTING_DOWN = Reply(421, "4.3.2", "Shutting down; try again")
TIMED_OUT = Reply(421, "4.4.2", "Timed out waiting for you")
INTERNAL = Reply(451, "4.3.0", "Internal fault; try again later")
NO_ROOM = Reply(452, "4.3.1", "Insufficient storage; try again later")
AUDIT_FULL = Reply(452, "4.3.1", "Decision cannot be recorded; try again later")
NO_LINKS = Reply(451, "4.3.0", "Unsubscribe link cannot be made at present; try again later")
NOT_SIGNED = Reply(451, "4.3.0", "Message cannot be signed at present; try again later")
TOO_SLOW = Reply(451, "4.4.1", "Decision took too long; try again later")
ON_THE_WAY = Reply(451, "4.4.1", "Your first copy of this message is still with the next hop; try again later")
UTF8_SENDER = Reply(550, "5.6.7", "Non-ASCII address needs SMTPUTF8")
UTF8_RECIPIENT = Reply(553, "5.6.7", "Non-ASCII address needs SMTPUTF8")
PARAMETER_UNKNOWN = Reply(555, "5.5.4", "Parameter not recognized or not offered")
OFFER_CHANGED = Reply(451, "4.4.0", "The next hop does not take this parameter at present; try again later")
REGISTRY_AWAY = Reply(451, "4.3.0", "Consents cannot be looked up at present; try again later")
CREDENTIAL_CHANGED = Reply(450, "4.7.0", "Credential was changed; reconnect and authenticate again")

DESK_BUSY = Reply(450, "4.7.0", "Too many messages to the operator for now; try again later")
DESK_CLOSED = Reply(451, "4.3.0", "The operator's mailbox cannot be reached; try again later")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal that the edge makes before or without any rule; policy cannot switch it off."""

    code: str
    clause: str
    reply: Reply
    doc: str
    fix: str

    def finding(self, evidence: str, reply: Reply | None = None) -> Finding:
        """As a finding for the record; `reply` where it says more than the refusal's own."""
        reply = reply or self.reply
        action = Action.REJECT if reply.code >= 500 else Action.DEFER
        return Finding(self.code, self.clause, action, evidence, reply, self.fix)


AUTH_REQUIRED = Refusal(
    "AUTH-REQ", "MOD-2.5a", Reply(530, "5.7.0", "Authentication required"),
    "Only customers may send: by AUTH, or from a network registered for a credential (R-002).",
    "Authenticate, or ask the operator to register your server's address.",
)  # fmt: skip
RELAY = Refusal(
    "RELAY", "MOD-2.5a", Reply(550, "5.7.1", "Only postmaster and abuse are received here"),
    "An inbound listener takes mail to the operator's postmaster, abuse and unsubscribe addresses and relays nothing.",
    "Customers send through the submission listener, with AUTH.",
)  # fmt: skip
SUSPENDED = Refusal(
    "CUSTOMER-SUSPENDED", "MOD-8", Reply(550, "5.7.1", "Sending is suspended for this account; contact the operator"),
    "The operator has suspended this customer.",
    "Contact the operator.",
)  # fmt: skip
LOCKED = Refusal(
    "CREDENTIAL-LOCKED", "MP-1a", Reply(450, "4.7.1", "This credential is locked; contact the operator"),
    "The operator, or signals of theft, have locked this credential; the customer's others are not touched.",
    "Change its password, look for what used it, and ask the operator to unlock it; your server tries again by itself.",
)  # fmt: skip
BARE_LINE_END = Refusal(
    "BARE-LF", "MOD-2.5b", Reply(554, "5.6.0", "Bare CR or LF is not allowed; lines end in CRLF"),
    "Only CRLF ends a line (RFC 5321 section 2.3.8); anything else lets mail be smuggled past the next server.",
    "Send CRLF line ends; most mail software does this by itself when it is handed text and not raw bytes.",
)  # fmt: skip
NUL = Refusal(
    "NUL", "MOD-2.5b", Reply(554, "5.6.0", "NUL is not allowed in mail"),
    "Octet 0 is not allowed in mail (RFC 5322 section 4).",
    "Send binary content as base64.",
)  # fmt: skip
SIZE = Refusal(
    "SIZE", "MOD-2.6", Reply(552, "5.3.4", "Message is larger than the limit given in EHLO"),
    "A message is not larger than SIZE in the EHLO reply (RFC 1870).",
    "Send a smaller message, or a link.",
)  # fmt: skip
HEADER_SIZE = Refusal(
    "HEADER-SIZE", "MOD-2.6", Reply(554, "5.6.0", "Header block is too large"),
    "The header block is bounded (R-046).",
    "Send fewer or shorter header fields.",
)  # fmt: skip
FOLDED_START = Refusal(
    "FOLDED-START", "MOD-2.5b", Reply(554, "5.6.0", "First header line is a continuation"),
    "The first line starts no continuation: it would continue the line that we put on top (RFC 5322 section 2.2.3).",
    "Start the message with a header field.",
)  # fmt: skip
EIGHT_BIT = Refusal(
    "EIGHT-BIT", "MOD-2.5b", Reply(554, "5.6.3", "8-bit content is not taken here: 8BITMIME is not offered"),
    "A next hop without 8BITMIME gets seven bits only (RFC 6152 section 3): where it clears the eighth, octets 8D and "
    "8A become CR and LF, and a message could hold a second one.",
    "Encode 8-bit content as quoted-printable or base64 where EHLO does not offer 8BITMIME.",
)  # fmt: skip
LOOP = Refusal(
    "LOOP", "MOD-2.6", Reply(554, "5.4.6", "Routing loop: too many Received fields"),
    "A message that passed too many servers goes round in a loop (RFC 5321 section 6.3).",
    "Look for two servers that forward to each other.",
)  # fmt: skip
MIME_BOUNDS = Refusal(
    "MIME-BOUNDS", "MOD-2.6", Reply(554, "5.6.0", "Too many MIME parts, or nested too deep"),
    "The parts of a message and how deep they nest are bounded (R-046).",
    "Send fewer attachments, or forward fewer messages within messages.",
)  # fmt: skip
NEXT_HOP = Refusal(
    "NEXT-HOP", "MOD-2.6", Reply(550, "5.1.1", "Refused by the next hop"),
    "The next hop refused this recipient or message; its reply stands in the record.",
    "Read the reply; it is about the recipient's address or mailbox, or the message.",
)  # fmt: skip
QUOTA = Refusal(
    "QUOTA", "MP-1d", Reply(450, "4.7.0", "Limit of this account reached"),
    "A customer, credential, stream, client address or reverse-path sends no more than policy lets it (R-167); what "
    "follows in the reply is the limit, and when there is room again.",
    "Leave it in the queue: it passes when there is room. Ask the operator for a higher limit, or send more slowly.",
)  # fmt: skip
QUOTA_HARD = Refusal(
    "QUOTA-HARD", "MP-1d", Reply(550, "5.7.0", "Limit of this account reached for good"),
    "The same for a limit that the operator has marked as hard.",
    "Ask the operator for a higher limit.",
)  # fmt: skip
QUOTA_REPORTS = Refusal(
    "QUOTA-REPORTS", "MP-1d", Reply(450, "4.7.0", "Limit of reports reached"),
    "Bounces and other mail under the null reverse-path have limits of their own, and count against no sender.",
    "Refuse unwanted mail when it comes in, instead of accepting and bouncing it.",
)  # fmt: skip
QUOTA_GATEWAY = Refusal(
    "QUOTA-GATEWAY", "MP-1d", Reply(450, "4.7.0", "Limit of this gateway reached"),
    "The operator has limited what passes the gateway, whoever sends it.",
    "Leave it in the queue: it passes when there is room.",
)  # fmt: skip
FLOOD_RECIPIENT = Refusal(
    "FLOOD-RCPT", "MOD-2.1b", Reply(450, "4.7.28", "Too many messages to this recipient"),
    "One mailbox gets no more than so many messages, from one customer and from all together (R-168): a mail bomb.",
    "Look for what sends so much to one address; the operator can exempt journals, archives and alert boxes.",
)  # fmt: skip
FLOOD_DOMAIN = Refusal(
    "FLOOD-DOMAIN", "MOD-2.1b", Reply(450, "4.7.0", "Too many messages to this domain"),
    "One domain gets no more than so many messages from all customers together.",
    "Leave it in the queue: it passes when there is room.",
)  # fmt: skip
SLOW_START = Refusal(
    "SLOW-START", "MOD-2.1a", Reply(450, "4.7.28", "Near-identical mail to many recipients is paced"),
    "Mail that is new and reaches many is paced on a credential that has not said what it sends: so many recipients in "
    "ten minutes, twice as many in each further hour (R-074).",
    "Leave it in the queue: it passes bit by bit. Send bulk mail through a credential with stream = \"bulk\".",
)  # fmt: skip
UNDECLARED_BULK = Refusal(
    "UNDECLARED-BULK", "MOD-2.1a",
    Reply(450, "4.7.28", "This mail reaches many: it is bulk mail, and the recipient has no ground on file"),
    "Near-identical mail that reaches more recipients than the observed-bulk numbers needs grounds (R-072). For the "
    "first 24 hours the others wait, while operator and customer are told; then each is refused for its own reason.",
    "Record the consents, or ask the operator to label this mail as transactional if it is.",
)  # fmt: skip
CONFIRMATION_ONE = Refusal(
    "CONFIRMATION-ONE", "MOD-2.1h", Reply(550, "5.7.1", "A confirmation mail has one recipient"),
    "A mail that asks to confirm an opt-in goes to the one person who asked (R-091).",
    "Send each confirmation mail in a transaction of its own.",
)  # fmt: skip
AUDIENCE_CHANGED = Refusal(
    "AUDIENCE-CHANGED", "MOD-2.1k",
    Reply(451, "4.7.1", "A recipient may no longer be written to; try again and its RCPT is refused"),
    "Somebody withdrew between RCPT and the final dot: this message reaches nobody, and the next leaves them out.",
    "Leave it in the queue: the retry is refused for that recipient alone.",
)  # fmt: skip
REFUSALS = (
    AUTH_REQUIRED, RELAY, SUSPENDED, LOCKED, BARE_LINE_END, NUL, SIZE, HEADER_SIZE, FOLDED_START, EIGHT_BIT, LOOP,
    MIME_BOUNDS, QUOTA, QUOTA_HARD, QUOTA_REPORTS, QUOTA_GATEWAY, FLOOD_RECIPIENT, FLOOD_DOMAIN, SLOW_START,
    UNDECLARED_BULK, CONFIRMATION_ONE, AUDIENCE_CHANGED, NEXT_HOP,
)  # fmt: skip

BODY_FAULTS = {"bare CR": BARE_LINE_END, "bare LF": BARE_LINE_END, "NUL": NUL, "size": SIZE}
"""`Body.fault` -> refusal; "room" is our own fault and no refusal."""


def syntax(text: str, enhanced: str = "5.5.4") -> Reply:
    """501 with what is wrong (RFC 5321 section 4.2.4)."""
    return Reply(501, enhanced, text)
