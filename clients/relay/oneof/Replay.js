// A @oneOf input as a literal and as a variable.
import { graphql } from 'relay-runtime';

graphql`
  mutation ReplayByIdMutation($endpointId: ID!, $eventIds: [ID!]!) {
    replayEvents(input: { endpointId: $endpointId, events: { eventIds: $eventIds } }) {
      replayed
    }
  }
`;

graphql`
  mutation ReplayMutation($endpointId: ID!, $events: EventSelectionInput!) {
    replayEvents(input: { endpointId: $endpointId, events: $events }) {
      replayed
    }
  }
`;
