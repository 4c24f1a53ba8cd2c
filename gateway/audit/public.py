"""Public: a record as its customer may see it.

Nobody learns from us why a person withdrew: a complaint reads like any unsubscribe (RFC 6449 section 4.3.1), and what
the operator has on file of a person is the operator's. Admins and auditors see records as they are.
"""

from gateway.audit.record import Json


def in_public(record: Json) -> Json:
    """A decision, and the outcome in it, without what is the operator's own.

    The hash goes too: it covers what is left out, and whoever guesses that could find it confirmed.
    """
    shown = {name: value for name, value in record.items() if name != "hash"}
    if isinstance(record.get("outcome"), dict):
        shown["outcome"] = in_public(record["outcome"])
    if isinstance(record.get("mailing"), dict):
        # The grade that a complaint raised is in the list itself, which says so.
        shown["mailing"] = {name: value for name, value in record["mailing"].items() if name != "list_complaint_at"}
    if isinstance(record.get("grounds"), list):
        shown["grounds"] = [public_ground(each) for each in record["grounds"]]
    return shown


def public_ground(ground: object) -> object:
    """How a recipient was decided about: on what ground, or why not as far as the customer may know."""
    if not isinstance(ground, dict):
        return None
    shown = {name: value for name, value in ground.items() if name != "reasons"}
    if shown.get("refused") == "COMPLAINT":
        shown["refused"] = "WITHDRAWN"
    return shown
