"""Words that sell and words of mail that is called for, in four languages."""

import pytest

from filters.selling import CALLED_FOR, CLOSING, LEAVING, SELLING, folded


def kinds(text: str) -> set[str]:
    return {kind for kind, (_, pattern) in {**SELLING, **CALLED_FOR}.items() if pattern.search(folded(text))}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Up to 60% off everything", "off"), ("30 % Rabatt auf alles", "off"), ("Jusqu’à −50 %", "off"),
        ("hasta un 50 % de descuento", "off"), ("Sparen Sie bis zu 15 €", "off"), ("3 por 2", "off"),
        ("Was £180, now £89", "cut"), ("statt 149,00 € nur 104,30 €", "cut"), ("89 € au lieu de 149 €", "cut"),
        ("Winter sale", "sale"), ("Sommerschlussverkauf", "sale"), ("Les soldes", "sale"), ("Rebajas de enero", "sale"),
        ("Enter code SPRING", "coupon"), ("Ihr Rabattgutschein", "coupon"), ("avec le code MERCI10", "coupon"),
        ("Shop now", "buy"), ("Jetzt kaufen", "buy"), ("J’en profite", "buy"), ("Comprar ahora", "buy"),
        ("You may also like", "suggest"), ("Das könnte Ihnen auch gefallen", "suggest"), ("Vous aimerez aussi", "suggest"),
        ("While stocks last", "urgent"), ("solange der Vorrat reicht", "urgent"), ("hasta agotar existencias", "urgent"),
        ("View this email in your browser", "browser"), ("Im Browser ansehen", "browser"), ("Ver en el navegador", "browser"),
        ("Order number: 4417-20938", "order"), ("Bestellnummer: 302-884", "order"), ("commande n° FR-77120", "order"),
        ("Número de pedido: 55-20391", "order"), ("Amount due: EUR 148.75", "money"), ("Gesamtbetrag inkl. MwSt.", "money"),
        ("Montant à payer", "money"), ("Total a pagar: 387,20 €", "money"), ("Tracking number: JD0146", "way"),
        ("Sendungsnummer: 0034", "way"), ("Numéro de suivi : 6A", "way"), ("Dirección de envío", "way"),
        ("Reset your password", "account"), ("Passwort zurücksetzen", "account"), ("votre mot de passe", "account"),
        ("Cambia tu contraseña", "account"), ("123 884 is your Acme code", "account"), ("Ihr Bestätigungscode", "account"),
        ("Activate your new account", "account"), ("Activer mon compte", "account"), ("Activa tu cuenta", "account"),
        ("Your appointment on Tuesday", "booking"), ("Terminerinnerung", "booking"), ("votre rendez-vous", "booking"),
    ],
)  # fmt: skip
def test_what_is_meant(text: str, kind: str) -> None:
    assert kind in kinds(text)


@pytest.mark.parametrize(
    "text",
    ["sales tax 20%", "VAT 20 %", "19 % MwSt.", "see the sales team", "The meeting is at ten", "pages 3-50", "100 % Baumwolle", "wholesale"],
)  # fmt: skip
def test_what_says_nothing(text: str) -> None:
    assert not kinds(text) & SELLING.keys()


def test_leaving_and_closing() -> None:
    for text in ("Unsubscribe here", "Newsletter abbestellen", "Se désabonner", "Darse de baja"):
        assert LEAVING.search(folded(text))
    for text in ("Kind regards", "Mit freundlichen Grüßen", "Cordialement", "Atentamente"):
        assert CLOSING.search(folded(text))


def test_folding() -> None:
    assert folded("  CAFÉ\u00a0au\u200b lait:\r\n https://a.example/SALE?x=1 ") == "cafe au lait: @"
    assert len(folded("\ufdfa" * 100)) <= 200
