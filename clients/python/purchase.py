"""Python gql: fetches the schema by introspection, checks its operations against it, buys over HTTP, and hears of it over
graphql-transport-ws."""

import asyncio
import os
import time
import urllib.parse
import urllib.request
import uuid

from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.requests import RequestsHTTPTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError

SERVER = os.environ["SECURE_PAYMENT_URL"]
SOCKET = SERVER.replace("http", "ws", 1) + "/graphql/ws"

SEARCH = """query Search { products(search: "led strip", first: 1) { nodes { id minimumOrderQuantity } } }"""
BUY = """mutation Buy($input: BuyNowInput!) {
  buyNow(input: $input) { order { id status contract { version total { amount currency } } } errors { code message path } }
}"""
CONFIRM = """mutation Confirm($input: ConfirmOrderInput!) {
  confirmOrder(input: $input) { order { status } errors { code message path } }
}"""
PAY = """mutation Pay($input: PayOrderInput!) {
  payOrder(input: $input) { payment { nextAction { ... on RedirectAction { url } } } errors { code message path } }
}"""
BEGIN = """query Begin($orderId: ID!) { orderEvents(orderId: $orderId, first: 1) { nodes { sequence } pageInfo { endCursor } } }"""
WATCH = """subscription Watch($orderId: ID!, $after: String) {
  orderEvents(orderId: $orderId, after: $after) { type sequence }
}"""


def say(text):
    print(f"ok    {text}")


def ask(buyer, document, payload=None, **variables):
    """A field of the answer; of a mutation, one without errors."""
    answer = buyer.execute(gql(document), variable_values=variables)
    if payload is None:
        return answer
    assert answer[payload]["errors"] == [], answer[payload]["errors"]
    return answer[payload]


def purchase(buyer):
    product = ask(buyer, SEARCH)["products"]["nodes"][0]
    address = {"name": "Loja", "line1": "Rua 1", "city": "Recife", "postalCode": "50010-000", "country": "BR"}
    cart = {"idempotencyKey": str(uuid.uuid4()), "productId": product["id"], "shippingAddress": address}
    cart["quantity"] = max(20, product["minimumOrderQuantity"])
    order = ask(buyer, BUY, "buyNow", input=cart)["order"]
    assert ask(buyer, BUY, "buyNow", input=cart)["order"]["id"] == order["id"], "the same key, another order"
    confirmed = {"orderId": order["id"], "contractVersion": order["contract"]["version"]}
    assert ask(buyer, CONFIRM, "confirmOrder", input=confirmed)["order"]["status"] == "AWAITING_PAYMENT"
    paid = {"idempotencyKey": str(uuid.uuid4()), "orderId": order["id"], "method": "VISA"}
    url = ask(buyer, PAY, "payOrder", input=paid)["payment"]["nextAction"]["url"]
    form = urllib.parse.urlencode({"decision": "approve"}).encode()
    with urllib.request.urlopen(url, form, timeout=20) as page:
        assert page.status == 200
    say(f"an order of {order['contract']['total']['amount']}, confirmed and paid")
    return order["id"]


def first_cursor(buyer, order):
    """Of the order's first event, which has its place among all a moment after it was committed."""
    while True:
        events = ask(buyer, BEGIN, orderId=order)["orderEvents"]
        if events["nodes"]:
            return events["pageInfo"]["endCursor"]
        time.sleep(0.05)


async def watch(schema, order, after):
    # Left to choose, gql 4 looks for the server's choice under a header's name in capitals, and HTTP's names have no case.
    transport = WebsocketsTransport(
        SOCKET,
        init_payload={"Authorization": "Bearer demo-buyer"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    sequences = []
    async with Client(transport=transport, schema=schema) as session:
        events = session.subscribe(gql(WATCH), variable_values={"orderId": order, "after": after})
        async for answer in events:
            sequences.append(answer["orderEvents"]["sequence"])
            if answer["orderEvents"]["type"] == "order.funded":
                break
        await events.aclose()
    assert sequences == list(range(2, 2 + len(sequences))), sequences
    say(f"a subscription from a cursor on: {sequences}")


def main():
    transport = RequestsHTTPTransport(
        f"{SERVER}/graphql", headers={"Authorization": "Bearer demo-buyer"}, timeout=20
    )
    with Client(transport=transport, fetch_schema_from_transport=True) as buyer:
        schema = buyer.client.schema
        say(f"the schema by introspection: {len(schema.type_map)} types")
        try:
            ask(buyer, "{ noSuchField }")
            raise AssertionError("an unknown field passed")
        except (GraphQLError, TransportQueryError):
            say("an unknown field is found before it is sent")
        order = purchase(buyer)
        first = first_cursor(buyer, order)
    asyncio.run(asyncio.wait_for(watch(schema, order, first), 30))


main()
