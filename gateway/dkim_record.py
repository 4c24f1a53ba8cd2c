"""Whether the DNS holds the record of a DKIM key (RFC 6376 section 3.6.1)."""

import re
from collections.abc import Sequence
from typing import Literal

from consent.dkim_keys import DkimKey
from gateway.dns import Away, texts

Published = Literal["there", "missing", "another", "no answer"]
"""`another`: there are keys at its name, and some are not this one. `no answer` says nothing."""


def published(key: DkimKey, servers: Sequence[str]) -> Published:
    """What the DNS says; `servers` as in `gateway.dns.texts`, which raises ConfigError.

    Where several records at its name are keys, each verifier may take another (section 3.6.2.2).
    """
    try:
        found = [_tags(text.decode("ascii", "replace")) for text in texts(key.name, servers)]
    except Away:
        return "no answer"
    records = [tags for tags in found if "p" in tags]
    if not records:
        return "missing"
    return "there" if all(_serves(tags, key) for tags in records) else "another"


def _serves(tags: dict[str, str], key: DkimKey) -> bool:
    """Whether the record lets anybody verify what the key signs."""
    return (
        tags.get("v", "DKIM1") == "DKIM1"
        and tags.get("k", "rsa") == key.algorithm
        and tags["p"] == key.public
        and "sha256" in tags.get("h", "sha256").split(":")
        and not {"*", "email"}.isdisjoint(tags.get("s", "*").split(":"))
    )


def _tags(text: str) -> dict[str, str]:
    """The tags of a record, white space in them taken out (section 3.2)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): re.sub(r"\s", "", value) for name, _, value in pairs}
