// The operations of a small Relay app; relay-compiler reads them from here, checks/relay.mjs runs what it makes of them.
import { graphql } from 'relay-runtime';

// Pages, refetched on Query.
graphql`
  fragment Catalogue_query on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" }, search: { type: "String" })
  @refetchable(queryName: "CataloguePageQuery") {
    products(first: $count, after: $cursor, search: $search) @connection(key: "Catalogue_products") {
      edges {
        node {
          id
          ...Catalogue_product
        }
      }
    }
  }
`;

// Refetched by node(id:).
graphql`
  fragment Catalogue_product on Product @refetchable(queryName: "CatalogueProductQuery") {
    name
    available
    supplier {
      id
      name
    }
  }
`;

graphql`
  query CatalogueQuery($search: String) {
    ...Catalogue_query @arguments(search: $search)
  }
`;

graphql`
  query CatalogueOrderQuery($id: ID!) {
    node(id: $id) {
      ... on Order {
        status
        number
        escrow {
          due {
            amount
          }
        }
      }
    }
  }
`;

graphql`
  mutation CatalogueBuyMutation($input: BuyNowInput!) {
    buyNow(input: $input) {
      order {
        id
        status
      }
      errors {
        code
        message
        path
      }
    }
  }
`;

graphql`
  mutation CatalogueConfirmMutation($input: ConfirmOrderInput!) {
    confirmOrder(input: $input) {
      order {
        id
        status
      }
      errors {
        code
      }
    }
  }
`;

graphql`
  subscription CatalogueEventsSubscription($orderId: ID, $after: String) {
    orderEvents(orderId: $orderId, after: $after) {
      id
      type
      sequence
      cursor
    }
  }
`;
