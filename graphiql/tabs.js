// The tabs GraphiQL opens with, in order, and the placeholders their variables use.
// A tab's title is the name of its operation, so every operation has one.
// boot.js explains how a placeholder such as "$orderId" is filled.

const as = token => JSON.stringify({ Authorization: `Bearer ${token}` });
const BUYER = as('demo-buyer');
const SUPPLIER = as('demo-supplier');
const OPERATOR = as('demo-operator');

const tab = (query, variables, headers) => ({
  query: query.trim() + '\n',
  variables: variables ? JSON.stringify(variables, null, 2) : null,
  headers: headers ?? null,
});

export const SANDBOX_TABS = [
  tab(
    `
# Step 1 of 11. Search the catalogue: no token.
# The next steps buy the first product listed.
query FindProducts {
  products(search: "led strip waterproof", first: 5) {
    nodes {
      id
      name
      category
      unit
      minimumOrderQuantity
      priceTiers {
        minimumQuantity
        unitPrice {
          amount
          currency
        }
      }
      leadTimeDays
      available
      supplier {
        id
        name
        country
        verified
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  ),

  tab(
    `
# Step 2 of 11. The buyer asks the supplier.
# Variables: "$supplierId" and "$productId" are
# filled in from the answer of FindProducts.
mutation ContactSupplier(
  $supplierId: ID!
  $productId: ID!
  $text: String!
) {
  contactSupplier(
    input: {
      supplierId: $supplierId
      productId: $productId
      text: $text
    }
  ) {
    conversation {
      id
      messages(first: 10) {
        nodes {
          text
        }
      }
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    {
      supplierId: '$supplierId',
      productId: '$productId',
      text: 'Hello! Can you ship 20 rolls to Brazil this month?',
    },
    BUYER,
  ),

  tab(
    `
# Step 3 of 11. Place the order.
# Variables: "$fresh:buyNow" becomes a new random
# key on every run. Put a fixed text there and run
# twice: the second run returns the same order.
mutation BuyNow(
  $idempotencyKey: String!
  $productId: ID!
) {
  buyNow(
    input: {
      idempotencyKey: $idempotencyKey
      productId: $productId
      quantity: 20
      shippingAddress: {
        name: "Ana Souza"
        line1: "Rua Augusta 1500"
        city: "São Paulo"
        postalCode: "01304-001"
        country: "BR"
      }
    }
  ) {
    order {
      id
      number
      status
      contract {
        version
        total {
          amount
          currency
        }
      }
      availableActions {
        action
        consequence
      }
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { idempotencyKey: '$fresh:buyNow', productId: '$productId' },
    BUYER,
  ),

  tab(
    `
# Step 4 of 11. Agree to the order's contract.
mutation ConfirmOrder($orderId: ID!) {
  confirmOrder(
    input: { orderId: $orderId, contractVersion: 1 }
  ) {
    order {
      status
      deadline
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { orderId: '$orderId' },
    BUYER,
  ),

  tab(
    `
# Step 5 of 11. Pay by card. Then open the checkout
# page (the link at the bottom of this window),
# press Approve there, come back, run tab Order.
# Other methods have other pages: BANK_TRANSFER an
# account to send money to, WESTERN_UNION a code.
mutation PayOrder(
  $idempotencyKey: String!
  $orderId: ID!
) {
  payOrder(
    input: {
      idempotencyKey: $idempotencyKey
      orderId: $orderId
      method: VISA
    }
  ) {
    payment {
      id
      status
      nextAction {
        __typename
        ... on RedirectAction {
          url
        }
        ... on BankTransferAction {
          iban
          reference
          amountDue {
            amount
            currency
          }
          page: url
        }
        ... on VoucherAction {
          code
          page: url
        }
      }
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { idempotencyKey: '$fresh:payOrder', orderId: '$orderId' },
    BUYER,
  ),

  tab(
    `
# Step 6 of 11. Where the order and the money are.
# Run it again until the status is FUNDED, and
# whenever you like after the later steps.
query Order($orderId: ID!) {
  order(id: $orderId) {
    number
    status
    deadline
    escrow {
      captured {
        amount
      }
      held {
        amount
      }
      released {
        amount
      }
      refunded {
        amount
      }
    }
    payments {
      id
      method
      status
      amount {
        amount
        currency
      }
    }
    events(first: 50) {
      nodes {
        sequence
        type
        occurredAt
        actor
        summary
      }
    }
    availableActions {
      action
      consequence
    }
  }
}
`,
    { orderId: '$orderId' },
    BUYER,
  ),

  tab(
    `
# Step 7 of 11. The supplier ships the goods
# (see Headers: the supplier's token).
mutation ShipOrder($orderId: ID!) {
  shipOrder(
    input: {
      orderId: $orderId
      carrier: "DHL"
      trackingNumber: "JD014600003828394756"
    }
  ) {
    order {
      status
      deadline
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { orderId: '$orderId' },
    SUPPLIER,
  ),

  tab(
    `
# Step 8 of 11. The buyer has the goods: the money
# is released to the supplier.
mutation ConfirmReceived($orderId: ID!) {
  confirmReceived(input: { orderId: $orderId }) {
    order {
      status
      escrow {
        held {
          amount
        }
        released {
          amount
        }
      }
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { orderId: '$orderId' },
    BUYER,
  ),

  tab(
    `
# Step 9 of 11. Rate the supplier.
mutation LeaveFeedback(
  $orderId: ID!
  $comment: String!
) {
  leaveFeedback(
    input: {
      orderId: $orderId
      productAsAgreed: 5
      communication: 5
      shippingTime: 4
      comment: $comment
    }
  ) {
    feedback {
      comment
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { orderId: '$orderId', comment: 'Exactly as agreed, well packed, two days late.' },
    BUYER,
  ),

  tab(
    `
# Step 10 of 11. Every movement of the order's
# money (see Headers: the operator's token).
query Ledger($orderId: ID!) {
  ledger(orderId: $orderId, first: 50) {
    nodes {
      debit
      credit
      amount {
        amount
        currency
      }
      cause
      occurredAt
    }
  }
}
`,
    { orderId: '$orderId' },
    OPERATOR,
  ),

  tab(
    `
# Step 11 of 11. The order's events as they happen,
# over a WebSocket; the run button stops it.
# To watch the steps live, open this page in a
# second window: it knows the same order.
subscription WatchOrder($orderId: ID!) {
  orderEvents(orderId: $orderId, after: null) {
    id
    type
    sequence
    occurredAt
    summary
    cursor
  }
}
`,
    { orderId: '$orderId' },
    BUYER,
  ),

  tab(
    `
# When it goes wrong, 1 of 4: a dispute of sixty
# days, without waiting. It begins with an order
# that is SHIPPED: steps 3 to 7, without step 8.
# The buyer wants a part of the money back.
mutation OpenDispute($orderId: ID!) {
  openDispute(
    input: {
      orderId: $orderId
      reason: DAMAGED
      description: "Six of twenty reels are broken."
      refundAmount: "38.40"
      goodsGoBack: false
    }
  ) {
    order {
      status
      deadline
      dispute {
        answerBy
        escalatesAt
      }
    }
    errors {
      code
      message
      path
    }
  }
  addEvidence(
    input: {
      orderId: $orderId
      text: "The driver noted the dented box on the receipt."
    }
  ) {
    errors {
      code
      message
      path
    }
  }
}
`,
    { orderId: '$orderId' },
    BUYER,
  ),

  tab(
    `
# When it goes wrong, 2 of 4. The supplier offers
# less; silence would have done as the buyer said.
mutation AnswerDispute($orderId: ID!) {
  proposeSettlement(
    input: {
      orderId: $orderId
      refundAmount: "10.00"
      goodsGoBack: false
      message: "Two reels, not six."
    }
  ) {
    order {
      status
      deadline
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { orderId: '$orderId' },
    SUPPLIER,
  ),

  tab(
    `
# When it goes wrong, 3 of 4. Sixty days later:
# the sandbox's clock goes forward, and everything
# that falls due on the way happens in order.
mutation SixtyDaysLater($to: DateTime!) {
  sandboxAdvanceClock(input: { to: $to }) {
    clock
    reached
    events {
      occurredAt
      actor
      type
      summary
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { to: '$inDays:60' },
    OPERATOR,
  ),

  tab(
    `
# When it goes wrong, 4 of 4. The operator rules:
# a part goes back, the rest is released, less the
# fee. Run Order and Ledger to see where it went.
mutation ResolveDispute($orderId: ID!) {
  resolveDispute(
    input: {
      orderId: $orderId
      refundAmount: "25.60"
      goodsGoBack: false
      ruling: "Four reels, by the driver's note."
    }
  ) {
    order {
      status
      escrow {
        held {
          amount
        }
        released {
          amount
        }
        refunded {
          amount
        }
      }
      refunds {
        amount {
          amount
        }
        status
        expectedBy
      }
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { orderId: '$orderId' },
    OPERATOR,
  ),
];

export const LIVE_TABS = [{ query: '', variables: null, headers: null }];

// Where each placeholder's value is found in a result, and the tab that gives it.
const firstProduct = data => data.products?.nodes?.[0] ?? data.products?.edges?.[0]?.node;

export const PLACEHOLDERS = {
  productId: { tab: 'FindProducts', find: data => firstProduct(data)?.id },
  supplierId: { tab: 'FindProducts', find: data => firstProduct(data)?.supplier?.id },
  orderId: { tab: 'BuyNow', find: data => data.buyNow?.order?.id },
};
