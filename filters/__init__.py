"""What is wrong with a message: pure rules and the engine that asks them."""

from filters import addressing, domains, forwarding, headers, identity, signatures, trace
from filters.model import Rule

RULES: tuple[Rule, ...] = (
    headers.parseable,
    headers.one_from,
    headers.one_date,
    headers.single_instance,
    forwarding.rewritten_path,
    forwarding.vouched_from,
    forwarding.key_is_away,
    forwarding.permitted,
    forwarding.calendar,
    identity.own_reverse_path,
    identity.own_from,
    identity.own_sender,
    identity.own_resent,
    identity.own_return_path,
    identity.report_host,
    identity.no_marketing_under_null,
    identity.marked_under_null,
    trace.declared_upstreams,
    trace.own_ids,
    trace.own_results,
    trace.few_own_lines,
    trace.times_in_order,
    trace.trace_is_there,
    trace.one_story,
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
    signatures.broken,
    signatures.leaves_room,
    signatures.doubled,
    signatures.out_of_time,
    domains.sender_exists,
    domains.sender_has_no_null_mx,
    domains.sender_can_receive,
    domains.recipients_exist,
    domains.recipients_have_no_null_mx,
    domains.recipients_can_receive,
)
"""Every rule there is, in the order in which they are asked and recorded.

Of several that refuse the first one's reply is given: that on forwarded mail, which names what to set, stands before
that on any foreign From.
"""
