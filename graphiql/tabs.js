// The tabs GraphiQL opens with, in order, and the placeholders their variables use.
// A tab's title is the name of its operation, so every operation has one.
// boot.js explains how a placeholder such as "$orderId" is filled.

const as = token => JSON.stringify({ Authorization: `Bearer ${token}` });
const BUYER = as('demo-buyer');
const STOREFRONT = as('demo-storefront');
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

  tab(
    `
# A quote, 1 of 5. For terms that no listing has the
# buyer asks the supplier to draft a contract.
mutation RequestDraft(
  $idempotencyKey: String!
  $supplierId: ID!
  $productId: ID!
  $message: String!
) {
  requestDraft(
    input: {
      idempotencyKey: $idempotencyKey
      supplierId: $supplierId
      productId: $productId
      quantity: 5000
      currency: "USD"
      message: $message
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
    {
      idempotencyKey: '$fresh:requestDraft',
      supplierId: '$supplierId',
      productId: '$productId',
      message: '5,000 rolls in plain boxes. What would they cost?',
    },
    BUYER,
  ),

  tab(
    `
# A quote, 2 of 5. The supplier's first draft.
mutation FirstDraft(
  $idempotencyKey: String!
  $quoteId: ID!
  $unitPrice: Decimal!
) {
  draftOrder(
    input: {
      idempotencyKey: $idempotencyKey
      orderId: $quoteId
      lines: [
        {
          description: "LED strip, plain box"
          quantity: 5000
          unit: "roll"
          unitPrice: $unitPrice
        }
      ]
      shippingFee: "300.00"
      shipWithinDays: 45
    }
  ) {
    order {
      status
      contract {
        version
        total {
          amount
          currency
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
    { idempotencyKey: '$fresh:draft', quoteId: '$quoteId', unitPrice: '5.95' },
    SUPPLIER,
  ),

  tab(
    `
# A quote, 3 of 5. They have talked; the supplier
# drafts again. Each draft is a further version.
mutation SecondDraft(
  $idempotencyKey: String!
  $quoteId: ID!
  $unitPrice: Decimal!
) {
  draftOrder(
    input: {
      idempotencyKey: $idempotencyKey
      orderId: $quoteId
      lines: [
        {
          description: "LED strip, plain box"
          quantity: 5000
          unit: "roll"
          unitPrice: $unitPrice
        }
        {
          description: "Sample box"
          quantity: 1
          unit: "box"
          unitPrice: "0.00"
        }
      ]
      shippingFee: "300.00"
      shipWithinDays: 30
    }
  ) {
    order {
      status
      contract {
        version
        total {
          amount
          currency
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
    { idempotencyKey: '$fresh:draft', quoteId: '$quoteId', unitPrice: '5.75' },
    SUPPLIER,
  ),

  tab(
    `
# A quote, 4 of 5. What the second draft changed, as
# the buyer reads it before agreeing.
query DraftChanges($quoteId: ID!) {
  order(id: $quoteId) {
    number
    status
    contract {
      version
      total {
        amount
        currency
      }
      changes {
        label
        before
        after
        path
      }
    }
  }
}
`,
    { quoteId: '$quoteId' },
    BUYER,
  ),

  tab(
    `
# A quote, 5 of 5. The buyer agrees to exactly this
# version. With version 1 the answer is STALE_VERSION.
mutation ConfirmDraft(
  $quoteId: ID!
  $contractVersion: Int!
) {
  confirmOrder(
    input: {
      orderId: $quoteId
      contractVersion: $contractVersion
    }
  ) {
    order {
      status
      deadline
      contract {
        version
        hash
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
    { quoteId: '$quoteId', contractVersion: 2 },
    BUYER,
  ),

  tab(
    `
# A conversation, 1 of 4. The supplier's inbox: what
# is unread is counted for each side. It begins with
# the buyer's question, in ContactSupplier.
query SupplierInbox {
  conversations(first: 10) {
    nodes {
      id
      unreadCount
      updatedAt
      product {
        name
      }
      messages(first: 3) {
        nodes {
          id
          sender
          text
        }
      }
    }
  }
}
`,
    null,
    SUPPLIER,
  ),

  tab(
    `
# A conversation, 2 of 4. The supplier answers; to
# answer is to have read what came before.
mutation Reply(
  $idempotencyKey: String!
  $conversationId: ID!
  $text: String!
) {
  sendMessage(
    input: {
      idempotencyKey: $idempotencyKey
      conversationId: $conversationId
      text: $text
    }
  ) {
    message {
      id
      text
      createdAt
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
      idempotencyKey: '$fresh:reply',
      conversationId: '$conversationId',
      text: 'Yes: they leave three days after the payment.',
    },
    SUPPLIER,
  ),

  tab(
    `
# A conversation, 3 of 4. How much of it the buyer
# has not read yet.
query BuyerInbox($conversationId: ID!) {
  conversation(id: $conversationId) {
    unreadCount
    lastReadMessageId
    messages(first: 20) {
      nodes {
        sender
        text
        attachments {
          fileName
          url
        }
      }
    }
  }
}
`,
    { conversationId: '$conversationId' },
    BUYER,
  ),

  tab(
    `
# A conversation, 4 of 4. The buyer has seen the
# reply.
mutation MarkRead(
  $conversationId: ID!
  $messageId: ID!
) {
  markConversationRead(
    input: {
      conversationId: $conversationId
      lastReadMessageId: $messageId
    }
  ) {
    conversation {
      unreadCount
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { conversationId: '$conversationId', messageId: '$messageId' },
    BUYER,
  ),

  tab(
    `
# Webhooks, 1 of 4. Where the storefront is told of
# its orders. "$here:…" is an address of this server
# that takes everything; put yours there. The secret
# that signs is shown this once.
mutation CreateWebhookEndpoint(
  $idempotencyKey: String!
  $url: String!
) {
  createWebhookEndpoint(
    input: {
      idempotencyKey: $idempotencyKey
      url: $url
      description: "from GraphiQL"
    }
  ) {
    endpoint {
      id
      url
      status
    }
    secret
    errors {
      code
      message
      path
    }
  }
}
`,
    { idempotencyKey: '$fresh:endpoint', url: '$here:/sandbox/receiver' },
    STOREFRONT,
  ),

  tab(
    `
# Webhooks, 2 of 4. An event that did not happen, to
# try the receiver. Or run steps 3 to 8: each event
# of the order is sent as well.
mutation SendTestEvent($endpointId: ID!) {
  sendTestEvent(input: { endpointId: $endpointId }) {
    delivery {
      eventId
      type
      status
    }
    errors {
      code
      message
      path
    }
  }
}
`,
    { endpointId: '$endpointId' },
    STOREFRONT,
  ),

  tab(
    `
# Webhooks, 3 of 4. What was sent, what was answered,
# how long it took.
query WebhookDeliveries($endpointId: ID!) {
  webhookDeliveries(endpointId: $endpointId, first: 10) {
    nodes {
      type
      status
      body
      attempts {
        attemptedAt
        durationMs
        statusCode
        error
        requestHeaders {
          name
          value
        }
      }
      nextAttemptAt
    }
  }
}
`,
    { endpointId: '$endpointId' },
    STOREFRONT,
  ),

  tab(
    `
# Webhooks, 4 of 4. Nothing is sent there any more.
mutation DeleteWebhookEndpoint($endpointId: ID!) {
  deleteWebhookEndpoint(
    input: { endpointId: $endpointId }
  ) {
    deletedEndpointId
    errors {
      code
      message
      path
    }
  }
}
`,
    { endpointId: '$endpointId' },
    STOREFRONT,
  ),

  tab(
    `
# Live. The order as it is, and again after each
# change, over a WebSocket: what a page shows. What
# has happened to it, event by event, is WatchOrder.
subscription LiveOrder($orderId: ID!) {
  order(id: $orderId) {
    number
    status
    deadline
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
];

export const LIVE_TABS = [{ query: '', variables: null, headers: null }];

// Where each placeholder's value is found in a result, and the tab that gives it.
const firstProduct = data => data.products?.nodes?.[0] ?? data.products?.edges?.[0]?.node;

export const PLACEHOLDERS = {
  productId: { tab: 'FindProducts', find: data => firstProduct(data)?.id },
  supplierId: { tab: 'FindProducts', find: data => firstProduct(data)?.supplier?.id },
  orderId: { tab: 'BuyNow', find: data => data.buyNow?.order?.id },
  quoteId: { tab: 'RequestDraft', find: data => data.requestDraft?.order?.id },
  conversationId: { tab: 'ContactSupplier', find: data => data.contactSupplier?.conversation?.id },
  messageId: { tab: 'Reply', find: data => data.sendMessage?.message?.id },
  endpointId: { tab: 'CreateWebhookEndpoint', find: data => data.createWebhookEndpoint?.endpoint?.id },
};
