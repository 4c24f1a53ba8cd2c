"""What a domain is to a credential."""

import pytest

from config.customers import Customer
from filters.model import Facts
from filters.reach import Reach, is_anothers, reach
from filters.reports import Author
from tests.rig.cases import NOW


@pytest.mark.parametrize(
    ("local", "domain", "expected"),
    [
        ("ann", "acme.example", Reach.OWN),
        ("ann", "web1.hosting.example", Reach.DECLARED),
        ("ann", "hosting.example", Reach.FOREIGN),
        ("postmaster", "hosting.example", Reach.DECLARED),
        ("ann", "mx.provider.example", Reach.DECLARED),
        ("ann", "reports.example", Reach.DECLARED),
        ("ann", "xhosting.example", Reach.FOREIGN),
        ("ann", "brand.hosting.example", Reach.FOREIGN),
        ("ann", "mx.brand.hosting.example", Reach.FOREIGN),
        ("ann", "web1.acme.example", Reach.LOCAL),
        ("ann", "brand.acme.example", Reach.FOREIGN),
        ("ann", "", Reach.LOCAL),
        ("ann", "web1", Reach.LOCAL),
        ("ann", "example", Reach.LOCAL),
        ("ann", "exch01.corp.local", Reach.DECLARED),
        ("ann", "exch01.other.local", Reach.LOCAL),
        ("ann", "exch01.brand.local", Reach.FOREIGN),
    ],
)
def test_what_a_domain_is_to_the_author_of_a_report(local: str, domain: str, expected: Reach) -> None:
    customer = Customer.model_validate(
        {
            "id": "acme",
            "name": "Acme",
            "domains": ["acme.example"],
            "upstreams": ["hosting.example", "mx.provider.example"],
            "report_from": ["reports.example", "corp.local"],
            "credentials": [{"username": "app", "password_hash": "$argon2id$x"}],
        }
    )
    holders = {"acme.example": "acme", "brand.local": "brand"} | dict.fromkeys(
        ("brand.hosting.example", "brand.acme.example"), "brand"
    )
    facts = Facts(NOW, customer, customer.credentials[0], None, (), holders=holders)
    assert reach(Author(local, domain), facts) is expected
    assert not is_anothers(domain, facts) or expected is Reach.FOREIGN
