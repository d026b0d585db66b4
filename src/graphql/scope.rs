//! Which scope of a credential each mutation needs; queries and subscriptions need READ.
//!
//! Looked up once for a request, over the parsed document and before anything of it runs, so that no resolver can forget it.
//! What a mutation answers is shown to whoever may run it, with or without READ. A mutation that has no line here needs
//! every scope; a test refuses one.

use std::collections::HashSet;

use async_graphql::ServerError;
use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};
use entity::credential::Scope;

use crate::auth::Caller;
use crate::error::ErrorCode;
use crate::graphql::limits::refusal;
use crate::party::credential::scope_name;

/// What a mutation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Every credential may, of the right role.
    Nothing,
    One(Scope),
    /// All that fit the credential's role: it manages others' access, or its own.
    All,
}

const ORDERS: Need = Need::One(Scope::Orders);
const MONEY: Need = Need::One(Scope::Money);
const WEBHOOKS: Need = Need::One(Scope::Webhooks);

/// Every mutation.
const MUTATIONS: &[(&str, Need)] = &[
    // How an order begins, and goes on without money being moved
    ("buyNow", ORDERS),
    ("requestDraft", ORDERS),
    ("draftOrder", ORDERS),
    ("confirmOrder", ORDERS),
    ("cancelOrder", ORDERS),
    ("cancelRequest", ORDERS),
    ("withdrawCancelRequest", ORDERS),
    ("shipOrder", ORDERS),
    ("updateShipment", ORDERS),
    ("extendDeadline", ORDERS),
    ("openDispute", ORDERS),
    ("withdrawDispute", ORDERS),
    ("escalateDispute", ORDERS),
    ("proposeSettlement", ORDERS),
    ("shipReturn", ORDERS),
    ("contestReturn", ORDERS),
    ("createUpload", ORDERS),
    ("addEvidence", ORDERS),
    ("leaveFeedback", ORDERS),
    ("replyToFeedback", ORDERS),
    // Talk, listings, sessions
    ("contactSupplier", ORDERS),
    ("sendMessage", ORDERS),
    ("contactBuyer", ORDERS),
    ("markConversationRead", ORDERS),
    ("createProduct", ORDERS),
    ("updateProduct", ORDERS),
    ("createBuyerSession", ORDERS),
    ("revokeBuyerSession", ORDERS),
    // What pays, releases, refunds, rules, pays out, or says where money goes
    ("payOrder", MONEY),
    ("confirmReceived", MONEY),
    ("confirmReturn", MONEY),
    ("acceptSettlement", MONEY),
    ("answerCancelRequest", MONEY),
    ("refundOrder", MONEY),
    ("provideRefundAccount", MONEY),
    ("setPayoutAccount", MONEY),
    ("resolveDispute", MONEY),
    ("decideChargeback", MONEY),
    ("freezeOrder", MONEY),
    ("unfreezeOrder", MONEY),
    ("applyFunds", MONEY),
    ("refundUnapplied", MONEY),
    ("redriveNotification", MONEY),
    ("bookQuarantined", MONEY),
    ("retryRefund", MONEY),
    ("bearRefundCharge", MONEY),
    ("closePayment", MONEY),
    ("acceptShortfall", MONEY),
    ("dismissQuarantined", MONEY),
    ("bookBreak", MONEY),
    ("approveBooking", MONEY),
    ("rejectBooking", MONEY),
    ("reconcile", MONEY),
    ("requestManualPayout", MONEY),
    ("approveManualPayout", MONEY),
    ("rejectManualPayout", MONEY),
    ("confirmManualPayout", MONEY),
    ("requestManualRefund", MONEY),
    ("approveManualRefund", MONEY),
    ("rejectManualRefund", MONEY),
    ("confirmManualRefund", MONEY),
    ("sandboxAdvanceClock", MONEY),
    ("sandboxProviderEvent", MONEY),
    // Webhook endpoints
    ("createWebhookEndpoint", WEBHOOKS),
    ("updateWebhookEndpoint", WEBHOOKS),
    ("deleteWebhookEndpoint", WEBHOOKS),
    ("rotateWebhookSecret", WEBHOOKS),
    ("sendTestEvent", WEBHOOKS),
    ("replayEvents", WEBHOOKS),
    // Administration
    ("createStorefront", Need::All),
    ("updateStorefront", Need::All),
    ("createSupplier", Need::All),
    ("verifySupplier", Need::All),
    ("createCredential", Need::All),
    ("revokeCredential", Need::All),
    // A successor can do no more than what asks for it; to log out nobody needs leave
    ("rotateCredential", Need::Nothing),
    ("endSession", Need::Nothing),
];

/// None: it has no line.
#[must_use]
pub fn need_of(mutation: &str) -> Option<Need> {
    MUTATIONS.iter().find(|(name, _need)| *name == mutation).map(|(_name, need)| *need)
}

/// Refuses an operation of the document that the caller's credential lacks a scope for; without a name, of all of them.
pub fn check(document: &ExecutableDocument, operation: Option<&str>, caller: &Caller) -> Result<(), ServerError> {
    for (name, one) in document.operations.iter() {
        let chosen = operation.is_none_or(|wanted| name.is_some_and(|name| name == wanted));
        if !chosen {
            continue;
        }
        let mut fields = Vec::new();
        collect(document, &one.node.selection_set.node, &mut HashSet::new(), &mut fields);
        for field in fields {
            require(one.node.ty, field, caller)?;
        }
    }
    Ok(())
}

/// The root fields, through fragments; each fragment once.
fn collect<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut HashSet<&'a str>,
    fields: &mut Vec<&'a str>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => fields.push(field.node.name.node.as_str()),
            Selection::InlineFragment(inline) => {
                collect(document, &inline.node.selection_set.node, seen, fields);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let Some(fragment) = document.fragments.get(name) else { continue };
                if seen.insert(name.as_str()) {
                    collect(document, &fragment.node.selection_set.node, seen, fields);
                }
            }
        }
    }
}

fn require(kind: OperationType, field: &str, caller: &Caller) -> Result<(), ServerError> {
    // The schema is everybody's.
    if field.starts_with("__") {
        return Ok(());
    }
    let need = match kind {
        OperationType::Query | OperationType::Subscription => Need::One(Scope::Read),
        OperationType::Mutation => need_of(field).unwrap_or(Need::All),
    };
    let lacking = match need {
        Need::Nothing => None,
        Need::One(scope) => caller.lacks(scope).then_some(scope),
        Need::All => caller.lacked(),
    };
    let Some(scope) = lacking else { return Ok(()) };
    let message = format!("{field} needs the scope {}, which this credential lacks", scope_name(scope));
    Err(refusal(ErrorCode::NotPermitted, message))
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
    use entity::credential::Scopes;
    use entity::{CredentialId, OperatorId};

    use super::*;
    use crate::auth::{HeldCredential, Viewer};

    fn with(scopes: &[Scope]) -> Caller {
        let scopes = Scopes(scopes.iter().copied().collect());
        let held = HeldCredential { id: CredentialId(uuid::Uuid::nil()), expires_at: None, scopes };
        Caller { viewer: Viewer::Operator { operator_id: OperatorId(uuid::Uuid::nil()) }, credential: Some(held) }
    }

    fn refused(document: &str, operation: Option<&str>, scopes: &[Scope]) -> Option<String> {
        let document = parse_query(document).expect("parses");
        check(&document, operation, &with(scopes)).err().map(|error| error.message)
    }

    #[test]
    fn a_root_field_is_found_wherever_it_hides() {
        let wanted = Some("refundOrder needs the scope MONEY, which this credential lacks".to_owned());
        for document in [
            "mutation { refundOrder { x } }",
            "mutation { sendMessage { x } a: refundOrder { x } }",
            "mutation { ... { ... on Mutation { refundOrder { x } } } }",
            "mutation { ...a } fragment a on Mutation { ...b ...b } fragment b on Mutation { refundOrder { x } }",
            "mutation { refundOrder @skip(if: true) { x } }",
        ] {
            assert_eq!(refused(document, None, &[Scope::Read, Scope::Orders, Scope::Webhooks]), wanted, "{document}");
            assert_eq!(refused(document, None, &[Scope::Money, Scope::Orders]), None, "{document}");
        }
    }

    #[test]
    fn the_chosen_operation_counts_and_without_a_name_all_of_them() {
        let document = "query a { orders { x } } mutation b { payOrder { x } }";
        assert_eq!(refused(document, Some("a"), &[Scope::Read]), None);
        assert!(refused(document, Some("b"), &[Scope::Read]).is_some());
        assert!(refused(document, None, &[Scope::Read]).is_some());
        assert!(refused(document, Some("a"), &[Scope::Money]).is_some_and(|message| message.contains("READ")));
    }

    #[test]
    fn what_is_unknown_needs_everything_and_the_schema_nothing() {
        let most = [Scope::Read, Scope::Orders, Scope::Money];
        assert!(
            refused("mutation { newThing { x } }", None, &most).is_some_and(|message| message.contains("WEBHOOKS"))
        );
        assert!(refused("mutation { createCredential { x } }", None, &most).is_some());
        assert_eq!(refused("{ __schema { types { name } } } ", None, &[Scope::Money]), None);
        assert_eq!(refused("mutation { endSession { x } }", None, &[]), None);
    }

    #[test]
    fn the_document_on_access_has_the_same_table() {
        let table = include_str!("../../docs/access.md");
        let mut told: Vec<(&str, &str)> = Vec::new();
        for row in table.lines().filter_map(|line| line.strip_prefix("| ")) {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let [scope, _who, what] = cells[..] else { continue };
            let names = what.split('`').skip(1).step_by(2);
            told.extend(names.map(|name| (name, scope)));
        }
        let mut held: Vec<(&str, &str)> = Vec::new();
        for (name, need) in MUTATIONS {
            let scope = match need {
                Need::Nothing => "none",
                Need::One(scope) => scope_name(*scope),
                Need::All => "all of the role's",
            };
            held.push((name, scope));
        }
        told.sort_unstable();
        held.sort_unstable();
        assert_eq!(told, held);
    }

    #[test]
    fn every_mutation_of_the_schema_has_a_line() {
        let sdl = super::super::sdl(&super::super::build(ground::setting::Mode::Sandbox));
        let document = async_graphql::parser::parse_schema(sdl).expect("parses");
        let mut fields: Vec<String> = Vec::new();
        for definition in &document.definitions {
            if let TypeSystemDefinition::Type(one) = definition
                && one.node.name.node == "Mutation"
                && let TypeKind::Object(object) = &one.node.kind
            {
                fields.extend(object.fields.iter().map(|field| field.node.name.node.to_string()));
            }
        }
        assert!(fields.len() > 50, "{fields:?}");
        let missing: Vec<&String> = fields.iter().filter(|field| need_of(field).is_none()).collect();
        assert!(missing.is_empty(), "say in src/graphql/scope.rs which scope these mutations need: {missing:?}");
    }
}
