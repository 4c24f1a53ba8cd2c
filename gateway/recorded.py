"""How what was found stands in the record of a decision."""

from filters.model import Finding, Verified


def finding(found: Finding) -> dict[str, object]:
    """A rule's finding."""
    exempted = {"exemption": found.exemption} if found.exemption else {}
    return exempted | {
        "code": found.code,
        "clause": found.clause,
        "action": found.action.value,
        "evidence": found.evidence,
        "failed": found.failed,
    }


def signature(found: Verified) -> dict[str, object]:
    """What verifying a signature gave."""
    return {"number": found.number, "domain": found.domain, "result": found.result, "why": found.why}
