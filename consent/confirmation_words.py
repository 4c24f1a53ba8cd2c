"""Confirmation words: what the mail that asks to confirm an opt-in says, and its page, in four languages. Literals;
what stands in braces is put in by whoever writes it. The languages are those of `consent.unsubscribe_words`."""

from collections.abc import Mapping

MAIL: Mapping[str, Mapping[str, str]] = {
    "en": {
        "subject": "Please confirm: {list}",
        "why": "On {date} {sender} was told that you want the mail of the list “{list}” at this address.",
        "act": "If that is so, confirm it on this page:",
        "until": "The link works once, and until {until} (UTC).",
        "ignore": "If it is not so, you need do nothing. Without your confirmation nobody is subscribed.",
        "via": "Sent for {sender} by the mail gateway {gateway}.",
    },
    "fr": {
        "subject": "Veuillez confirmer\u00a0: {list}",
        "why": "Le {date}, {sender} a été informé que vous souhaitez recevoir à cette adresse les messages de la liste "
        "«\u00a0{list}\u00a0».",
        "act": "Si c’est exact, confirmez-le sur cette page\u00a0:",
        "until": "Le lien fonctionne une seule fois, jusqu’au {until} (UTC).",
        "ignore": "Sinon, vous n’avez rien à faire. Sans votre confirmation, personne n’est abonné.",
        "via": "Envoyé pour {sender} par la passerelle de messagerie {gateway}.",
    },
    "de": {
        "subject": "Bitte bestätigen: {list}",
        "why": "Am {date} wurde {sender} mitgeteilt, dass Sie die E-Mails der Liste „{list}“ an diese Adresse möchten.",
        "act": "Wenn das stimmt, bestätigen Sie es auf dieser Seite:",
        "until": "Der Link gilt einmal, und bis {until} (UTC).",
        "ignore": "Wenn nicht, brauchen Sie nichts zu tun. Ohne Ihre Bestätigung wird niemand angemeldet.",
        "via": "Gesendet für {sender} vom Mail-Gateway {gateway}.",
    },
    "es": {
        "subject": "Confirme, por favor: {list}",
        "why": "El {date} se comunicó a {sender} que usted quiere recibir en esta dirección los mensajes de la lista "
        "«{list}».",
        "act": "Si es así, confírmelo en esta página:",
        "until": "El enlace sirve una sola vez, hasta el {until} (UTC).",
        "ignore": "Si no es así, no tiene que hacer nada. Sin su confirmación no se suscribe a nadie.",
        "via": "Enviado para {sender} por la pasarela de correo {gateway}.",
    },
}

PAGE: Mapping[str, Mapping[str, str]] = {
    "en": {
        "ask_title": "Do you want this mail?",
        "ask": "With your confirmation you get the mail of the list “{list}” from {sender}.",
        "button": "Yes, I want this mail",
        "hint": "If you did not ask for it, close this page: without your confirmation nobody is subscribed.",
        "confirmed_title": "Confirmed",
        "confirmed": "You get the mail of the list “{list}” from {sender}. You can unsubscribe at any time with the "
        "link in each message.",
        "already_title": "Confirmed already",
        "already": "You confirmed on {date} that you want the mail of the list “{list}” from {sender}. There is "
        "nothing more to do.",
        "expired_title": "This link has expired",
        "expired": "Nobody was subscribed. If you want the mail, sign up with the sender again.",
        "withdrawn_title": "Not confirmed",
        "withdrawn": "Since this mail was asked for, it was recorded that you do not want it. If you want it, sign up "
        "with the sender again.",
        "from": "Sender",
        "address": "Postal address",
        "contact": "Contact",
        "list": "List",
        "frequency": "How often",
        "asked": "Asked for",
        "notice": "What you agree to",
        "until": "This link is good until",
        "languages": "Language",
    },
    "fr": {
        "ask_title": "Voulez-vous recevoir ces messages\u00a0?",
        "ask": "Avec votre confirmation, vous recevrez les messages de la liste «\u00a0{list}\u00a0» de {sender}.",
        "button": "Oui, je veux recevoir ces messages",
        "hint": "Si vous n’avez rien demandé, fermez cette page\u00a0: sans votre confirmation, personne n’est abonné.",
        "confirmed_title": "Confirmé",
        "confirmed": "Vous recevrez les messages de la liste «\u00a0{list}\u00a0» de {sender}. Vous pouvez vous "
        "désabonner à tout moment avec le lien de chaque message.",
        "already_title": "Déjà confirmé",
        "already": "Vous avez confirmé le {date} que vous voulez recevoir les messages de la liste "
        "«\u00a0{list}\u00a0» de {sender}. Il n’y a plus rien à faire.",
        "expired_title": "Ce lien a expiré",
        "expired": "Personne n’a été abonné. Si vous voulez recevoir ces messages, inscrivez-vous de nouveau auprès de "
        "l’expéditeur.",
        "withdrawn_title": "Non confirmé",
        "withdrawn": "Depuis la demande, il a été enregistré que vous ne voulez pas de ces messages. Si vous les "
        "voulez, inscrivez-vous de nouveau auprès de l’expéditeur.",
        "from": "Expéditeur",
        "address": "Adresse postale",
        "contact": "Contact",
        "list": "Liste",
        "frequency": "Fréquence",
        "asked": "Demandé",
        "notice": "Ce que vous acceptez",
        "until": "Ce lien est valable jusqu’au",
        "languages": "Langue",
    },
    "de": {
        "ask_title": "Möchten Sie diese E-Mails?",
        "ask": "Mit Ihrer Bestätigung erhalten Sie die E-Mails der Liste „{list}“ von {sender}.",
        "button": "Ja, ich möchte diese E-Mails",
        "hint": "Wenn Sie nicht darum gebeten haben, schließen Sie diese Seite: Ohne Ihre Bestätigung wird niemand "
        "angemeldet.",
        "confirmed_title": "Bestätigt",
        "confirmed": "Sie erhalten die E-Mails der Liste „{list}“ von {sender}. Mit dem Link in jeder E-Mail können "
        "Sie sich jederzeit abmelden.",
        "already_title": "Schon bestätigt",
        "already": "Sie haben am {date} bestätigt, dass Sie die E-Mails der Liste „{list}“ von {sender} möchten. Es "
        "ist nichts mehr zu tun.",
        "expired_title": "Dieser Link ist abgelaufen",
        "expired": "Es wurde niemand angemeldet. Wenn Sie die E-Mails möchten, melden Sie sich beim Absender neu an.",
        "withdrawn_title": "Nicht bestätigt",
        "withdrawn": "Seit der Anmeldung wurde vermerkt, dass Sie diese E-Mails nicht möchten. Wenn Sie sie möchten, "
        "melden Sie sich beim Absender neu an.",
        "from": "Absender",
        "address": "Postanschrift",
        "contact": "Kontakt",
        "list": "Liste",
        "frequency": "Wie oft",
        "asked": "Angefragt",
        "notice": "Worin Sie einwilligen",
        "until": "Dieser Link gilt bis",
        "languages": "Sprache",
    },
    "es": {
        "ask_title": "¿Quiere recibir estos mensajes?",
        "ask": "Con su confirmación recibirá los mensajes de la lista «{list}» de {sender}.",
        "button": "Sí, quiero recibir estos mensajes",
        "hint": "Si no lo ha pedido, cierre esta página: sin su confirmación no se suscribe a nadie.",
        "confirmed_title": "Confirmado",
        "confirmed": "Recibirá los mensajes de la lista «{list}» de {sender}. Puede darse de baja en cualquier momento "
        "con el enlace de cada mensaje.",
        "already_title": "Ya confirmado",
        "already": "El {date} confirmó que quiere los mensajes de la lista «{list}» de {sender}. No hay nada más que "
        "hacer.",
        "expired_title": "Este enlace ha caducado",
        "expired": "No se ha suscrito a nadie. Si quiere los mensajes, inscríbase de nuevo con el remitente.",
        "withdrawn_title": "No confirmado",
        "withdrawn": "Desde que se pidieron estos mensajes consta que no los quiere. Si los quiere, inscríbase de "
        "nuevo con el remitente.",
        "from": "Remitente",
        "address": "Dirección postal",
        "contact": "Contacto",
        "list": "Lista",
        "frequency": "Frecuencia",
        "asked": "Pedido",
        "notice": "Lo que acepta",
        "until": "Este enlace vale hasta el",
        "languages": "Idioma",
    },
}
