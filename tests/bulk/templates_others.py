"""Bulk mail in other languages, in the form of `templates_english`."""

OTHERS = """
de Sommerschlussverkauf bei uns
Liebe Kundin, lieber Kunde,
jetzt heißt es schnell sein: Bis zum {date} reduzieren wir alle Sandalen, Badeanzüge und Sonnenhüte um die Hälfte. Auch die [beliebten|gefragten] Strandtaschen aus Segeltuch sind wieder da, solange der Vorrat reicht.
Mit dem Gutschein {code} sparen Sie zusätzlich fünf Prozent auf Ihre erste Bestellung im Netz. Der Versand nach {city} ist kostenlos.
Stöbern Sie hier in über zweitausend Angeboten: {link}
===
de Ihre Rechnung {n}
Guten Tag {name},
Ihre Rechnung für den vergangenen Monat steht in Ihrem Kundenkonto [bereit|parat]. Der Betrag von {amount} wird am {date} von dem Konto abgebucht, das Sie uns genannt haben.
Unter {link} finden Sie außerdem den Einzelnachweis Ihrer Verbindungen und alle früheren Rechnungen als Datei zum Herunterladen.
Wussten Sie schon, dass Sie mit unserem neuen Tarif auch im Ausland ohne Aufpreis telefonieren? Der Wechsel ist jederzeit möglich und kostet nichts.
===
de Einladung zum Tag der offenen Tür
Sehr geehrte Damen und Herren,
am {date} öffnen wir unsere Werkhallen in {city} für Nachbarn, Freunde und alle, die schon immer wissen wollten, wie eine Orgel entsteht. Unsere Meister zeigen, wie Pfeifen gegossen, Windladen gebaut und Register gestimmt werden.
Für Kinder gibt es eine Werkbank, an der sie ihre eigene Flöte [schnitzen|bauen] können, und die Feuerwehrkapelle spielt zum Frühschoppen auf.
Der Eintritt ist frei, um eine Anmeldung unter {link} wird gebeten, damit der Kuchen reicht.
===
de Kurze Frage zu {company}
Hallo {name},
ich habe gesehen, dass {company} gerade neue Mitarbeiter im Außendienst sucht. Viele Betriebe in {city} erzählen uns, dass Bewerber nach dem ersten Gespräch [abspringen|absagen], weil der Vertrag zu lange auf sich warten lässt.
Unsere Software erstellt Verträge in drei Minuten, holt die Unterschriften ein und meldet den neuen Kollegen bei der Krankenkasse an. Hundertzwanzig Handwerksbetriebe arbeiten bereits damit.
Hätten Sie nächste Woche eine Viertelstunde für ein kurzes Telefonat? Hier ist mein Kalender: {link}
===
de Helfen Sie mit: Wasser für zehn Dörfer
Liebe Freundinnen und Freunde,
seit drei Jahren hat es im Norden des Landes kaum geregnet. Die Frauen gehen nachts los, um am Morgen die Ersten am letzten Brunnen zu sein, der noch Wasser [führt|gibt].
Mit {amount} finanzieren Sie einen Meter Bohrung. Siebzig Meter braucht es, bis sauberes Wasser kommt, und zehn Dörfer warten darauf. Bitte spenden Sie bis zum {date} unter {link}
Im letzten Jahr haben {n} Menschen aus der Gegend um {city} geholfen. Dafür danken wir Ihnen von Herzen.
===
de Newsletter der Stadtbücherei
Guten Tag {name},
im neuen Quartal [erwarten|begrüßen] Sie bei uns vier Lesungen, ein Bilderbuchkino und der lange Abend der Brettspiele. Den Anfang macht am {date} eine junge Autorin aus {city} mit ihrem Roman über eine Fährfrau.
Neu im Bestand sind {n} Hörbücher, die Sie mit Ihrem Ausweis auch zu Hause ausleihen können, sowie Nähmaschinen und Bohrhämmer aus der Bibliothek der Dinge.
Bitte beachten Sie, dass wir wegen der Inventur eine Woche geschlossen haben. Alle Termine stehen unter {link}
===
de Strompreise steigen: jetzt vergleichen
Guten Tag {name},
zum Jahreswechsel erhöhen wieder über hundert Versorger ihre Preise. Ein Haushalt in {city} zahlt im Grundtarif schon jetzt bis zu {amount} mehr als beim günstigsten [Anbieter|Lieferanten].
Der Wechsel dauert fünf Minuten, und das Licht geht dabei niemals aus. Wir kündigen für Sie, melden den Zählerstand und überwachen jedes Jahr, ob es etwas Besseres gibt.
Geben Sie unter {link} nur Ihre Postleitzahl und den Verbrauch ein. Das Angebot gilt bis zum {date}.
===
de Fachtagung Holzbau
Sehr geehrte Kolleginnen und Kollegen,
mehrgeschossig bauen mit Holz ist [längst|inzwischen] keine Ausnahme mehr. Auf unserer Tagung am {date} in {city} berichten Architektinnen, Statiker und Brandschützer aus elf abgeschlossenen Projekten, und sie verschweigen nicht, was schiefging.
Die Architektenkammer erkennt die Veranstaltung mit sechs Stunden an. Wer sich früh anmeldet, zahlt {amount} einschließlich Mittagessen und Tagungsband.
Programm und Anmeldung unter {link}
===
de Sicherheitshinweis zu Ihrem Router
Hallo {name},
für Ihr Gerät gibt es eine neue Betriebssoftware mit der Nummer {n}. Sie schließt eine Lücke, durch die Fremde aus dem Netz die Einstellungen [ändern|verstellen] konnten, und verbessert den Empfang in Häusern mit dicken Wänden.
Die meisten Geräte haben sie in der Nacht von selbst geladen. Ob Ihres dazugehört, sehen Sie auf der Startseite der Bedienoberfläche, wie unter {link} beschrieben.
Wenn Sie bis zum {date} nichts unternehmen, installieren wir sie für Sie. Dabei ist Ihr Anschluss für etwa drei Minuten unterbrochen.
===
fr Les soldes commencent demain
Chère cliente, cher client,
dès demain matin, profitez de [remises|réductions] jusqu'à soixante pour cent sur toute la collection d'hiver. Manteaux en laine, bottes fourrées, écharpes tricotées en Bretagne : il y en aura pour tous les goûts et pour toutes les bourses.
Avec le code {code}, la livraison à {city} vous est offerte jusqu'au {date}. Les retours restent gratuits pendant un mois.
Découvrez notre sélection avant tout le monde sur {link}
===
fr Votre facture {n} est disponible
Bonjour {name},
votre facture du mois dernier, d'un montant de {amount}, est désormais [disponible|consultable] dans votre espace client. Le prélèvement aura lieu le {date} sur le compte que vous nous avez indiqué.
Vous y trouverez aussi le détail de votre consommation comparée à celle de l'année passée et à celle des foyers semblables de {city}.
Pensez à nous transmettre votre relevé avant la fin du trimestre afin d'éviter une estimation. Tout se fait en une minute sur {link}
===
fr Invitation aux journées du patrimoine
Madame, Monsieur,
le {date}, le château, les moulins et l'ancienne filature de {city} vous ouvrent leurs portes. Des guides bénévoles, souvent d'anciens ouvriers, vous [raconteront|expliqueront] la vie d'autrefois et feront tourner les machines.
Un petit train relie tous les lieux et les enfants reçoivent un carnet de jeux avec une surprise à la fin du parcours. La fanfare municipale jouera sur la place à midi.
L'entrée est libre, mais les visites des souterrains sont limitées à vingt personnes. Réservez votre place sur {link}
===
fr Une question sur {company}
Bonjour {first},
en préparant un dossier sur les entreprises de {city}, je suis tombé sur {company}. Vos concurrents confient déjà leur veille sur les appels d'offres à un logiciel, et ils en [gagnent|remportent] un sur cinq au lieu d'un sur douze.
Notre outil lit chaque matin les avis de huit mille acheteurs publics et ne vous envoie que ceux auxquels vous pouvez répondre, avec les pièces déjà remplies.
Seriez-vous disponible la semaine prochaine pour une démonstration de vingt minutes ? Choisissez votre créneau ici : {link}
===
fr Urgence inondations : nos équipes ont besoin de vous
Chers amis,
en une nuit, la rivière a emporté le pont, l'école et les réserves de {n} familles. Nos secouristes sont sur place avec des bateaux, des couvertures et des [tablettes|pastilles] pour purifier l'eau.
Avec {amount}, vous offrez à une famille de quoi boire, manger et dormir au sec pendant quinze jours. Chaque don ouvre droit à une réduction d'impôt.
Donnez avant le {date} sur {link} et parlez-en autour de vous à {city}. Merci du fond du cœur.
===
fr La lettre du jardinier
Bonjour {first},
en novembre, on plante les arbres à racines nues, on paille les artichauts et on [rentre|met à l'abri] les derniers géraniums. Nos pépinières de {city} ont cette année des pommiers anciens que l'on croyait perdus.
Le {date}, un arboriculteur vous apprendra à tailler sans blesser, et chacun repartira avec un greffon. Il reste {n} places.
Les conseils du mois, le calendrier lunaire et la recette de la gelée de coings sont sur {link}
===
fr Colloque sur la qualité de l'air
Chers collègues,
le septième colloque sur la qualité de l'air intérieur se tiendra à {city} le {date}. Les communications porteront sur les écoles, les crèches et les bureaux, sur les [capteurs|sondes] à bas coût et sur le droit des occupants.
Les résumés d'une page sont attendus sur {link} avant la fin du mois. Le comité répondra sous trois semaines, et les textes retenus paraîtront dans les actes.
Les frais d'inscription de {amount} comprennent les déjeuners et la visite du laboratoire.
===
es Rebajas de enero
Hola {first}:
ya están aquí las rebajas que [esperabas|querías]. Hasta el {date} tienes zapatos, bolsos y abrigos a mitad de precio en nuestras doce tiendas y también en la página. Si compras tres prendas, la más barata te sale gratis.
Usa el código {code} al pagar y te enviamos el pedido a {city} sin gastos. Puedes devolver lo que no te guste durante cuarenta días.
Mira todo lo que queda en {link}
===
es Su factura {n} ya está lista
Estimado cliente:
ya puede consultar su última factura, por un importe de {amount}, en la oficina virtual. El cargo se hará el {date} en la cuenta [habitual|acordada] y no tiene que hacer nada.
Este mes su consumo ha sido un poco mayor que el del año pasado, como el de casi todos los hogares de {city}, por los días de frío. En {link} le explicamos cómo ahorrar sin pasar frío.
Recuerde que la nueva tarifa nocturna le permite cargar el coche por menos de lo que cuesta un café.
===
es Jornada sobre el agua y el olivar
Estimados socios:
el {date} celebramos en {city} la jornada anual sobre el riego del olivar. Tres agricultores contarán cómo han [reducido|bajado] el gasto de agua a la mitad sin perder cosecha, y la universidad presentará los ensayos con sensores de suelo.
Habrá cata de aceites nuevos, demostración de drones y una comida en la almazara. El precio es de {amount} y los socios no pagan.
Las plazas son limitadas: inscríbase en {link} antes del viernes.
===
es Una idea para {company}
Hola {first}:
he visto que {company} vende sobre todo en ferias. Nosotros ayudamos a empresas de {city} a vender también entre feria y feria, con un catálogo que el cliente abre en el teléfono y en el que [pide|encarga] con un dedo.
Una bodega parecida a la suya recibió {n} pedidos el primer mes, casi todos por la noche, cuando nadie coge el teléfono.
¿Tiene un cuarto de hora esta semana para verlo? Elija hora en {link} y le llamo yo.
===
es Ningún niño sin cena
Queridos amigos:
en los barrios del sur de {city} hay {n} niños que solo comen caliente en la escuela. Los fines de semana y en vacaciones sus madres [estiran|alargan] el arroz con agua y con cuentos.
Con {amount} al mes llenamos la nevera de una familia y pagamos a una vecina para que cocine con ellas. El año pasado fueron trescientas familias, y ninguna tuvo que pedir.
Hazte socio antes del {date} en {link} y te mandaremos cada trimestre una carta con lo que se ha hecho con tu dinero.
===
es Boletín de la biblioteca
Queridos lectores:
este mes el club de lectura viaja a Cuba con una novela [corta|breve] que se lee en una tarde y se recuerda toda la vida. Nos reunimos el {date} en la sala pequeña, con café.
Han llegado {n} libros nuevos, la mayoría pedidos por vosotros, y una colección de tebeos que perteneció a un maestro de {city}. Los sábados hay cuentos para los más pequeños.
Reserva tus libros en {link} y recógelos sin hacer cola.
===
it Saldi di fine stagione
Gentile cliente,
da domani fino al {date} tutti i nostri tessuti, le tovaglie e le lenzuola di lino sono scontati della metà. Ogni pezzo è [tessuto|lavorato] nel nostro stabilimento sulle rive del lago, come si faceva una volta.
Con il codice {code} la spedizione a {city} è gratuita e ricevete in omaggio un sacchetto di lavanda della nostra terra.
Scoprite tutte le offerte su {link} prima che finiscano.
===
it Invito alla festa del raccolto
Cari amici,
quest'anno le olive sono poche ma bellissime, e l'olio che esce dal frantoio profuma di erba e di carciofo. Vi [aspettiamo|vogliamo] il {date} in campagna vicino a {city} per assaggiarlo sul pane appena sfornato.
Ci saranno la banda, il mercato dei contadini e un laboratorio dove i bambini impastano la focaccia. Chi vuole può salire sugli alberi e raccogliere con noi.
Prenotate su {link}: il pranzo costa {amount} e il vino lo offre la cooperativa.
===
it Aggiornamento importante per {company}
Buongiorno {name},
dal prossimo anno cambia l'obbligo di conservare le fatture elettroniche, e chi non si adegua entro il {date} rischia sanzioni fino a {amount}. Il nostro servizio [archivia|conserva] ogni documento per dieci anni e risponde ai controlli al posto vostro.
Già {n} studi professionali di {city} ci hanno affidato i loro clienti. L'attivazione richiede mezz'ora e non dovete cambiare programma.
Prenotate una dimostrazione gratuita su {link}
===
nl Nieuwe fietsen in de winkel
Beste {first},
de nieuwe elektrische bakfietsen zijn binnen en ze rijden nog [lichter|soepeler] dan vorig jaar. In de bak passen drie kinderen en de boodschappen van een hele week, en de accu haalt met gemak honderd kilometer.
Kom op {date} een proefrit maken in onze winkel in {city}. Wie zijn oude fiets inruilt, krijgt er {amount} voor terug, hoe roestig hij ook is.
Maak een afspraak via {link} of loop gewoon binnen, de koffie staat klaar.
===
nl Collecte voor de dierenambulance
Beste vrienden,
elke nacht rijden onze vrijwilligers door {city} en de dorpen eromheen, voor aangereden katten, zwanen in visdraad en egels in de put. Vorig jaar waren dat {n} ritten, en de oude wagen [haalt|redt] de winter niet meer.
Voor een nieuwe ambulance ontbreekt nog een kwart van het geld. Met {amount} betaalt u de brandstof van een hele nacht.
Geeft u voor {date}? Dat kan heel eenvoudig via {link} en het is aftrekbaar van de belasting.
===
pt Promoção de volta às aulas
Olá {first},
cadernos, mochilas e estojos com até metade do preço durante toda a semana. As melhores marcas [esperam|estão] por você nas nossas lojas de {city} e também na internet, com entrega em dois dias úteis.
Use o código {code} até o dia {date} e ganhe um dicionário de bolso na compra da lista completa. Parcelamos tudo em dez vezes sem juros.
Veja as ofertas em {link} e evite as filas do último dia.
===
pt Convite para a feira do livro
Caros leitores,
no dia {date} abre as portas a feira do livro de {city}, este ano dedicada aos viajantes. Durante nove dias, {n} editoras trazem novidades e livros antigos a preços de [saldo|ocasião], e os autores conversam com quem passa.
Para as crianças há marionetas, oficinas de ilustração e um barco de madeira onde se leem histórias de piratas ao fim da tarde.
O programa completo está em {link} e a entrada é livre.
===
pl Zimowa wyprzedaż
Dzień dobry {first},
tylko do {date} wszystkie kurtki, czapki i rękawice kupisz u nas o połowę taniej. Przygotowaliśmy też [wyjątkowe|specjalne] zestawy na narty dla całej rodziny, a przy zakupie dwóch par butów trzecią dostaniesz w prezencie.
Wpisz kod {code} w koszyku, a przesyłka do {city} nic nie kosztuje. Na zwrot masz trzydzieści dni i nie musisz podawać przyczyny.
Zobacz całą ofertę na {link} zanim zabraknie twojego rozmiaru.
===
ru Осенняя распродажа мебели
Здравствуйте, {first}!
Мы освобождаем склад и до {date} отдаём диваны, шкафы и кухонные столы за половину цены. Доставка по городу {city} [бесплатная|даром], а сборку наши мастера сделают в тот же день.
При покупке спальни вы получите в подарок матрас с независимыми пружинами. Назовите продавцу код {code}, и скидка станет ещё больше.
Все предложения собраны на странице {link} и обновляются каждое утро.
===
ja 秋の温泉旅行のご案内
{name}様
紅葉の季節になりました。当館では{date}まで、露天風呂付きの客室を特別価格でご用意しております。夕食は地元の山菜と川魚を使った会席料理、朝食は釜で炊いたご飯です。
{city}からは無料の送迎バスが毎日三便出ております。[お早めに|どうぞ]ご予約ください。予約番号{code}をお伝えいただくと、お一人様につき地酒を一本差し上げます。
詳しくはこちらのページをご覧ください {link}
===
zh 秋季新品上市
尊敬的{name}：
我们的秋季新品已经到店，羊毛大衣、真皮手袋和手工皮鞋应有尽有。{date}之前购买任意两件商品，第三件[免费|半价]，会员还可以获得双倍积分。
{city}的门店周末延长营业时间，现场有茶艺表演和抽奖活动，最高奖品价值{amount}。结账时请出示优惠码{code}，可再减一成。
更多款式请点击 {link} 查看，数量有限，先到先得。
"""
