"""Stores: the registry's parts, opened together and brought up to date."""

from dataclasses import dataclass
from typing import Self

from config.files import ConfigError
from config.settings import Settings
from consent.cluster_labels import ClusterLabelStore
from consent.confirmations import ConfirmationStore
from consent.credentials import CredentialStore
from consent.customers import CustomerStore
from consent.database import Database
from consent.dkim_keys import DkimKeyStore
from consent.domains import DomainStore
from consent.exemptions import ExemptionStore
from consent.heads import HeadStore
from consent.keys import Secrets
from consent.outbox import Outbox
from consent.repeats import RepeatStore
from consent.store import ConsentStore
from consent.subjects import SubjectStore
from consent.tokens import TokenStore


@dataclass(frozen=True, slots=True)
class Stores:
    """What the registry keeps, one store per noun."""

    database: Database
    secrets: Secrets
    customers: CustomerStore
    domains: DomainStore
    credentials: CredentialStore
    exemptions: ExemptionStore
    dkim_keys: DkimKeyStore
    cluster_labels: ClusterLabelStore
    tokens: TokenStore
    subjects: SubjectStore
    heads: HeadStore
    repeats: RepeatStore
    outbox: Outbox
    consent_database: Database
    """Where consents, lists, notices and imports are; on PostgreSQL it is `database`."""
    consents: ConsentStore
    confirmations: ConfirmationStore

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the registry: makes data_dir and secrets at first use, migrates, checks the secrets' fingerprint.

        Raises ConfigError, `consent.keys.SecretsError` or `consent.database.RegistryError`.
        """
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"data_dir: {settings.data_dir} cannot be made: {error.strerror}") from None
        database = Database(settings.registry.url.get_secret_value())
        database.upgrade()
        if not settings.secrets_file.exists():
            database.check_unbound(settings.secrets_file)
        secrets = Secrets.load_or_create(settings.secrets_file)
        database.check_fingerprint(secrets)
        consent_database = database.consent()
        if consent_database is not database:
            consent_database.upgrade()
            consent_database.check_fingerprint(secrets)
        return cls(
            database,
            secrets,
            CustomerStore(database),
            DomainStore(database),
            CredentialStore(database),
            ExemptionStore(database),
            DkimKeyStore(database, secrets),
            ClusterLabelStore(database),
            TokenStore(database),
            SubjectStore(database, secrets),
            HeadStore(database),
            RepeatStore(database),
            Outbox(database),
            consent_database,
            ConsentStore(consent_database, secrets),
            ConfirmationStore(consent_database, secrets),
        )

    def close(self) -> None:
        """Close every connection. What is asked afterwards opens new ones."""
        self.subjects.close()
        self.consents.close()
        self.consent_database.close()
        self.database.close()
