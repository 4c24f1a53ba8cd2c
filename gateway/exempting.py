"""From which rules a customer can be exempted: asked by command and API alike."""

from filters.engine import UnknownRule, check_code
from gateway.smtp.replies import REFUSALS


def checked_rule(text: str) -> str:
    """The rule's code; raises UnknownRule, naming the nearest, for one that there is not, and for the edge's own
    refusals, which policy cannot switch off either."""
    code = text.strip().upper()[:64]
    if any(refusal.code == code for refusal in REFUSALS):
        raise UnknownRule(f"rule: {code} refuses always: neither policy nor an exemption lifts it")
    check_code(code, f"rule: {code}")
    return code
