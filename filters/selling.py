"""Selling: the words by which mail sells, and those of mail that its recipient's own act calls for. Pure.

English, German, French and Spanish, in lower case and without accents, as `folded` writes them. Each kind is one
pattern; each alternative is bounded, so time is linear. They are habits of language and none is proof: it is
`filters.promotion` that weighs them.
"""

import re
import unicodedata

_UNSEEN = dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF))
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"]+")


def folded(text: str) -> str:
    """A text in lower case, accents and what has no width taken out, white space one space each, URLs as `@`.

    Of what grows when it is taken apart, such as ligatures of a whole sentence, twice the length is kept.
    """
    text = _URL.sub("@", " ".join(text.split()))
    if not text.isascii():
        length = len(text)
        text = unicodedata.normalize("NFKD", text.translate(_UNSEEN).replace("’", "'"))[: 2 * length]
        text = "".join(each for each in text if not unicodedata.combining(each))
    return text.casefold()


def _any(*words: str) -> re.Pattern[str]:
    """Any of these, where a word begins."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})")


_SUM = r"(?:[£$€] ?\d{1,6}(?:[.,]\d{2})?|\d{1,6}(?:[.,]\d{1,2})? ?(?:€|euros?\b|eur\b|usd\b|gbp\b|chf\b))"

SELLING: dict[str, tuple[int, re.Pattern[str]]] = {
    "off": (3, re.compile(
        r"\d{1,2} ?(?:%|percent|prozent|pour cent|por ciento) ?(?:off\b|discount|(?:\w{1,12} ){0,2}(?:rabatt"
        r"|reduction|"
        r"remise|descuento|dto\b|reduziert|gespart|gunstiger)|auf (?:alle|das|unser|ihre|den|dein))"
        r"|(?<!\w)(?:save|sparen sie|spare|sie sparen|ahorra|economisez|jusqu'a|up to|bis zu|hasta(?: un)?)"
        r"(?: \w{1,12}){0,2} ?[-−]? ?(?:\d{1,2} ?%|[£$€] ?\d|\d[\d .]{0,6} ?€)"
        r"|(?<![\w%.,])[-−–]\d{1,2} ?%|(?<!\w)\w{0,12}rabatt (?:auf|fur)|(?<!\w)half (?:the )?price"
        r"|(?<!\w)zum halben preis|(?<!\w)moitie prix|(?<!\w)mitad de precio|(?<!\w)(?:2|two|3|three) (?:for|por"
        r"|fur) (?:1|one|2|two|the price)"
        r"|(?<!\w)for the price of|(?<!\w)zum preis von \d|achetes? ?= ?\d|(?<!\w)buy one|(?<!\w)segunda unidad"
        r"|(?<!\w)[£$€]?\d{1,4} ?[€]? (?:off|de reduction|de remise|de descuento|rabatt|offerts?|geschenkt"
        r"|de regalo)\b"
        r"|(?<!\w)de remise sur"
    )),
    "cut": (3, re.compile(
        rf"(?<!\w)(?:was|statt|au lieu de|antes|instead of|bisher nur|jetzt nur|nur noch|now only|maintenant|only"
        rf"|nur|solo|ahora) {_SUM}"
        r"|(?<!\w)prix (?:casses|reduits|doux)|(?<!\w)(?:best|lowest|mejores|meilleurs|beste) (?:price|prix|preis"
        r"|precio)s?\b"
        r"|(?<!\w)precio especial|(?<!\w)special price|(?<!\w)sonderpreis"
    )),
    "sale": (2, _any(
        r"sales?\b(?! (?:tax|team|order|receipt|department|rep))", "black friday", "cyber monday", "clearance",
        "deals?\\b", "special offer", "(?:exclusive|limited|our|great|latest|special) offers?",
        "offer (?:is|ends|valid|expires)", r"\w{0,12}schlussverkauf", "ausverkauf",
        r"(?:unsere?|alle|diese?s?|das|top-?|sonder)\W?angebote?\b", "angebote? (?:der woche|gilt|gelten|fur sie)",
        "aktion gultig", "schnappchen", r"soldes\b(?! de)", "ventes? privees?", "bons? plans?", r"promotions?\b",
        r"promos?\b", r"promocion(?:es)?\b", "offres? (?:exclusi|speciale|reserve|valable|du moment)", "nos offres",
        r"rebajas\b", r"(?:nuestras |las |todas las )?ofertas?\b(?! de empleo)", "liquidacion", "oportunidad",
    )),
    "coupon": (3, _any(
        r"coupons?\b", "promo(?:tion)? ?codes?", "(?:with|use|enter|your) (?:the |this )?code:?", "voucher code",
        "rabattcode", r"(?:\w{0,14})gutschein", "code promo", "avec le code", "code avantage", "bon d'achat",
        "bon de reduction", "utiliser mon bon", "codigo (?:promocional|de descuento)", "con el codigo",
        r"cupon(?:es)?\b", "gift cards?", "redeem", "einlos", "canje",
    )),
    "reward": (2, _any(
        "exclusive reward", "your reward", "free gift", "claim (?:your|my)", "cadeau", "geschenk(?! ?gutschein)",
        "geschenkt", "regalo", "te regalamos", "gratis dazu", "en prime", "just for you", "only for you",
        "nur fur sie", "rien que pour vous", "solo para ti", "pensad[ao]s? para ti", "reserved for", "reserve aux?",
        "exclusively for", "vorteil", r"ventajas\b", "refer a friend", "empfehlen sie uns", "parraine",
        "invita a un amigo", "treuepunkte", "punkte einlosen", "fidelite", "double points", "treat yourself",
        "we miss you", "congratulations", "a little something", "wir vermissen", "vous nous manquez",
        "te echamos de menos",
    )),
    "buy": (3, _any(
        "shop (?:now|the|our|online|today)", "shop for", "buy (?:now|today|yours|online)",
        "order (?:now|yours|today|within \\d)", "add to (?:basket|cart|bag)", "get yours", "browse (?:the|our|all)",
        "jetzt (?:kaufen|bestellen|shoppen|sichern|zugreifen|entdecken|buchen|sparen|anmelden|kostenlos|testen"
        "|ausprobieren|tarif|wechseln|spenden)", "(?:bestellen|kaufen|shoppen|greifen) sie (?:jetzt|heute|gleich|zu)",
        "in den warenkorb", "(?:zum|im) (?:online-?)?shop", "sichern? (?:sie )?(?:sich|dir)",
        "(?:ajouter|finaliser) (?:au panier|mes achats)", "acheter\\b", "achetez", "commandez", "j'en profite",
        "profitez", "en profiter", "visiter la boutique", "je m'abonne", "compra(?:r)? (?:ahora|ya|hoy|online)",
        "anadir (?:al|a la) (?:carrito|cesta)", "aprovecha", "llevate", "lleva ?te", "terminar mi compra",
        "complete your (?:purchase|order)", "consigue", "hazte con", "nachste[rn]? (?:einkauf|bestellung)",
        "next (?:order|purchase)", "prochaine? (?:commande|achat)", "proxima compra",
    )),
    "look": (2, _any(
        "discover", "explore (?:the|our|all)", "see the collection", "check out (?:the|our)", r"\w{0,14} ?entdecken\b",
        "entdecke", "lass dich inspirieren", "stobern", "decouvr", "a decouvrir", "je decouvre",
        "venez (?:essayer|decouvrir|deguster)", "descubr", "ver (?:todas|todos|vestidos|la coleccion|las ofertas)",
        "no te pierdas", "don't miss", "do not miss", "ne manquez pas", "nicht verpassen",
    )),
    "new": (2, _any(
        "new (?:\\w{1,12} )?(?:collection|arrivals?|season|range|styles)", "just (?:landed|in\\b)", "has landed",
        "neue (?:\\w{1,14} )?(?:kollektion|modelle)", "neuheiten", "frisch eingetroffen", "neu eingetroffen",
        "nouvelle collection", "nouveautes", "nouveaux modeles", "nueva coleccion", "novedades", "best-?sellers?",
        "lieblingsstucke", "coup de coeur", "collection is here", "new (?:this|in) (?:week|store)", "gift ideas",
        "geschenkideen", "idees? cadeaux?", "coffrets? cadeaux?",
    )),
    "suggest": (2, _any(
        "you (?:may|might|will|'ll) (?:also )?(?:like|love)", "recommended for you", "customers (?:also|love)",
        "our customers love", "people also", "das konnte (?:ihnen|dir) auch", "(?:andere )?kunden kauften",
        "passend dazu", "unser tipp", r"tipp:", "empfehlungen fur", "vous aimerez", "vous (?:pourriez|devriez) aussi",
        "nos client(?:e)?s adorent", "recommande pour vous", "te puede (?:gustar|interesar)", "tambien te",
        "(?:otros|nuestros) clientes", "a nuestros clientes", "completa tu", "complete your (?:kit|look|set)",
        "completez",
    )),
    "urgent": (2, _any(
        "hurry", "last chance", "final hours",
        "(?:ends?|expires?) (?:on |this |in |at )?(?:today|tonight|midnight|soon|sunday|saturday|friday|monday"
        "|\\d{1,2} hours)", "limited time", "while (?:stocks?|supplies) last", "selling fast", "only \\d{1,3} left",
        "before it'?s gone", "nur (?:noch )?(?:heute|bis|dieses?|diese woche|wenige|\\d{1,3} stuck|an diese)",
        "solange (?:der )?vorrat", "letzte chance", "nur solange", "schnell sein", "begrenzt", "gilt nur",
        "gelten nur", "ausverkauft sind", "vergriffen", "derniers? (?:jours|chance)", "derniere chance",
        "dans la limite des stocks", "plus que \\d", "vite\\b", "(?:deux|trois) jours seulement", "seulement\\b",
        "jusqu'a (?:dimanche|samedi|ce soir|epuisement)", "(?:solo|solamente) (?:hoy|hasta|esta semana|el|quedan)",
        "hasta agotar", "ultim[ao]s? (?:dias?|oportunidad|horas)", "date prisa", "solo quedan", "plazas limitadas",
        "places? (?:limitees|are limited)", "seats are (?:limited|few)", "limited seats", "verfallen bald",
        "partent vite",
    )),
    "free": (1, _any(
        "free (?:shipping|delivery|trial|webinar|of charge delivery)", "versandkostenfrei",
        "(?:kostenloser|gratis) ?versand", "wir schenken", "livraison (?:offerte|gratuite)",
        "offerte?s? (?:des|la|le|pour)", "(?:mois|jours) offerts", "sans engagement", "envio gratis", "sin compromiso",
        "gastos de envio gratis", "no credit card", "gratis testen", "essai gratuit", "prueba ?(?:lo)? gratis",
        "pruebalo", "devis gratuit", "kostenlos testen",
    )),
    "invite": (2, _any(
        "join us", "webinar", "save (?:my|your) seat", "register (?:now|today|here|free)", "you(?:'re| are) invited",
        "book a demo", "request a demo", "einladung", "laden (?:wir )?sie (?:herzlich )?", "wir laden",
        "messe\\w{0,8}", "vous inviter", "inscription gratuite", "je m'inscris", "portes? ouvertes?", "te invitamos",
        "os invitamos", "reserva tu plaza", "jornada gratuita", "charla gratuita", "reserver mon essai",
        "obtenir mon devis", "demandez (?:votre|un) devis",
    )),
    "upgrade": (2, _any(
        "upgrade (?:now|and|to|today|this week)", "go (?:pro|premium)", "(?:mejora|mejorar) (?:tu plan|ahora)",
        "passez a", "jetzt upgraden", "gunstig(?:er)? wechseln", "doppeltes datenvolumen", "get more out of",
        "bestandskunden", "nouveaux clients", "unlock", "start your (?:free|\\d)", "neukunden", "paga menos",
        "get (?:three|two|\\d) months", "mois pendant un an", "im ersten jahr", "ersten (?:drei|sechs) monaten",
        "la premiere annee", "ahorra", "kann mehr",
    )),
    "pitch": (2, _any(
        "(?:money|cash)[- ]back", "risk[- ]free", "no (?:risk|obligation)",
        "100 ?% (?:free|satisfaction|gratis|kostenlos)", "(?:you can )?(?:earn|make) (?:money|[$£€] ?\\d|extra)",
        "lowest (?:rates?|prices?)", "(?:free|no[- ]obligation) (?:quote|consultation|estimate)",
        "save (?:money|thousands|hundreds|big|up to)", "(?:quick|short|fifteen minute|15[- ]minute) call",
        "(?:companies|businesses|teams) like yours", "here is my calendar", "kurzes telefonat", "viertelstunde",
        "unverbindlich", "ohne risiko", "geld[- ]zuruck", "hier ist mein kalender", "sans risque",
        "satisfait ou rembourse", "un quart d'heure", "sin riesgo", "una llamada", "costs nothing when",
        "(?:is|are) on us\\b", "everything must go", "special(?:ly)? (?:prices?|rates?|savings)",
        "our (?:best|new|latest) (?:products?|range|wines?|models?)", "limited (?:edition|stock|quantity)",
    )),
    "news": (2, _any(
        "newsletter", "boletin", "lettre d'information", "la lettre du", "nos actualites",
        "our (?:monthly |weekly )?(?:letter|digest)", "letter from", "because you (?:signed up|subscribed)",
        "porque te suscribiste", "vous (?:recevez|etes abonne)", "recibes este (?:boletin|correo)",
        "weil sie sich angemeldet",
    )),
    "browser": (2, _any(
        "(?:view|read|open)(?: this| it)?(?: \\w{1,8})? (?:in|online) (?:your |a |the )?(?:web )?browser",
        "im browser (?:ansehen|anzeigen|offnen)", "(?:dans|avec) (?:votre|le|un) navigateur", "version en ligne",
        "ver en (?:el|tu) navegador", "online-?version", "web version",
    )),
    "more": (1, _any(
        "read (?:more|on)\\b", "learn more", "weiterlesen", "mehr (?:erfahren|lesen)", "lire la suite",
        "en savoir plus", "leer mas", "saber mas", "mas informacion",
    )),
}  # fmt: skip
"""What sells, by kind: its weight, and what it looks like."""

CALLED_FOR: dict[str, tuple[int, re.Pattern[str]]] = {
    "order": (3, re.compile(
        r"(?<!\w)(?:order|purchase|bestell|auftrags|rechnungs|kunden|vertrags|vorgangs|buchungs|sendungs|commande"
        r"|pedido|compra|facture|factura|invoice|receipt|ticket|bon|tique|recu|recibo|contrat\w?|dossier|case"
        r"|reference|referencia|articulo|devolucion|retour|return)"
        r"\w{0,14} ?(?:(?:number|no\.?|nr\.?|id|n ?[°ºo]\.?|reference|ref\.?|num\.?"
        r"|numero(?: de \w{1,12})?)[: ]{0,3})?#? ?(?=[\w/-]{0,12}\d{3})[\w/-]{3,24}"
        r"|(?<!\w)(?:bestell|auftrags|rechnungs|kunden|vertrags|buchungs|ticket|vorgangs)(?:-?nummer|-?nr)"
        r"|(?<!\w)(?:order|invoice|booking|contract|customer|case|confirmation) (?:number|no\b|reference|id\b)"
        r"|(?<!\w)(?:numero|n[°º]|reference|referencia|localizador) (?:de |du |d')?(?:\w{1,12} )?(?:commande"
        r"|facture|client|dossier|contrat|reservation|pedido|factura|contrato|reserva|retour)"
        r"|(?<!\w)(?:thank you|thanks) for (?:your|the) (?:order|purchase|payment)|(?<!\w)vielen dank fur (?:ihre"
        r"|deine[nr]?|ihren) (?:bestellung|einkauf|kauf|zahlung)"
        r"|(?<!\w)(?:merci pour votre (?:commande|achat)|gracias por tu (?:compra|pedido))|(?<!\w)localizador"
        r"|(?<!\w)order (?:confirmation|confirmed|details|summary)"
        r"|(?<!\w)(?:bestellung|auftrag)\w{0,3} (?:ist )?(?:eingegangen|erhalten|wie folgt)"
        r"|(?<!\w)auftragsbestatigung|(?<!\w)confirmation de (?:votre )?commande|(?<!\w)(?:hemos recibido"
        r"|confirmacion de) (?:tu|su) (?:pedido|compra)"
    )),
    "money": (2, re.compile(
        r"^(?:sub-?|grand )?total\b|(?<!\w)total (?:paid|due|charged|ttc|pagado|a pagar|paye|\(?iva|price)"
        r"|(?<!\w)(?:amount|balance) (?:due|paid|charged)|(?<!\w)payment (?:received|method|of|failed)"
        r"|(?<!\w)(?:ending|endet) (?:in|on|auf) ?\d|(?<!\w)ending \d{4}"
        r"|(?<!\w)(?:gesamt|rechnungs|end|zahl)(?:betrag|summe|preis)|(?<!\w)(?:inkl\.?"
        r"|zzgl\.?) (?:\d{1,2} ?% )?mwst|(?<!\w)fallig (?:am|bis)|(?<!\w)lastschrift|(?<!\w)zahlungs(?:art"
        r"|eingang|bestatigung)|(?<!\w)montant|(?<!\w)total ttc|(?<!\w)\w{0,6} ?preleve|(?<!\w)prelevement"
        r"|(?<!\w)(?:importe|base imponible|total a pagar|iva incluido|con cargo a|hemos cobrado|vencimiento)"
        r"|(?<!\w)(?:terminada en|se terminant par) \d|(?<!\w)(?:refund|erstatt|rembours|reembols)|(?<!\w)iban\b"
        r"|(?<!\w)due date|(?<!\w)prix paye|(?<!\w)price paid"
        r"|(?<!\w)summe\b|(?<!\w)abschlag\b|(?<!\w)arbeitspreis"
    )),
    "way": (3, _any(
        "tracking (?:number|id|code)", "track (?:your|my) (?:parcel|order|package|shipment)", "has (?:been )?shipped",
        "on its way", "(?:out for|estimated) delivery", "(?:delivery|shipping|billing) address", "left our warehouse",
        "sendungs(?:nummer|verfolgung|verfolgen)", "sendung verfolgen", "versandbestatigung",
        "wurde (?:heute )?(?:an \\w{2,10} ubergeben|versandt|verschickt)", "(?:liefer|rechnungs)(?:adresse|anschrift)",
        "voraussichtliche", "numero de suivi", "suivre (?:mon|ma|votre) (?:colis|commande)", "adresse de livraison",
        "a ete expediee?", "livraison prevue", "est en route", "a quitte notre", "numero de seguimiento", "seguir mi",
        "direccion de (?:envio|entrega)", "(?:ya )?esta en camino", "ha salido hoy", "entrega prevista",
    )),
    "account": (4, _any(
        "reset (?:your |the |my )?password", "(?:new|change your|choose a new) password",
        "forgot(?:ten)? (?:your )?password", "(?:verification|security|one-time|login|access) (?:code|passcode)",
        "is your \\w{1,20} (?:\\w{1,14} )?code", "sign(?:ed)?[ -]in (?:from|to|attempt)",
        "new (?:device|sign-?in|login)", "(?:if )?(?:this|it) was(?:n't| not) you",
        "if you did not (?:ask|request|try)", "(?:confirm|verify) your (?:e-?mail|address|account)",
        "passwort (?:zurucksetzen|andern|vergessen)", "neues passwort", "ihr passwort",
        "(?:bestatigungs|sicherheits|einmal|zugangs)code", "anmeldung von einem", "sicherheits(?:warnung|hinweis)",
        "e-?mail-?adresse (?:bestatigen|mit)", "bestatigen sie (?:bitte )?ihre", "zwei-faktor",
        "diese anforderung nicht", "waren sie das nicht", "mot de passe",
        "code de (?:verification|securite|connexion)", "nouvelle connexion", "n'etes pas a l'origine",
        "a ete modifiee", "confirmer? votre adresse", "contrasena", "codigo de (?:verificacion|seguridad|acceso)",
        "inicio de sesion", "si no has sido tu", "confirma(?:r)? (?:tu|su|mi) (?:direccion|correo)",
        "no reconoce esta", "si no has creado", "ne communiquez ce code", "do not share this code",
        "konto zu aktivieren",
        "activat(?:e|ing) (?:your |my )?(?:new )?account", "konto aktivieren", "activer (?:votre|mon) compte",
        "activar? (?:tu|mi|su) cuenta",
    )),
    "booking": (2, _any(
        "booking (?:reference|number|confirmation)",
        "(?:your|the) (?:booking|reservation|tickets?|flight|seat)s? (?:is|are|has|for|on)", "check-?in",
        "departure(?: time)?", "your appointment", "an appointment", "reminder of your", "doors? (?:open )?\\d",
        "row \\w{1,3}\\b", "schedule change", "reservierung", "buchungs(?:nummer|bestatigung)", "anreise", "abreise",
        "abflug", "ihre[nr]? (?:termin|buchung)", "termin(?:erinnerung| verschieben)", "kostenfrei stornieren",
        "stornier", "votre rendez-vous", "rappel de votre", "(?:e-?)?billets?\\b", "votre (?:reservation|location)",
        "depart :", "arrivee :", "annul", "su (?:cita|viaje|reserva)", "recordatorio", "salida:", "le recordamos",
        "anden", "gestionar mi reserva",
    )),
    "case": (2, _any(
        r"\[?ticket ?#", "(?:opened|created) (?:a )?(?:ticket|case)",
        "we have (?:received|opened) your (?:request|return|ticket)", "ihre (?:anfrage|nachricht)", "einen vorgang",
        "ticketnummer", "votre (?:demande|retour)", "incidencia", "su (?:solicitud|consulta)",
        "hemos recibido (?:el|su|tu)", "your (?:return|refund|request)", "tu devolucion",
    )),
    "contract": (2, _any(
        "renews? (?:automatically )?on", "will be (?:charged|collected|debited)",
        "(?:your )?subscription (?:renews|ends|expires)", "attached (?:is |please find )?(?:your )?invoice", "invoice",
        "ihre rechnung", "ihr vertrag", "preisanpassung", "kundigungsrecht", "anbei erhalten", "votre facture",
        "votre abonnement", "seront debites", "periode d'essai se termine", "prend fin", "resili",
        "factura\\b(?! de la luz)", "renovacion", "se renovara", "caduca", "price goes up",
    )),
}  # fmt: skip
"""What marks mail that its recipient's own act calls for, by kind: its weight, and what it looks like."""

LEAVING = _any(
    "unsubscri", "opt[ -]out", "manage (?:your |email )?preferences", "email preferences", "abmelden\\b", "abbestell",
    "keine (?:weiteren )?(?:e-?mails|einladungen)", "vom newsletter", "se desabonner", "se desinscrire", "desabonn",
    "desinscri", "ne plus recevoir", "darse de baja", "date de baja", "cancelar (?:la )?suscripcion",
    "comunicaciones comerciales", "dejar de recibir",
)  # fmt: skip
"""By which one leaves a list."""

CLOSING = _any(
    "(?:kind|best|warm) regards", "yours (?:sincerely|faithfully)", "questions\\?", "(?:if you have )?any questions",
    "need help", "contact us", "mit freundlichen", "viele grusse", "bei fragen", "fragen\\?", "cordialement",
    "service client", "des questions", "un saludo", "atentamente", "atencion al cliente", "¿?dudas",
    "terms (?:and|of)", "privacy", "datenschutz", "impressum", "geschaftsfuhrer", "agb\\b", "mentions legales",
    "aviso legal", "all rights reserved", "©", "registered (?:in|office)",
)  # fmt: skip
"""What stands beneath a message and says nothing of its purpose."""
