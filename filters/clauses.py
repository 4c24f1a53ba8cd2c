"""Clauses of the acceptable-use policy that rules rest on, in a few words: who is refused has seldom read it. Pure."""

CLAUSES = {
    "MOD-2.1a": "mail must not be unsolicited bulk mail",
    "MOD-2.1b": "mail must not bomb a mailbox",
    "MOD-2.1d": "mail must not encroach on the privacy of third parties",
    "MOD-2.1g": "mail must be sent only as whom, and about what, its recipients have agreed to",
    "MOD-2.1h": "bulk mail must have its recipient's consent, or a relationship that lets it be sent",
    "MOD-2.1j": "bulk mail must tell its recipients how to leave, and who it is from",
    "MOD-2.1k": "whoever leaves a mailing list must be removed from it",
    "MOD-2.5a": "mail must not hide or obscure its source",
    "MOD-2.5b": "mail must not contain invalid or forged headers or domain names",
    "MOD-2.5c": "mail must not contain deceptive addressing",
    "MOD-2.5d": "mail must not be relayed from a third party's server without permission",
    "MOD-2.6": "mail must not interfere with a service, overload or flood it",
    "MOD-8": "the account is suspended: the operator may stop what breaks its policy",
    "MP-1a": "nobody must get at systems, accounts or data without permission",
    "MP-1d": "nobody must degrade shared systems or take more of them than is fair",
}
"""Code of the clause -> what it asks."""
