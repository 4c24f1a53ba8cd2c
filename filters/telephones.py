"""Mail that telephones get as text messages (R-137). Pure.

Operators of mobile networks take mail to a subscriber's number at a domain of their own. The law of text messages is
another than that of mail, and nothing here knows a consent to them; so it is refused where the operator says nothing.
"""

import re

from config.policy import Action, Policy
from filters.message import Message
from filters.model import Facts, Reply, rule

GATEWAYS = frozenset((
    "cingularme.com", "cwemail.com", "email.uscc.net", "email.uscellular.com", "fido.ca", "message.alltel.com",
    "messaging.nextel.com", "messaging.sprintpcs.com", "mmode.com", "mms.alltelwireless.com", "mms.att.net",
    "mms.cricketwireless.net", "mms.uscc.net", "mmst5.tracfone.com", "mobile.celloneusa.com", "mobiletxt.ca",
    "msg.fi.google.com", "msg.koodomobile.com", "msg.telus.com", "myboostmobile.com", "mymetropcs.com",
    "page.nextel.com", "pcs.rogers.com", "pm.sprint.com", "sms.alltelwireless.com", "sms.cricketwireless.net",
    "sms.myboostmobile.com", "sms.rogers.com", "sms.sasktel.com", "text.mtsmobility.com", "text.republicwireless.com",
    "tmomail.net", "txt.att.net", "txt.bell.ca", "txt.bellmobility.ca", "txt.freedommobile.ca", "vmobile.ca",
    "vmobl.com", "vmpix.com", "vtext.com", "vzwpix.com", "yrmobl.com",
))  # fmt: skip
"""Domains at which a number is a subscriber of a mobile network, in the United States and Canada."""
_NUMBER = re.compile(r"\+?[0-9]{7,15}\Z")


@rule(
    "RCPT-TELEPHONE",
    clause="MOD-2.1d",
    default=Action.REJECT,
    reply=Reply(550, "5.7.1", "Mail to telephones as text messages is not sent from here"),
    fix="Take the number off the recipients; alerts of your own to your own telephones: ask the operator.",
)
def telephones(message: Message, facts: Facts, policy: Policy) -> str | None:
    """No recipient is a telephone number at a mobile network's gateway from mail to text messages (R-137). Other
    mailboxes at these domains are mailboxes like any."""
    found = {each.domain for each in facts.recipients if each.domain in GATEWAYS and _NUMBER.match(_local(each.text))}
    return f"domain {', '.join(sorted(found))[:300]}" if found else None


def _local(text: str) -> str:
    return text.rpartition("@")[0]
