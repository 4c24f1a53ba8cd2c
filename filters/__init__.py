"""What is wrong with a message: pure rules and the engine that asks them."""

from filters import headers, identity
from filters.model import Rule

RULES: tuple[Rule, ...] = (
    headers.parseable,
    headers.one_from,
    headers.one_date,
    headers.single_instance,
    headers.one_reading,
    headers.one_sender,
    headers.no_control,
    headers.ascii_authors,
    headers.declared_8bit,
    headers.not_too_long,
    headers.no_obsolete_form,
    headers.sound_words,
    headers.sound_message_id,
    headers.no_folded_from,
    identity.own_reverse_path,
    identity.own_from,
    identity.own_sender,
)
"""Every rule there is, in the order in which they are asked and recorded."""
