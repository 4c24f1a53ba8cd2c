"""Bulk mail in English: {fields} are merged, [a|b] are words of which a rewriter takes one or the other."""

ENGLISH = """
Spring arrivals are here
Dear {first},
The [new|latest] spring collection has arrived in our shop, and we [saved|kept] the best pieces for our regular customers. Linen shirts, canvas shoes and light jackets come in eleven colours this year, all made in a small workshop near the coast.
Order before {date} and the shipping is on us. Use the code {code} at the checkout or show this message at the till in {city}.
If something does not fit, [send|bring] it back within sixty days and we refund the full price, no questions asked. See everything at {link}
===
Your invoice {n} is ready
Hello {name},
Please find below the [summary|overview] of your account with us for the past month. The amount due is {amount} and will be collected from your bank account on {date} unless you tell us otherwise.
You can download the full document with all line items from the customer area at {link} where you will also find the invoices of the last ten years.
Our tariffs change at the beginning of next quarter because the network operators have raised their fees. The [average|typical] household pays about two percent more. You do not need to do anything.
===
Invitation: an evening on heat pumps
Dear {name},
[Is|Would] an old house really be warm with a heat pump? Three engineers and two house owners from {city} tell what they learned, with the real figures from two winters.
We meet on {date} at seven in the town library. Admission is free, but seats are [few|limited], so please sign up at {link} before the weekend.
There will be soup, bread and time for your own questions. Bring your last heating bill if you want a rough estimate from one of our advisers on the spot.
===
quick question about {company}
Hi {first},
I came across {company} while looking at growing firms in {city} and [noticed|saw] that you are hiring for sales. Most teams of your size lose about a third of the leads that come in through the website because nobody answers within the first hour.
We built a small tool that answers, qualifies and books the meeting while your people sleep. Forty companies like yours use it and see twice as many demos from the same traffic.
Would you be [open|free] to a fifteen minute call next week? Here is my calendar: {link}
If this is not for you, just tell me who else I should [talk|write] to.
===
Winter appeal: a night shelter for every child
Dear {first},
Last night {n} children slept in the station of our capital, because the shelters were full. The [youngest|smallest] was four years old and held the hand of her brother all night long.
With {amount} you give one child a bed, a warm meal and a person who listens for a whole week. Last year people like you made eleven thousand nights possible.
The temperature will fall below zero this weekend. Please give today at {link} and pass this message on to someone who cares.
Thank you for [standing|staying] with these children. You will receive the receipt for your tax return in February.
===
Release notes: version {n} is out
Hi {first},
Version {n} of the editor is out today. It starts twice as fast, remembers where you were in each document and finally supports vertical tabs, which was the most [wanted|requested] feature on our board for two years.
We also rewrote the search. It now understands typing mistakes, looks into attachments and shows the results while you are still typing.
The update is free for everyone with a current licence. You get it through the menu or from {link}
Known problem: on some older laptops the preview flickers when a second screen is plugged in. A fix is on its way and should reach you [next|this] week.
===
Webinar: what the new packaging law means for you
Dear {name},
From January every company that sends parcels must register the packaging it brings into circulation. Those who [forget|ignore] it risk fines and may no longer sell on the large market places.
In our free webinar on {date} two lawyers explain in forty minutes who is affected, what has to be reported, and how {company} can get it done in an afternoon.
All participants receive the check list and the recording. Register at {link} with two clicks.
===
Final hours: everything must go
{first}, the warehouse closes on {date}!
Because our lease ends we [sell|clear] every sofa, every lamp and every last rug at half the price or less. What is gone is gone, and there is no second delivery.
Garden chairs from nine, dining tables from ninety nine, mattresses from one hundred and forty nine. Delivery to {city} costs nothing when you order two pieces or more.
Look through what is left right now: {link}
===
The monthly letter from the observatory
Dear friends of the sky,
This month Jupiter stands opposite to the sun and shines all night long. Through [simple|ordinary] binoculars you can see its four large moons change places from one evening to the next.
In the morning hours around {date} the Leonids cross our sky. With a clear horizon and some patience you may count up to twenty meteors in an hour.
Our dome is open each Friday when the weather allows it. School classes please make a booking at {link} or call the office before noon.
The annual meeting has elected a new board. The treasurer reported that the new mirror is paid for, thanks to {n} donations from members in {city} and elsewhere.
===
{company}: your listing expires soon
Dear {name},
The entry of {company} in the regional business directory will [expire|lapse] on {date}. After that customers in {city} who look for your services will no longer find your address, your opening hours and your reviews.
Renew now for another twelve months and receive the premium entry with photographs and a map at the price of the basic one.
To renew, confirm your particulars at {link} and choose your package. Our advisers are [happy|glad] to help on working days.
===
Tonight's menu changes
Hi {first}, the kitchen has news for you.
Chef Marta is back from Sicily with a suitcase full of recipes. From {date} on we [serve|offer] grilled swordfish with capers, pasta with sardines and wild fennel, and a lemon granita that tastes like the harbour at noon.
Every Wednesday the second glass of wine is on the house. Bring this message or say the word {code} to your waiter.
Tables on the terrace go fast, book yours at {link}
===
We miss you at the gym
Hello {first},
It has been {n} days since your last visit, and your locker is getting lonely. Life gets busy, we [know|understand] that, so we made coming back as easy as we could.
Take the next four weeks with a personal trainer, sauna included, at no extra charge. No need to sign anything: your membership simply goes on as it is.
New this season are the rowing classes at six in the morning and the quiet hours on Sunday without music. Choose your slot at {link} or simply drop in at our {city} branch.
===
Cheaper shipping to the islands
Dear customer,
for years parcels to the islands were a [nuisance|pain]: slow, expensive and often lost on the way. From {date} on our own ferry line carries your goods three times a week, and a parcel of up to ten kilos costs no more than on the mainland.
Labels can be printed at {link} or made for you in each of our shops. Fragile goods travel in padded cages, and chilled goods in boxes that we collect again.
Business customers of {company} size receive a further rebate for more than fifty parcels a month. Ask {name} in our sales office for an offer.
===
Your opinion on our service
Dear {name},
you recently had contact with our service desk under number {n}. We [would|should] like to know how you felt about it, because it is the only way in which we get better.
The survey has five short questions and takes less than two minutes. Among all answers we draw three hampers with products from the region of {city}.
Please start here: {link}
Your answers are kept apart from your customer record and are deleted after the evaluation. Nobody will call you because of what you write.
===
Property alert: new homes near {city}
Hi {first},
Three homes that fit your search came on the market [today|this morning]. The first is a bright flat on the second floor with a balcony to the south, two bedrooms and a cellar, ten minutes from the station.
The second is a terraced house from the thirties with the old tiles still in the hall. It needs a new roof, which the price of {amount} reflects.
The third is a plot with planning permission for two semi detached houses, sold by the community to families with children only.
See photographs and book a viewing at {link} before others do.
===
Protect your business against outages
Hi {first},
a power cut of one hour costs a firm like {company} about {amount}. Most of it is not the lost work but the [damage|harm] to machines that stop in the middle of what they do.
Our batteries bridge up to four hours, start within milliseconds and pay for themselves by storing cheap power at night. We install them in a day, and you can rent them without buying anything.
A neighbour of yours in {city} has had one since spring. May I show you what it looked like there? Choose a date at {link}
===
Volunteers wanted for the river clean up
Hello {first},
on {date} we take out of the river what does not belong there. Last year {n} volunteers filled two lorries with tyres, bottles, three bicycles and one [complete|whole] kitchen.
We meet at eight at the boat house in {city}. Gloves, bags and breakfast are provided, please bring boots and clothes that may get dirty. Children are welcome with an adult.
The divers of the fire brigade will be there too, and in the evening there is a fire with sausages for everybody. Sign up so that we can plan: {link}
===
Course catalogue for the autumn term
Dear {name},
the autumn programme of the adult college is [out|ready]. Among more than three hundred courses you find bookkeeping for beginners, Portuguese before breakfast, welding for women and the history of our own town told by those who lived it.
Early birds who enrol until {date} pay ten percent less. People without work and students pay half throughout.
New is the repair café on the first Saturday of every month, where volunteers show you how to mend a toaster, a zip or a bicycle. The whole catalogue is at {link} and in the libraries of {city}.
===
Upgrade your plan and keep your history
Hi {first},
you are using the free plan, which keeps messages for ninety days. On {date} the [oldest|first] of your conversations will no longer be shown.
With the team plan you keep everything for ever, add guests from other firms, and start video calls with up to fifty people. For {company} that would cost {amount} a month for all seats together.
Upgrade at {link} before the date above and the first three months are half price. If you stay on the free plan nothing else changes for you.
===
Crops and prices this week
Good morning {first},
wheat went up again after the dry weeks in the east, rape is [steady|unchanged], and maize lost a little because the harvest overseas is better than feared. The mill in {city} pays {amount} for a tonne of bread wheat, delivered by {date}.
Fertiliser remains dear. Those who still need potash should order now, since the works will be closed for repairs for most of next month.
Our field day shows six new varieties side by side, sown at two densities, and the drone that counts the plants. Directions are at {link}
===
Last call for papers
Dear colleague,
the deadline for the ninth conference on coastal engineering has been [extended|moved] to {date}. We invite original work on dunes and dykes, sediment transport, breakwaters, harbours and the economics of retreat.
Papers have up to eight pages and are reviewed by three members of the committee. Accepted papers appear in the proceedings and the best in a special issue of the journal.
The conference takes place in {city}, with excursions to the storm barrier and the new sand engine. Submit through {link} and direct questions to the chair.
===
Refinance your mortgage before rates rise
Dear {name},
your fixed rate may end sooner than you think. Banks [expect|predict] that money gets dearer from {date} on, and those who arrange the follow up now can save up to {amount} over ten years.
We compare the offers of four hundred lenders, free of charge and without any effect on your credit score. You talk to one adviser from the first call to the signature, in our branch in {city} or by video.
Answer four questions at {link} and receive your personal comparison by tomorrow evening.
===
School newsletter
Dear parents,
the new climbing frame is finished and [stood|held] the first break in spite of four hundred feet. Our thanks go to the fathers and mothers who poured the concrete on two rainy Saturdays.
The parents' evening for the lower classes is on {date}. The nurse will talk about sleep and screens, and afterwards the class teachers are available in their rooms.
Please remember that cars must not stop in front of the gate between half past seven and eight. The crossing guard had to jump twice last week.
Lost property fills three boxes by now. Come and look before we give it to the charity shop in {city}. The menu of the canteen is at {link}
===
Congratulations, you have been selected
Hello {first},
out of thousands of applicants from {city} you were [chosen|picked] to test the coffee machine of the year at home for a month. Keep it afterwards for a symbolic price, or send it back in the same box.
All you have to do is drink coffee and tell us what you think in three short questionnaires. The beans are included, as is the milk frother that everyone talks about.
Only {n} machines are left. Confirm your address with your code {code} at {link} until {date} or the next person on the list gets yours.
===
Security bulletin for administrators
Hello {name},
two weaknesses in the file sharing module allow a logged in user to read documents of others. They are rated high and are already being [exploited|used] against installations that face the Internet.
All releases before {n} are affected. Please update at once or switch the module off until you can. After the update all sessions end and users have to log in again.
How to see in your log files whether somebody has been there, and the hashes of the packages, is described at {link}
We thank the two researchers who told us first and waited until the correction was ready.
===
Museum night: one ticket, thirty houses
Dear {first},
when it gets dark on {date}, thirty museums in {city} stay open until two in the morning. Historic buses [connect|link] them all, and one ticket is good for everything, the ride home included.
In the museum of trade you may roast your own coffee, in the anatomical collection students answer what you never dared to ask, and on the roof of the gallery a brass band plays at midnight.
Advance booking at {link} saves you a third. Children up to fourteen pay nothing, and for them the programme starts at five in the afternoon.
===
Your insurance partner informs
Dear {name},
the storms of this summer have [shown|taught] that many houses are covered against wind but not against water that comes out of the ground. In {city} alone the fire brigade pumped {n} cellars.
For {amount} a year you add this protection to your policy. It pays for drying, rebuilding and a hotel room, and for what stood in the cellar up to half of the sum insured.
Tell us the year in which your house was built and whether there is a backflow valve at {link}, and the cover starts on the day after.
===
New in the wine cellar
Dear wine lover,
our buyer spent three weeks between Porto and the Spanish border and [found|discovered] two estates that nobody here has heard of. The first makes a white from vines a hundred years old that smells of wet stone and quince.
The second is run by three sisters who press with their feet, as their grandmother did, and bottle without a filter. There are {n} cases for the whole country.
A tasting box of six bottles costs {amount} instead of the list price until {date}. Order at {link} or taste it first on Saturday in our shop in {city}.
===
Cyber week for your pets
Hey {first},
your four legged friend deserves a [bargain|treat] too! All week long you get a third bag for free when you buy two, toys go for half the price, and for cats the big scratching tower comes with a year of catnip.
Our vets answer questions in the chat every evening from six to eight, even when you buy nothing at all.
The code {code} gives you a further five off on your first order with the app. It cannot be combined with other codes and ends on {date}. On your marks: {link}
===
Board and lodging for exchange students
Dear families,
in September {n} young people from eleven countries come to {city} to go to school here for a year. For six of them we still [look|search] for a family with a spare bed and some patience at breakfast.
You need no large house and no foreign languages. Our students pay for their own travel and pocket money, and a helper in your town is there for you day and night.
Those who have done it say that they gained a daughter or a son for life. Come to the information evening on {date} or read the stories of other host families at {link}
===
Reduce your cloud bill by a third
Hi {first},
we looked at {n} companies in your industry: on average a third of what they pay for servers is for machines that nobody [uses|needs]. Nobody switches them off because nobody knows what would break.
Our software watches for two weeks, read only, and then tells you machine by machine what can go, what can be smaller and what should be bought for three years. The report is free, and you pay a tenth of what you save only if you save it.
Could {company} spare half an hour on {date} to see it on real data? Pick a time that suits you: {link}
===
Petition: save the night train
Dear {first},
the ministry wants to [stop|cancel] the last night train to the south at the change of timetable. It carries two hundred thousand people a year, is sold out on most weekends and replaces some {n} flights.
More than eighty thousand of us have already signed. On {date} we hand the signatures over to the committee, with sleeping bags and alarm clocks in front of the parliament.
Sign now at {link} and send this to three people who like to wake up in another country. Every name from {city} counts, because the deputy of your constituency sits on that committee.
"""
