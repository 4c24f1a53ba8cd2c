"""customers.toml: each key, each refusal, in words that name the key and the fix."""

from datetime import date
from pathlib import Path

import pytest

from config.customers import Bulk, Credential, Customer, CustomersFile, Executive, Standing, load_customers
from config.files import ConfigError
from config.limits import Limits
from config.policy import Action

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY"

DESIGN = f"""
[[customers]]
id = "acme"
name = "Acme Ltd"
postal_address = "1 High Street, Exampletown"
contact = "postmaster@acme.example"
domains = ["acme.example", "News.ACME.example."]
upstreams = []
profiles = ["us"]
mode = "enforce"
minimum_grade = "E2"
unsubscribe = "require"
unsubscribe_hosts = ["www.acme.example"]
[[customers.credentials]]
username = "acme-app"
password_hash = "{HASH}"
stream = "auto"
list = "newsletter"
forwarding = false
[[customers.credentials]]
networks = ["192.0.2.0/24"]
stream = "auto"
[customers.limits]
recipients_per_hour = 5000
[customers.bulk]
slow_start = 20
observed = {{ day = 100, month = 1000, year = 10000 }}
[customers.actions]
HDR-DATE = "observe"
"""

SMALL = '[[customers]]\nid = "acme"\nname = "Acme"\ndomains = ["acme.example"]\n'


def load(tmp_path: Path, text: str) -> tuple[Customer, ...]:
    path = tmp_path / "customers.toml"
    path.write_text(text, encoding="utf-8")
    return load_customers(path)


def test_the_design_s_example_is_taken_whole(tmp_path: Path) -> None:
    (acme,) = load(tmp_path, DESIGN)
    assert acme.domains == ("acme.example", "news.acme.example")
    assert [credential.name for credential in acme.credentials] == ["acme-app", "192.0.2.0/24"]
    assert acme.credential("acme-app") is acme.credentials[0]
    assert acme.credential("nobody") is None
    assert acme.limits == Limits(recipients_per_hour=5000)
    assert acme.bulk == Bulk()
    assert acme.actions == {"HDR-DATE": Action.OBSERVE}
    assert acme.switched_off == ()


def test_what_is_switched_off_is_named(tmp_path: Path) -> None:
    off = "[customers.bulk]\nslow_start = 0\nobserved = { day = 50, month = 0 }\n"
    (acme,) = load(tmp_path, SMALL + off)
    assert acme.switched_off == ("bulk.slow_start", "bulk.observed.month")


def test_little_needs_to_be_said(tmp_path: Path) -> None:
    (acme,) = load(tmp_path, SMALL)
    assert acme.switched_off == ()
    assert acme.mode == "enforce"
    assert Standing().status == "active"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "customers: this key is required"),
        ("customers = []", "customers: "),
        (SMALL + 'domain = "x.example"', "customers[0].domain: unknown key; did you mean 'domains'?"),
        (SMALL + "[customers.limits]\nmessages_per_huor = 1", "did you mean 'messages_per_hour'?"),
        (
            SMALL + "[customers.limits]\nmessages_per_hour = 5\nhard = ['messages_per_huor']",
            "customers[0].limits: hard: no limit 'messages_per_huor'; did you mean 'messages_per_hour'?",
        ),
        (SMALL + "[customers.limits]\nmessages_per_hour = -1", "customers[0].limits.messages_per_hour: "),
        (SMALL.replace('"acme"', '"Acme Ltd"'), "customers[0].id: "),
        (SMALL.replace('"Acme"', r'"Acme\nReceived: x"'), "customers[0].name: must be printable text on one line"),
        (SMALL.replace("acme.example", "localhost"), "is not a fully qualified domain name such as 'acme.example'"),
        (SMALL.replace("acme.example", "*.acme.example"), "is not a fully qualified domain name"),
        (SMALL.replace("acme.example", "192.0.2.1"), "is not a fully qualified domain name"),
        (SMALL.replace('["acme.example"]', '["acme.example", "ACME.example"]'), "domain 'acme.example' stands twice"),
        (SMALL.replace('["acme.example"]', "[]"), "customers[0].domains: "),
        (SMALL + '[customers.actions]\nHDR-DATE = "warn"', "customers[0].actions.HDR-DATE: "),
        (SMALL + "[[customers.credentials]]\n", "a credential needs a username with a password, or networks"),
        (SMALL + '[[customers.credentials]]\nusername = "a"', "a username needs a password or a password_hash"),
        (SMALL + '[[customers.credentials]]\nusername = "a"\npassword = "short"', "credentials[0].password: "),
        (SMALL + '[[customers.credentials]]\nusername = "a+b"\npassword = "longenough"', "a username holds no '+'"),
        (SMALL + '[[customers.credentials]]\nusername = "a b"\npassword = "longenough"', "credentials[0].username: "),
        (
            SMALL + f'[[customers.credentials]]\nusername = "a"\npassword = "longenough"\npassword_hash = "{HASH}"',
            "write either password or password_hash",
        ),
        (
            SMALL + '[[customers.credentials]]\nnetworks = ["192.0.2.0/24"]\npassword = "longenough"',
            "a password needs a username",
        ),
        (SMALL + '[[customers.credentials]]\ncertificates = ["ab:cd"]', "credentials[0].certificates[0]: "),
        (
            SMALL + f'[[customers.credentials]]\ncertificates = ["{"ab" * 32}", "{"AB" * 32}"]',
            f"certificate '{'ab' * 32}' stands twice",
        ),
        (SMALL + '[[customers.credentials]]\nnetworks = ["192.0.2.1/24"]', "has host bits set; write it like"),
        (SMALL + '[[customers.credentials]]\nnetworks = ["mail.acme.example"]', "write it like '192.0.2.0/24'"),
        (
            SMALL + '[[customers.credentials]]\nnetworks = ["192.0.2.0/24", "192.0.2.0/24"]',
            "network '192.0.2.0/24' stands twice",
        ),
        (
            SMALL + '[[customers.credentials]]\nusername = "a"\npassword = "longenough"\n' * 2,
            "username 'a' stands twice",
        ),
        (
            SMALL + '[[customers.credentials]]\nusername = "a"\npassword_hash = "$argon2id$v=19$m=65536,t=3,p=4$X"',
            "customer 'acme': password_hash of 'a' is not an encoded argon2id hash",
        ),
        (
            SMALL
            + f'[[customers.credentials]]\nusername = "a"\npassword_hash = "{HASH.replace("m=65536", "m=16777216")}"',
            "password_hash of 'a' asks for more than m=1048576",
        ),
        (SMALL + 'minimum_grade = "E5"', "customers[0].minimum_grade: "),
        (SMALL + 'minimum_grade = "E1"', "minimum_grade = 'E1' is below E2 and needs minimum_grade_reason"),
        (
            SMALL + 'minimum_grade = "E0"\nminimum_grade_reason = "  "\nminimum_grade_until = 2027-01-31',
            "minimum_grade = 'E0' is below E2 and needs minimum_grade_reason",
        ),
        (
            SMALL + 'minimum_grade = "E1"\nminimum_grade_reason = "old list"',
            "needs minimum_grade_until, a date such as 2027-01-31",
        ),
        (
            SMALL + 'minimum_grade = "E1"\nminimum_grade_reason = "old list"\nminimum_grade_until = "soon"',
            "customers[0].minimum_grade_until: ",
        ),
        (SMALL + 'minimum_grade = "E3"\nminimum_grade_reason = "strict"', "explain a minimum_grade below E2"),
        (SMALL + "minimum_grade_until = 2027-01-31", "this one is E2: take them out"),
        (SMALL + SMALL, "id 'acme' stands at customer 'acme' and at 'acme'"),
        (
            SMALL + SMALL.replace('"acme"', '"brand"'),
            "domain 'acme.example' stands at customer 'acme' and at 'brand'",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "customers.toml"))
    assert "longenough" not in str(caught.value)


def test_a_lowered_grade_holds_to_the_end_of_its_last_day_and_then_e2_does() -> None:
    lowered = {"minimum_grade": "E1", "minimum_grade_reason": "old list", "minimum_grade_until": "2027-01-31"}
    acme = Customer.model_validate({"id": "acme", "name": "Acme", "domains": ["acme.example"], **lowered})
    assert acme.grade_on(date(2027, 1, 31)) == "E1"
    assert acme.grade_on(date(2027, 2, 1)) == "E2"
    assert Customer.model_validate_json(acme.model_dump_json(exclude_defaults=True)) == acme


@pytest.mark.parametrize("grade", ["E2", "E3", "E4"])
def test_a_grade_of_e2_and_above_has_no_end(grade: str) -> None:
    values = {"id": "acme", "name": "Acme", "domains": ["acme.example"], "minimum_grade": grade}
    assert Customer.model_validate(values).grade_on(date(9999, 12, 31)) == grade


def test_usernames_of_two_customers_differ_in_more_than_case(tmp_path: Path) -> None:
    credential = '[[customers.credentials]]\nusername = "{}"\npassword = "longenough"\n'
    other = SMALL.replace('"acme"', '"brand"').replace("acme.example", "brand.example")
    with pytest.raises(ConfigError, match="username 'app' stands at customer 'acme' and at 'brand'"):
        load(tmp_path, SMALL + credential.format("app") + other + credential.format("APP"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        (" 2001:DB8:0::/48 ", "2001:db8::/48"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::1", "::1/128"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_has_one_form(written: str, meant: str) -> None:
    assert Credential(networks=(written,)).networks == (meant,)


def test_an_executives_addresses_have_one_form() -> None:
    values = {"name": "Jane Roe", "addresses": [" Jane@ACME.example", "j@bücher.example"]}
    assert Executive.model_validate(values).addresses == ("jane@acme.example", "j@xn--bcher-kva.example")


@pytest.mark.parametrize(
    "address", ["jane", "@acme.example", "j r@acme.example", "<jane@acme.example>", "a@b@c.example", "jane@acme"]
)
def test_what_is_no_address_of_an_executive(address: str) -> None:
    with pytest.raises(ValueError, match=r"is not a mailbox such as|is not a fully qualified domain name"):
        Executive(name="Jane Roe", addresses=(address,))


def test_passwords_are_shown_and_dumped_nowhere() -> None:
    plain = Credential(username="app", password="correct horse")
    assert "correct horse" not in repr(plain) + plain.model_dump_json()
    assert HASH not in repr(Credential(username="app", password_hash=HASH))


def test_a_value_is_not_changed_once_it_is_there() -> None:
    customer = CustomersFile(customers=(Customer(id="a", name="A", domains=("a.example",)),)).customers[0]
    with pytest.raises(ValueError, match="frozen"):
        customer.mode = "observe"  # type: ignore[misc]


@pytest.mark.parametrize(
    "written",
    [
        "ab" * 32, "AB" * 32, ":".join(["ab"] * 32), ":".join(["AB"] * 32), " " + "ab" * 32, "sha256:" + "ab" * 32,
        "sha256 Fingerprint=" + ":".join(["AB"] * 32), "SHA256 Fingerprint=" + ":".join(["AB"] * 32),
    ],
)  # fmt: skip
def test_a_fingerprint_has_one_form(written: str) -> None:
    credential = Credential(certificates=(written,))
    assert credential.certificates == ("ab" * 32,)
    assert credential.name == "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    "written", ["", "ab" * 31, "ab" * 33, "xy" * 32, "ab" * 20, ":".join(["abab"] * 16), "ab:" * 32]
)
def test_what_is_no_fingerprint_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="openssl x509 -noout -fingerprint -sha256"):
        Credential(certificates=(written,))


def test_a_certificate_of_two_customers_in_one_file_is_refused() -> None:
    both = [
        {"id": name, "name": name, "domains": [f"{name}.example"], "credentials": [{"certificates": ["ab" * 32]}]}
        for name in ("a", "b")
    ]
    with pytest.raises(ValueError, match=r"certificate 'abab\S+' stands at customer 'a' and at 'b'"):
        CustomersFile.model_validate({"customers": both})


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("ACME-App", True), (" acme-app ", True), ("192.0.2.0/24", True), ("192.0.2.7/24", False), ("198.51.100.7", True),
        ("sha256:" + "ab" * 32, True), (":".join(["AB"] * 32), True), ("AB" * 32, True), ("acme", False), ("", False),
    ],
)  # fmt: skip
def test_a_credential_is_called_by_any_of_its_names_in_any_form(text: str, called: bool) -> None:
    credential = Credential(
        username="Acme-App",
        password="correct horse",
        networks=("192.0.2.0/24", "198.51.100.7/32"),
        certificates=("ab" * 32,),
    )
    assert credential.is_called(text) == called
