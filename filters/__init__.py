"""What is wrong with a message: pure rules and the engine that asks them."""

from filters import headers, identity
from filters.model import Rule

RULES: tuple[Rule, ...] = (
    headers.parseable,
    headers.one_from,
    headers.one_date,
    headers.single_instance,
    identity.own_reverse_path,
    identity.own_from,
    identity.own_sender,
    identity.own_resent,
    identity.own_return_path,
    identity.report_host,
    identity.no_marketing_under_null,
    identity.marked_under_null,
)
"""Every rule there is, in the order in which they are asked and recorded."""
