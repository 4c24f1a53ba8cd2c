"""Notices: the wording people were shown when they consented (R-081, BGH I ZR 164/09). Never changed.

A consent names its notice by id. An id that has no text on file is kept as declared; once a text is put under an id,
no other can be: what changes is a new notice.
"""

import hashlib
import re

import msgspec
from msgspec.structs import replace
from sqlalchemy import select

from consent import documents
from consent.database import Database
from consent.documents import DocumentError, UnknownDocument
from consent.schema import notices

MOST_CHARACTERS = 100_000
"""Of a notice's text."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class NoticeConflict(DocumentError):
    """Another text stands under that id already."""


class UnknownNotice(UnknownDocument):
    """The customer has put no text under that id."""


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One wording. Raises DocumentError when it is made with a wrong field."""

    id: str
    """Letters, digits, `.`, `-` and `_`, at most 64; unique within the customer."""
    text: str
    """Exactly as shown."""
    language: str = ""
    default_checked: bool = False
    """The box was ticked before the person saw it: then nothing it was shown with is express consent (R-083)."""
    url: str = ""
    """The page it stood on, or the policy it refers to."""
    withdrawal_statement: bool | None = None
    """Whether it says that consent can be withdrawn (SOR/2012-36 section 4(e)); None is not known."""
    html_sha256: str = ""
    """Of the page's snapshot, hexadecimal; the snapshot itself is the customer's to keep."""
    recorded: int = 0
    """When it was put here; microseconds."""

    def __post_init__(self) -> None:
        """Check every field."""
        if not _ID.match(self.id):
            raise DocumentError("notice: id must be letters, digits, '.', '-' and '_', at most 64, such as 'signup-3'")
        noun = f"notice {self.id!r}"
        if not self.text.strip():
            raise DocumentError(f"{noun}: text is required: the exact wording that people were shown")
        documents.bounded(noun, "text", self.text, MOST_CHARACTERS, lines=True)
        documents.language_tag(noun, self.language)
        documents.web_address(noun, "url", self.url)
        if self.html_sha256 and not _HASH.match(self.html_sha256):
            raise DocumentError(f"{noun}: html_sha256 must be 64 hexadecimal digits, lower case")

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8, hexadecimal."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


class NoticeStore:
    """The notices of a registry, on its consent database. Every method raises RegistryError when it cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, customer: str, notice: str) -> Notice:
        """One notice; raises UnknownNotice."""
        with self._database.reading() as connection:
            found = documents.read(notices, Notice, connection, customer, notice)
        if found is None:
            raise UnknownNotice(
                f"customer {customer!r} has no notice {notice!r} on file; `postern notices list` shows them"
            )
        return found

    def all(self, customer: str) -> tuple[Notice, ...]:
        """All notices, by id."""
        query = select(notices.c.id, notices.c.document).where(notices.c.customer == customer).order_by(notices.c.id)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(documents.decoded(notices, Notice, row.id, row.document) for row in rows)

    def put(self, customer: str, notice: Notice) -> bool:
        """Keep a notice; False when the same stands there already. Raises NoticeConflict when another does."""
        row = {"customer": customer, "id": notice.id, "document": documents.encoded(notice)}
        with self._database.writing() as connection:
            if documents.add(self._database, connection, notices, row):
                return True
        before = self.get(customer, notice.id)
        if replace(before, recorded=notice.recorded) != notice:
            raise NoticeConflict(
                f"notice {notice.id!r} stands already with another text or other facts, and consents refer to it: "
                "put the new wording under a new id"
            )
        return False
