"""What one-to-one mail is made of: frames with slots, stock phrases, signatures, disclaimers, macros of a help desk."""

import random

TOPICS = {
    "en": ["the annual report", "the server room", "our stand at the fair", "the lease for the office", "the new brochure", "the delivery from Antwerp", "the audit", "the gearbox", "the kitchen plans", "the translation", "your expense claim", "the insurance claim", "the training in May", "the price list", "the roof repair", "the test results", "the customs papers", "the draft contract", "the photographs", "the pension scheme", "the water damage", "the interview with the candidate", "the second phase", "the parking permits", "the cooling unit", "the donor list", "the backup job", "the wedding cake", "the survey data", "the school trip", "the spare keys", "the patent application", "the coffee machine", "the sample boxes", "the website form", "the concert tickets", "the quarterly figures", "the inventory", "the colour proofs", "the choir rehearsal"],
    "de": ["der Jahresbericht", "die Lieferung aus Antwerpen", "der Mietvertrag", "das Angebot für die Fenster", "die Übersetzung", "der Wasserschaden", "die Preisliste", "das Getriebe", "die Schulung im Mai", "der Messestand", "die Zollpapiere", "das Protokoll", "die Probe am Donnerstag", "der Urlaubsantrag", "die Stellenanzeige", "das Gutachten", "die Reisekosten", "der Prüfbericht", "die Einladungskarte", "das Ersatzteil", "der Entwurf", "die Abnahme", "das Grundstück", "der Steuerbescheid"],
    "fr": ["le rapport annuel", "la livraison d'Anvers", "le bail du bureau", "le devis des fenêtres", "la traduction", "le dégât des eaux", "la liste des prix", "la boîte de vitesses", "la formation de mai", "le stand du salon", "les papiers de douane", "le compte rendu", "la répétition de jeudi", "la note de frais", "le rapport d'essai", "la pièce de rechange", "le brouillon du contrat", "le terrain", "l'avis d'imposition", "la réunion des parents", "le voyage scolaire", "la toiture"],
}  # fmt: skip
TIMES = {
    "en": ["on Monday", "before lunch", "by the end of the week", "next month", "this afternoon", "tomorrow morning", "after the holidays", "around ten", "at the latest on Thursday", "in two weeks", "right after the meeting", "some time in March"],
    "de": ["am Montag", "vor dem Mittag", "bis Ende der Woche", "nächsten Monat", "heute Nachmittag", "morgen früh", "nach den Feiertagen", "gegen zehn", "spätestens am Donnerstag", "in zwei Wochen", "gleich nach der Sitzung", "irgendwann im März"],
    "fr": ["lundi", "avant midi", "d'ici la fin de la semaine", "le mois prochain", "cet après-midi", "demain matin", "après les fêtes", "vers dix heures", "jeudi au plus tard", "dans deux semaines", "juste après la réunion", "courant mars"],
}  # fmt: skip
REASONS = {
    "en": ["because {who} is on leave", "since the supplier in {place} has not answered", "as the {n} pieces are still in customs", "because the budget was cut by {n} percent", "now that {who} has signed", "although {place} had asked for something else", "since we moved to {place}", "because my train from {place} was cancelled", "as {who} told me yesterday", "unless {who} finds a better one", "so that {who} can check it", "because nobody in {place} had the key", "even if that costs {n} more", "while the lift is being mended", "as the old one broke twice"],
    "de": ["weil {who} im Urlaub ist", "da der Lieferant in {place} nicht antwortet", "weil die {n} Stück noch beim Zoll liegen", "da der Etat um {n} Prozent gekürzt wurde", "nachdem {who} unterschrieben hat", "obwohl {place} etwas anderes wollte", "seit wir nach {place} gezogen sind", "wie {who} gestern erzählte", "damit {who} es prüfen kann", "auch wenn das {n} mehr kostet", "solange der Aufzug repariert wird", "weil niemand in {place} den Schlüssel hatte"],
    "fr": ["car {who} est en congé", "puisque le fournisseur de {place} ne répond pas", "car les {n} pièces sont encore en douane", "le budget ayant été réduit de {n} pour cent", "maintenant que {who} a signé", "bien que {place} ait demandé autre chose", "depuis notre départ pour {place}", "comme {who} me l'a dit hier", "pour que {who} puisse vérifier", "même si cela coûte {n} de plus", "tant que l'ascenseur est en panne", "parce que personne à {place} n'avait la clé"],
}  # fmt: skip
FRAMES = {
    "en": ["could you send {topic} to {who} {time}, {reason}?", "I looked at {topic} and found {n} points that do not add up.", "{who} from {place} called about {topic} and wants an answer {time}.", "We had to postpone {topic} {reason}.", "My suggestion is to split {topic} into {n} smaller steps {reason}.", "About {topic}: {who} prefers the first version, I like the second.", "Did you already talk to {who} about {topic}?", "I have attached {topic} with the changes on page {n}.", "Nothing new on {topic} yet, {reason}.", "{who} will bring {topic} with him {time}.", "Sorry for the silence about {topic}, I was in {place} until yesterday.", "In {place} they solved {topic} for less than {n}, {reason}.", "If you agree I order {n} more {time}.", "Let us drop {topic}, {reason}.", "{who} and I measured everything again and came to {n}.", "Please do not forget {topic} when you are in {place} {time}.", "What do you think, does {topic} belong in the same folder as {other}?", "The bill for {topic} is {n} higher than for {other}, {reason}.", "I would rather see {topic} finished before we begin with {other}.", "Between us: {who} is not happy with {topic}.", "My daughter starts school in {place} {time}, so {who} takes over {topic}.", "Good news, {topic} was accepted {reason}.", "{topic} is with {who} now, who promised to look at it {time}.", "We counted {n} of them in {place}, not {m}.", "Can we meet {time} to go through {topic} and {other}?", "It turned out that {topic} was never sent to {place}, {reason}.", "The neighbours complained about {topic} again, this time to {who}.", "I enjoyed the dinner in {place} and still laugh about what {who} said.", "For {topic} we need a room with at least {n} seats {time}.", "Strangely {topic} works in {place} and fails here, {reason}.", "{who} found the mistake in {topic}: somebody had typed {n} and not {m}.", "Would {n} be enough for {topic}, or do you want to wait for {who}?"],
    "de": ["Könnten Sie {who} {time} etwas zu dem Thema schicken: {topic}, {reason}?", "Beim Punkt {topic} habe ich {n} Stellen gefunden, die nicht stimmen.", "{who} aus {place} hat wegen folgender Sache angerufen: {topic}.", "Wir mussten verschieben, was {time} geplant war, {reason}.", "Mein Vorschlag wäre, das in {n} Schritten zu machen, {reason}.", "{who} gefällt die erste Fassung besser, mir die zweite.", "Haben Sie mit {who} schon über Folgendes gesprochen: {topic}?", "Im Anhang finden Sie, was ich auf Seite {n} geändert habe.", "Noch nichts Neues, was {other} angeht, {reason}.", "{who} bringt es {time} mit.", "Entschuldigen Sie das lange Schweigen, ich war bis gestern in {place}.", "In {place} ging das für weniger als {n}, {reason}.", "Wenn Sie einverstanden sind, bestelle ich {time} noch {n}.", "{who} und ich haben nachgemessen und kommen auf {n}.", "Bitte denken Sie daran, wenn Sie {time} in {place} sind: {topic}.", "Die Kosten liegen {n} höher als gedacht, {reason}.", "Unter uns gesagt ist {who} damit nicht glücklich.", "Meine Tochter kommt {time} in {place} in die Schule, deshalb übernimmt {who}.", "Gute Nachricht, man hat zugesagt, {reason}.", "Wir haben in {place} {n} gezählt und nicht {m}.", "Können wir uns {time} treffen und {n} Fragen klären?", "Das Essen in {place} war herrlich, über {who} lache ich immer noch.", "Merkwürdig ist, dass es in {place} geht und hier nicht, {reason}.", "{topic} liegt jetzt bei {who}.", "Reichen {n}, oder warten wir auf {who}?"],
    "fr": ["pourriez-vous envoyer {topic} à {who} {time}, {reason} ?", "J'ai regardé {topic} et trouvé {n} points qui ne vont pas.", "{who} de {place} a appelé au sujet de ceci : {topic}.", "Nous avons dû repousser ce qui était prévu {time}, {reason}.", "Je propose de le faire en {n} étapes, {reason}.", "{who} préfère la première version, moi la seconde.", "Avez-vous déjà parlé à {who} de ceci : {topic} ?", "Vous trouverez ci-joint {topic} avec mes corrections page {n}.", "Rien de neuf pour {other}, {reason}.", "{who} l'apportera {time}.", "Pardon pour le silence, j'étais à {place} jusqu'à hier.", "À {place} cela a coûté moins de {n}, {reason}.", "Si vous êtes d'accord j'en commande encore {n} {time}.", "{who} et moi avons tout mesuré et arrivons à {n}.", "Pensez à {topic} quand vous serez à {place} {time}.", "La note est plus haute de {n} que prévu, {reason}.", "Entre nous, {who} n'en est pas content.", "Ma fille entre à l'école à {place} {time}, donc {who} prend le relais.", "Bonne nouvelle, c'est accepté, {reason}.", "Nous en avons compté {n} à {place} et non {m}.", "Peut-on se voir {time} pour parler de {topic} et de {other} ?", "Le dîner à {place} était délicieux, je ris encore de ce qu'a dit {who}.", "Curieusement cela marche à {place} et pas ici, {reason}.", "{topic} est maintenant chez {who}.", "Est-ce que {n} suffisent, ou attendons-nous {who} ?"],
}  # fmt: skip
CLAUSES = {
    "en": (
        ["the landlord", "our new trainee", "the woman from the bank", "nobody here", "the whole team", "my brother", "the printer", "your colleague {who}", "the carpenter", "somebody from {place}", "the committee", "old Mr Harris", "each of us", "the tax office", "the driver", "{who} from accounts", "the first batch", "his lawyer", "the neighbour", "our plumber", "the architect", "one of the twins", "the doctor", "half of the class"],
        ["has finally seen", "would rather forget", "still looks for", "cannot pay for", "brought back", "spoiled", "wants to sell", "measured", "described", "forgot about", "is painting", "will replace", "has hidden", "complained about", "fell in love with", "needs help with", "got rid of", "paid twice for", "cancelled", "took apart", "will inherit", "keeps asking for", "wrote a song about", "mislaid"],
        ["{topic}", "two old chairs", "the rest of the soup", "a box of screws", "the yellow bicycle", "every second page", "{n} metres of cable", "the shed behind the house", "our best ladder", "a plan for {place}", "the wrong sort of paint", "that terrible curtain", "the recipe from {place}", "all the minutes since {n}", "a letter for {who}", "the dog of the caretaker", "three of the five samples", "most of the figures", "the car with the dent", "the view over {place}", "a handful of coins", "the piano upstairs"],
        ["{time}", "without a word", "in the rain", "for the second time", "with a smile", "on the way to {place}", "behind my back", "over a glass of wine", "as if it were nothing", "in front of {who}", "with {n} others", "at the very last moment", "under the table", "much too early", "from memory", "by mistake", "for no more than {n}", "against my advice", "while we were away", "in spite of the snow", "thanks to {who}", "down in the cellar"],
    ),
    "de": (
        ["der Vermieter", "unser neuer Lehrling", "die Dame von der Bank", "niemand hier", "die ganze Mannschaft", "mein Bruder", "der Drucker", "Ihr Kollege {who}", "der Schreiner", "jemand aus {place}", "der Ausschuss", "der alte Herr Harms", "jeder von uns", "das Finanzamt", "der Fahrer", "{who} aus der Buchhaltung", "sein Anwalt", "der Nachbar", "unser Klempner", "die Architektin", "die Ärztin", "die halbe Klasse"],
        ["hat endlich gesehen:", "vergisst am liebsten", "sucht noch immer", "bezahlt nicht mehr für", "verkauft", "vermisst", "beschreibt", "streicht jetzt", "ersetzt", "versteckt", "beschwert sich über", "verliebte sich in", "braucht Hilfe für", "zahlte doppelt für", "zerlegte", "erbt demnächst", "fragt ständig nach", "schrieb ein Lied über", "verlegte", "verschenkt"],
        ["zwei alte Stühle", "den Rest der Suppe", "eine Kiste Schrauben", "das gelbe Fahrrad", "jede zweite Seite", "{n} Meter Kabel", "den Schuppen hinterm Haus", "unsere beste Leiter", "einen Plan für {place}", "die falsche Farbe", "diesen furchtbaren Vorhang", "das Rezept aus {place}", "alle Protokolle seit {n}", "einen Brief an {who}", "den Hund des Hausmeisters", "drei der fünf Muster", "die meisten Zahlen", "das Auto mit der Beule", "den Blick über {place}", "das Klavier im ersten Stock"],
        ["{time}", "ohne ein Wort", "im Regen", "zum zweiten Mal", "mit einem Lächeln", "auf dem Weg nach {place}", "hinter meinem Rücken", "bei einem Glas Wein", "als wäre nichts gewesen", "vor den Augen von {who}", "mit {n} anderen", "im letzten Moment", "unter dem Tisch", "viel zu früh", "aus dem Gedächtnis", "aus Versehen", "für höchstens {n}", "gegen meinen Rat", "trotz des Schnees", "dank {who}"],
    ),
    "fr": (
        ["le propriétaire", "notre nouvel apprenti", "la dame de la banque", "personne ici", "toute l'équipe", "mon frère", "l'imprimeur", "votre collègue {who}", "le menuisier", "quelqu'un de {place}", "le comité", "le vieux monsieur Henri", "chacun de nous", "le fisc", "le chauffeur", "{who} de la comptabilité", "son avocat", "le voisin", "notre plombier", "l'architecte", "le médecin", "la moitié de la classe"],
        ["a enfin vu", "préfère oublier", "cherche encore", "ne peut payer", "a rapporté", "a gâché", "veut vendre", "a mesuré", "décrit bien", "repeint", "va remplacer", "a caché", "se plaint de voir", "adore", "voudrait de l'aide pour", "a payé deux fois", "a démonté", "va hériter de", "réclame sans cesse", "a chanté", "a égaré", "va offrir"],
        ["deux vieilles chaises", "le reste de la soupe", "une caisse de vis", "le vélo jaune", "une page sur deux", "{n} mètres de câble", "la cabane du jardin", "notre meilleure échelle", "un plan pour {place}", "la mauvaise peinture", "cet affreux rideau", "la recette de {place}", "tous les comptes depuis {n}", "une lettre pour {who}", "le chien du gardien", "trois échantillons sur cinq", "la plupart des chiffres", "la voiture cabossée", "la vue sur {place}", "le piano du premier"],
        ["{time}", "sans un mot", "sous la pluie", "pour la seconde fois", "avec le sourire", "en allant à {place}", "dans mon dos", "autour d'un verre", "comme si de rien n'était", "devant {who}", "avec {n} autres", "au dernier moment", "sous la table", "bien trop tôt", "de mémoire", "par erreur", "pour {n} au plus", "contre mon avis", "malgré la neige", "grâce à {who}"],
    ),
}  # fmt: skip
"""Subjects, predicates, objects and circumstances that make a sentence in any combination."""
STOCK = {
    "en": ["I hope this email finds you well.", "Thank you for your message.", "Thanks for getting back to me so quickly.", "Please let me know if you have any questions.", "I am looking forward to hearing from you.", "Have a nice weekend!", "As discussed on the phone:", "Please find attached the documents you asked for.", "Thank you very much in advance for your help.", "Do not hesitate to contact me if anything is unclear.", "It was a pleasure to meet you last week.", "Just a short reminder about this."],
    "de": ["ich hoffe, es geht Ihnen gut.", "vielen Dank für Ihre Nachricht.", "vielen Dank für die schnelle Rückmeldung.", "Bei Fragen melden Sie sich gerne jederzeit bei mir.", "Ich freue mich auf Ihre Antwort.", "Ein schönes Wochenende!", "wie am Telefon besprochen:", "anbei die gewünschten Unterlagen.", "Vielen Dank im Voraus für Ihre Hilfe."],
    "fr": ["j'espère que vous allez bien.", "merci pour votre message.", "merci de votre réponse rapide.", "N'hésitez pas à me contacter si vous avez des questions.", "Dans l'attente de votre retour.", "Bon week-end !", "comme convenu par téléphone :", "veuillez trouver ci-joint les documents demandés.", "Merci d'avance pour votre aide."],
}  # fmt: skip
SHORT = {
    "en": ["Thanks, will do!", "OK", "Great, see you then.", "Perfect, thank you very much.", "Sounds good to me.", "Yes please.", "Done.", "Could you resend this? The attachment is missing.", "I will get back to you tomorrow.", "Thank you, that helps a lot, have a nice weekend!", "Please see below.", "FYI"],
    "de": ["Danke, mache ich!", "In Ordnung.", "Wunderbar, bis dann.", "Passt, vielen Dank.", "Ja, gerne.", "Erledigt.", "Der Anhang fehlt leider, bitte noch einmal schicken.", "Zur Kenntnis"],
    "fr": ["Merci, je m'en occupe !", "D'accord.", "Parfait, merci beaucoup.", "Oui, volontiers.", "C'est fait.", "La pièce jointe manque, pouvez-vous la renvoyer ?", "Pour information"],
}  # fmt: skip
OPENINGS = {
    "en": ["Hi {first},", "Dear {name},", "Hello {first}", "Good morning {first},", "{first},", "Dear Ms {last},", "Hey {first}!", ""],
    "de": ["Hallo {first},", "Sehr geehrter Herr {last},", "Liebe {first},", "Guten Tag {name},", "Moin {first},", ""],
    "fr": ["Bonjour {first},", "Cher {first},", "Madame {last},", "Bonjour,", "Salut {first},", ""],
}  # fmt: skip
ENDINGS = {
    "en": ["Best regards", "Kind regards,", "Best,", "Cheers", "Thanks,", "Sincerely yours,", "Regards", "All the best,", "--", "Talk soon"],
    "de": ["Mit freundlichen Grüßen", "Viele Grüße", "Beste Grüße,", "LG", "Gruß", "--", "Schönen Gruß aus dem Norden"],
    "fr": ["Cordialement", "Bien cordialement,", "Bien à vous,", "Amicalement", "--", "À bientôt"],
}  # fmt: skip
NOTICES = {
    "choose": (
        "This email and any attachments are confidential and intended solely for the use of the individual to whom they are addressed. If you have received this message in error, please notify the sender and delete it from your system. Any unauthorised copying, disclosure or distribution is strictly forbidden. {firm} accepts no liability for damage caused by any virus transmitted by this message.",
        "{firm} is registered in England and Wales under company number 01234567. Registered office: 12 Mill Lane, Exampletown EX1 2MP. We process personal data as described in our privacy notice, which you find on our website together with our terms of business.",
        "Meet us at the spring fair! From the 4th to the 7th of March we show all our new products in hall 7, stand B42. Tell me the day on which you come and I send you a free ticket. Our catalogue can be downloaded from www.acme.example/catalogue",
        "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind oder diese E-Mail irrtümlich erhalten haben, informieren Sie bitte sofort den Absender und vernichten Sie diese Mail. {firm}, Sitz Musterstadt, Amtsgericht Musterstadt HRB 1234, Geschäftsführer: Anton Berger, Carla Dorn.",
    ),
    "prove": (
        "The information in this transmission may be legally privileged. It is meant only for the person named above; access by anyone else is unauthorised. If you are not the intended recipient please tell us by return and destroy all copies. Opinions expressed here are those of the author and not necessarily those of {firm} or its affiliates.",
        "{firm} has moved! Our new offices at 7 Canal Street are a short walk from the central station. Visitors please report to the desk on the ground floor, where you get a badge and a very good coffee. Deliveries go to the yard behind the house between seven and three.",
        "Ce message et ses pièces jointes sont confidentiels et destinés exclusivement à la personne nommée. Si vous avez reçu ce message par erreur, merci d'en avertir l'expéditeur et de le détruire. Pensez à l'environnement avant d'imprimer ce courriel. {firm}, siège social 7 rue du Canal, Exempleville.",
        "We are proud to support the children's hospital: for each project finished this year {firm} gives one day of work. Read how you can take part and what was done with the money so far on www.acme.example/hospital or ask any of us.",
    ),
}  # fmt: skip
MACROS = {
    "choose": (
        "Thank you for contacting our support. We are sorry for the trouble this has caused you and have looked into the matter together with our engineers.",
        "To clear the cache of your browser please open the settings, choose privacy, then delete browsing data, tick cached files and confirm. Afterwards close all windows and sign in again.",
        "Your warranty covers parts and labour for twenty four months from the date of purchase. Damage by water or by falls is not covered, nor are batteries.",
    ),
    "prove": (
        "We appreciate that you took the time to write to us. Your message was read by a human being, and I have taken it up with the people who can change something.",
        "Please restart the device as follows: unplug it, wait for thirty seconds, plug it in again and press the round button until the light turns green.",
        "Refunds are paid to the account from which we received the money. Depending on your bank this takes between three and seven working days.",
    ),
}  # fmt: skip


def sentence(draw: random.Random, language: str, names: list[str], places: list[str]) -> str:
    """One sentence of somebody's own."""
    values = {
        "who": draw.choice(names),
        "place": draw.choice(places),
        "n": str(draw.randint(2, 900)),
        "m": str(draw.randint(2, 900)),
        "time": draw.choice(TIMES[language]),
        "topic": draw.choice(TOPICS[language]),
        "other": draw.choice(TOPICS[language]),
    }
    values["reason"] = draw.choice(REASONS[language]).format(**values)
    frame = (
        draw.choice(FRAMES[language]) if draw.random() < 0.4 else " ".join(map(draw.choice, CLAUSES[language])) + "."
    )
    text = frame.format(**values)
    return text[0].upper() + text[1:]
