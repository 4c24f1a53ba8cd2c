"""Transcript: how one mail transaction stands in the audit, whatever is decided about it and when."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from consent.address import Address
from filters.message import Message
from filters.model import Reply, Verdict, Verified
from gateway.audience import Audience
from gateway.audit import record
from gateway.audit.record import without_local_parts
from gateway.classing import Classing
from gateway.client import Client
from gateway.directory import Identity
from gateway.smtp.body import Body
from gateway.transform import Change

if TYPE_CHECKING:
    from gateway.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Transcript:
    """What all records of one transaction share."""

    pipeline: "Pipeline"
    client: Client
    identity: Identity
    reverse_path: Address | None
    reference: str
    audience: Audience
    classing: Classing

    def decision(
        self,
        phase: str,
        verdict: Verdict,
        reply: Reply,
        recipients: Sequence[Address],
        body: Body | None,
        message: Message,
        change: Change | None,
        signatures: Sequence[Verified] | None,
    ) -> record.Decision:
        """The record of a verdict; `body` and `change` are None, and `message` empty, where there are none yet.

        `signatures` are those that stood in the message and were verified; None where that was not asked.
        """
        client, entry, pipeline = self.client, self.identity.entry, self.pipeline
        classed, grounds = self.classing.found, self.audience.record(recipients)
        return record.Decision(
            reference=self.reference,
            customer=entry.customer.id,
            credential=self.identity.credential.name,
            stream=self.identity.credential.stream,
            client={"address": client.address, "port": client.port},
            ehlo=client.ehlo,
            tls=client.tls,
            listener=client.listener,
            phase=phase,
            reverse_path=self.reverse_path,
            recipients=tuple(recipients),
            header_from=message.mailboxes("from") or (),
            message_id=message.message_id or (change.message_id if change else "") or None,
            size=body.size if body else None,
            sha256=body.sha256 if body and not body.fault else None,
            header_sha256=sha256(message.header).hexdigest() if body and not body.fault else None,
            verdict=verdict.outcome.name.lower(),
            reply=without_local_parts(str(reply)),
            findings=[record.of_finding(finding) for finding in verdict.findings],
            clauses=tuple(sorted({finding.clause for finding in verdict.findings})),
            modifications=change.modifications if change else (),
            signatures=None if signatures is None else [record.of_signature(each) for each in signatures],
            message_class=classed.message_class.value if classed else None,
            basis=classed.basis if classed else None,
            cluster=(classed.cluster if classed else "") or None,
            mailing=self.audience.mailing if any(grounds) else None,
            grounds=grounds if any(grounds) else (),
            policy=pipeline.policy_digest,
            version=pipeline.version,
            profile=",".join(entry.customer.profiles) or pipeline.profile,
            mode="observe" if "observe" in (entry.customer.mode, pipeline.policy.mode) else "enforce",
        )
