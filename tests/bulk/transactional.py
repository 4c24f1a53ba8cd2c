"""Mail that one act of its recipient calls for, sent from a template to many: the form of `templates_english`."""

TRANSACTIONAL = """
Order {n} confirmed
Hi {first},
thank you for your order. We are packing it now and will write again when it leaves our warehouse.
Order {n}, placed on {date}. Total {amount}. It goes to your address in {city}. You can change or cancel it within the next two hours at {link}
===
Your parcel is on its way
Hello {name},
your parcel {code} was handed to the carrier this afternoon and should reach {city} on {date}. Nobody at home? Choose a neighbour or a parcel shop at {link} until the evening before.
===
[Ticket {n}] We have received your request
Hello {first},
we have opened ticket {n} for your request and one of our engineers will answer within one working day. To add something, simply answer this message and leave the number in the subject. The state of all your tickets is at {link}
===
Reset your password
Hi {first},
somebody, hopefully you, asked for a new password for your account at {company}. The link is good for one hour and works once: {link}
If it was not you, nothing has changed and you may delete this message.
===
Appointment on {date}
Dear {name},
this is to remind you of your appointment with us on {date} at our practice in {city}. Please bring your insurance card and a list of the medicines that you take. If you cannot come, cancel by phone the day before at the latest, otherwise we have to charge {amount}.
===
Payment received
Dear {name},
we have received your payment of {amount} for invoice {n} on {date}. Your account with us is settled. A receipt for your books can be printed in the customer area at {link}
===
Your booking {code}
Dear {name},
your room in {city} is reserved from {date} for two nights. Check in is possible from three in the afternoon, and breakfast is served until ten. The price of {amount} is paid at the hotel. Free of charge you may cancel until two days before at {link}
===
New sign in to your account
Hello {first},
your account was used to sign in from a new device near {city} on {date}. If this was you, there is nothing to do. If it was not, change your password at once at {link} and look through your recent activity.
===
Ihre Bestellung {n}
Guten Tag {name},
vielen Dank für Ihre Bestellung {n} vom {date}. Wir prüfen die Verfügbarkeit und senden Ihnen die Versandbestätigung, sobald das Paket unser Lager verlässt. Der Gesamtbetrag beträgt {amount} einschließlich Mehrwertsteuer. Den Stand der Bearbeitung sehen Sie unter {link}
===
Confirmation de votre commande {n}
Bonjour {name},
nous avons bien reçu votre commande {n} du {date} pour un total de {amount}. Elle sera préparée dans les prochaines heures et livrée à {city}. Vous pouvez suivre son acheminement à tout moment sur {link}
"""
