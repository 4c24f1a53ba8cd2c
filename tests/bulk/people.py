"""Names, places and firms that are put into made mail."""

import random
from dataclasses import dataclass

FIRST = [
    "Ann",
    "Bob",
    "Carla",
    "David",
    "Elena",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Karin",
    "Luis",
    "Maria",
    "Nils",
    "Olga",
    "Paul",
    "Quentin",
    "Rosa",
    "Stefan",
    "Tina",
    "Ulrich",
    "Vera",
    "Walter",
    "Xenia",
    "Yusuf",
    "Zoe",
    "Amelia",
    "Bruno",
    "Chiara",
    "Dmitri",
    "Emma",
    "Felix",
    "Giulia",
    "Hannah",
    "Ivan",
    "Julia",
    "Kofi",
    "Laura",
    "Marek",
    "Noor",
    "Oscar",
    "Petra",
    "Rafael",
    "Sofia",
    "Tomasz",
    "Ursula",
    "Victor",
    "Wanda",
    "Yara",
    "Zeno",
]
LAST = [
    "Abbot",
    "Becker",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Hoffmann",
    "Ivanov",
    "Jansen",
    "Keller",
    "Lopez",
    "Moreau",
    "Novak",
    "Olsen",
    "Petit",
    "Quinn",
    "Rossi",
    "Schmidt",
    "Torres",
    "Ullman",
    "Vogel",
    "Weber",
    "Young",
    "Zimmer",
    "Archer",
    "Bianchi",
    "Conti",
    "Duarte",
    "Evans",
    "Ferrari",
    "Gruber",
    "Huber",
    "Iversen",
    "Jung",
    "Koch",
    "Lang",
    "Marin",
    "Nowak",
    "Ortega",
    "Pereira",
    "Ruiz",
    "Simon",
    "Thomas",
    "Urban",
    "Vidal",
    "Wagner",
    "Yilmaz",
    "Ziegler",
    "Almeida",
]
CITY = [
    "Bremen",
    "Lyon",
    "Porto",
    "Gdansk",
    "Utrecht",
    "Turin",
    "Leeds",
    "Graz",
    "Malaga",
    "Ghent",
    "Aarhus",
    "Bergen",
    "Split",
    "Cork",
    "Basel",
    "Brno",
    "Tartu",
    "Nantes",
    "Vigo",
    "Siena",
    "Bad Homburg",
    "Saint Malo",
    "Den Haag",
    "San Sebastian",
    "New Haven",
]
COMPANY = [
    f"{a} {b}"
    for a in [
        "North",
        "Delta",
        "Blue",
        "Granite",
        "Harbour",
        "Lumen",
        "Maple",
        "Orbit",
        "Quartz",
        "Silver",
        "Terra",
        "Vertex",
    ]
    for b in ["Foods", "Logistics", "Studios", "Systems Ltd", "Partners", "Tools GmbH", "Works & Co", "Energy"]
]


@dataclass(frozen=True)
class Person:
    """Somebody with an address."""

    first: str
    last: str
    city: str
    company: str
    number: int

    @property
    def name(self) -> str:
        """First and last."""
        return f"{self.first} {self.last}"

    @property
    def address(self) -> str:
        """Different for each number."""
        return f"{self.first}.{self.last}.{self.number}@mail{self.number % 7}.example".lower()


def person(draw: random.Random, number: int) -> Person:
    """Anybody."""
    return Person(draw.choice(FIRST), draw.choice(LAST), draw.choice(CITY), draw.choice(COMPANY), number)


def fields(draw: random.Random, whom: Person) -> dict[str, str]:
    """What is merged for one recipient."""
    token = "".join(draw.choices("abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=draw.choice((8, 16, 40))))
    return {
        "first": whom.first,
        "name": whom.name,
        "company": whom.company,
        "city": whom.city,
        "date": draw.choice((f"{draw.randint(1, 28)}.{draw.randint(1, 12)}.", f"{draw.randint(1, 28)} November", "Friday", f"2026-11-{draw.randint(10, 28)}")),
        "n": str(draw.randint(3, 99_999)),
        "amount": draw.choice((f"{draw.randint(5, 900)} EUR", f"€{draw.randint(1, 99)}.{draw.randint(10, 99)}", f"$ {draw.randint(10, 2000)}")),
        "code": "".join(draw.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=8)),
        "link": f"https://www.shop.example/c/{draw.randint(1, 9)}",
        "token": token,
    }  # fmt: skip
