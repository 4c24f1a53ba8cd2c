"""What was reserved for the octets to one recipient counted although, with PRDR, the message did not go to it."""

from gateway.ledger.charges import Charge
from gateway.ledger.model import key
from tests.gateway.test_rationing import BOB, CAROL, House


async def test_who_is_left_out_is_charged_no_octets() -> None:
    house = House(recipient_by_customer={"bytes_per_hour": 1000}, customer={"bytes_per_hour": 1000})
    one = house.ration()
    for address in (BOB, CAROL):
        assert await one.recipient(address) is None
    assert await one.message([BOB, CAROL], 400) is None
    assert await one.deliveries([BOB, CAROL], 400) == {}
    one.leave_out([BOB])
    one.settle()
    found = []
    for address in (BOB, CAROL):
        counter = key("recipient_by_customer.bytes", "recipient", address.canonical, "acme")
        ((use,),) = await house.ledger.usage(Charge(counter, 0, ((3600, 1000),)))
        found.append(use.used)
    assert found == [0, 400]
    assert await house.used("bytes") == 400
