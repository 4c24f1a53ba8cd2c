"""What is wrong with a message: pure rules and the engine that asks them."""

from filters import addressing, headers, identity
from filters.model import Rule

RULES: tuple[Rule, ...] = (
    headers.parseable,
    headers.one_from,
    headers.one_date,
    headers.single_instance,
    identity.own_reverse_path,
    identity.own_from,
    identity.own_sender,
    addressing.address_in_name,
    addressing.address_via,
    addressing.brand,
    addressing.brand_word,
    addressing.executive,
    addressing.domain_script,
    addressing.domain_whole_script,
    addressing.name_script,
    addressing.hidden,
    addressing.not_displayed,
    addressing.lookalike,
    addressing.near,
    addressing.reply_to,
    addressing.visible_recipients,
)
"""Every rule there is, in the order in which they are asked and recorded."""
