"""Unsubscribe words: what the unsubscribe page says, in four languages. Literals only; `{sender}` and `{list}` are put
in by the page, which escapes them."""

from collections.abc import Mapping

LANGUAGES: Mapping[str, str] = {"en": "English", "fr": "Français", "de": "Deutsch", "es": "Español"}
"""Tag -> the language's own name. The first is used where the reader asks for none of them."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Unsubscribe",
        "ask": "Do you want to stop this mail?",
        "from": "Sender",
        "list": "List",
        "address": "Postal address",
        "contact": "Contact",
        "why": "Why you get it",
        "everything": "all its mail to many recipients",
        "leave_list": "Unsubscribe from “{list}”",
        "leave_all": "Unsubscribe from everything by {sender}",
        "hint": "One click is enough. You need no account and need not enter your address.",
        "left_title": "You are unsubscribed",
        "left_list": "You get no more mail of the list “{list}” from {sender}.",
        "left_all": "You get no more mailings from {sender}.",
        "undo": "Undo: I want this mail",
        "undo_hint": "You can undo this here within 24 hours.",
        "undone_title": "Undone",
        "undone": "You get the mail again as before.",
        "not_undone_title": "It cannot be undone here",
        "not_undone": "More than 24 hours have passed, or there is another reason why you get no such mail. "
        "The sender can sign you up anew.",
        "gone_title": "This link is not valid",
        "gone": "It may have been cut off. Open the link in the message again, or copy all of it.",
        "bad_title": "This was not understood",
        "bad": "Go back to the link in the message and use a button of the page.",
        "busy_title": "Too many requests",
        "busy": "Please try again in a minute.",
        "later_title": "This does not work at the moment",
        "later": "Nothing was changed. Please try again in a minute.",
        "languages": "Language",
        "express": "You gave your consent on {date}.",
        "express_undated": "Your consent is on file.",
        "relationship": "A business or other relationship between you and the sender is on file since {date}.",
        "no_ground": "No consent of yours is on file.",
        "unknown": "This cannot be shown at the moment.",
    },
    "fr": {
        "title": "Se désabonner",
        "ask": "Voulez-vous ne plus recevoir ces messages\u00a0?",
        "from": "Expéditeur",
        "list": "Liste",
        "address": "Adresse postale",
        "contact": "Contact",
        "why": "Pourquoi vous les recevez",
        "everything": "tous ses envois groupés",
        "leave_list": "Se désabonner de «\u00a0{list}\u00a0»",
        "leave_all": "Se désabonner de tous les envois de {sender}",
        "hint": "Un clic suffit. Ni compte ni saisie de votre adresse ne sont nécessaires.",
        "left_title": "Vous êtes désabonné(e)",
        "left_list": "Vous ne recevrez plus de messages de la liste «\u00a0{list}\u00a0» de {sender}.",
        "left_all": "Vous ne recevrez plus d’envois groupés de {sender}.",
        "undo": "Annuler\u00a0: je veux recevoir ces messages",
        "undo_hint": "Vous pouvez annuler ici pendant 24 heures.",
        "undone_title": "Annulé",
        "undone": "Vous recevrez de nouveau ces messages comme avant.",
        "not_undone_title": "Impossible d’annuler ici",
        "not_undone": "Plus de 24 heures se sont écoulées, ou une autre raison empêche l’envoi de ces messages. "
        "L’expéditeur peut vous réinscrire.",
        "gone_title": "Ce lien n’est pas valable",
        "gone": "Il a peut-être été coupé. Ouvrez de nouveau le lien du message, ou copiez-le en entier.",
        "bad_title": "La demande n’a pas été comprise",
        "bad": "Revenez au lien du message et utilisez un bouton de la page.",
        "busy_title": "Trop de demandes",
        "busy": "Veuillez réessayer dans une minute.",
        "later_title": "Cela ne fonctionne pas pour le moment",
        "later": "Rien n’a été modifié. Veuillez réessayer dans une minute.",
        "languages": "Langue",
        "express": "Vous avez donné votre consentement le {date}.",
        "express_undated": "Votre consentement est enregistré.",
        "relationship": "Une relation commerciale ou autre entre vous et l’expéditeur est enregistrée depuis le "
        "{date}.",
        "no_ground": "Aucun consentement de votre part n’est enregistré.",
        "unknown": "Impossible de l’afficher pour le moment.",
    },
    "de": {
        "title": "Abmelden",
        "ask": "Möchten Sie diese E-Mails nicht mehr erhalten?",
        "from": "Absender",
        "list": "Liste",
        "address": "Postanschrift",
        "contact": "Kontakt",
        "why": "Warum Sie sie erhalten",
        "everything": "alle seine Rundschreiben",
        "leave_list": "Von „{list}“ abmelden",
        "leave_all": "Von allem abmelden, was {sender} schickt",
        "hint": "Ein Klick genügt. Sie brauchen kein Konto und müssen Ihre Adresse nicht eingeben.",
        "left_title": "Sie sind abgemeldet",
        "left_list": "Sie erhalten keine E-Mails der Liste „{list}“ von {sender} mehr.",
        "left_all": "Sie erhalten keine Rundschreiben von {sender} mehr.",
        "undo": "Rückgängig: Ich möchte diese E-Mails",
        "undo_hint": "Sie können das hier 24 Stunden lang rückgängig machen.",
        "undone_title": "Rückgängig gemacht",
        "undone": "Sie erhalten diese E-Mails wieder wie zuvor.",
        "not_undone_title": "Hier nicht rückgängig zu machen",
        "not_undone": "Es sind mehr als 24 Stunden vergangen, oder es gibt einen anderen Grund, warum Sie keine "
        "solchen E-Mails erhalten. Der Absender kann Sie neu anmelden.",
        "gone_title": "Dieser Link ist ungültig",
        "gone": "Vielleicht wurde er abgeschnitten. Öffnen Sie den Link in der E-Mail erneut, oder kopieren Sie ihn "
        "ganz.",
        "bad_title": "Das wurde nicht verstanden",
        "bad": "Gehen Sie zurück zum Link in der E-Mail und benutzen Sie eine Schaltfläche der Seite.",
        "busy_title": "Zu viele Anfragen",
        "busy": "Bitte versuchen Sie es in einer Minute erneut.",
        "later_title": "Das geht im Augenblick nicht",
        "later": "Es wurde nichts geändert. Bitte versuchen Sie es in einer Minute erneut.",
        "languages": "Sprache",
        "express": "Sie haben am {date} eingewilligt.",
        "express_undated": "Ihre Einwilligung ist vermerkt.",
        "relationship": "Eine geschäftliche oder andere Beziehung zwischen Ihnen und dem Absender ist seit dem {date} "
        "vermerkt.",
        "no_ground": "Es ist keine Einwilligung von Ihnen vermerkt.",
        "unknown": "Das kann im Augenblick nicht angezeigt werden.",
    },
    "es": {
        "title": "Darse de baja",
        "ask": "¿Quiere dejar de recibir estos mensajes?",
        "from": "Remitente",
        "list": "Lista",
        "address": "Dirección postal",
        "contact": "Contacto",
        "why": "Por qué los recibe",
        "everything": "todos sus envíos masivos",
        "leave_list": "Darse de baja de «{list}»",
        "leave_all": "Darse de baja de todo lo que envía {sender}",
        "hint": "Basta un clic. No necesita cuenta ni escribir su dirección.",
        "left_title": "Se ha dado de baja",
        "left_list": "Ya no recibirá mensajes de la lista «{list}» de {sender}.",
        "left_all": "Ya no recibirá envíos masivos de {sender}.",
        "undo": "Deshacer: quiero recibir estos mensajes",
        "undo_hint": "Puede deshacerlo aquí durante 24 horas.",
        "undone_title": "Deshecho",
        "undone": "Volverá a recibir estos mensajes como antes.",
        "not_undone_title": "Aquí no se puede deshacer",
        "not_undone": "Han pasado más de 24 horas, o hay otra razón por la que no recibe estos mensajes. "
        "El remitente puede darle de alta de nuevo.",
        "gone_title": "Este enlace no es válido",
        "gone": "Puede estar cortado. Abra de nuevo el enlace del mensaje o cópielo entero.",
        "bad_title": "No se ha entendido",
        "bad": "Vuelva al enlace del mensaje y use un botón de la página.",
        "busy_title": "Demasiadas peticiones",
        "busy": "Inténtelo de nuevo dentro de un minuto.",
        "later_title": "En este momento no funciona",
        "later": "No se ha cambiado nada. Inténtelo de nuevo dentro de un minuto.",
        "languages": "Idioma",
        "express": "Dio su consentimiento el {date}.",
        "express_undated": "Consta su consentimiento.",
        "relationship": "Consta una relación comercial o de otro tipo entre usted y el remitente desde el {date}.",
        "no_ground": "No consta ningún consentimiento suyo.",
        "unknown": "En este momento no se puede mostrar.",
    },
}


def language(asked: str, accepted: str) -> str:
    """The language to answer in: the one asked for by name if there is one, else the best of an Accept-Language field
    (RFC 9110 section 12.5.4), else English. Neither text need be well-formed."""
    if asked in LANGUAGES:
        return asked
    best, weight = "en", 0.0
    for part in accepted[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            found = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        primary = tag.strip().lower().partition("-")[0]
        if primary in LANGUAGES and weight < found <= 1:
            best, weight = primary, found
    return best
