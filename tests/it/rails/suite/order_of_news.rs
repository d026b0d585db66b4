//! Notifications come late, twice, at once and in any order: what they leave is what they leave when they come as they were sent.
//!
//! Each life is lived once for each order of its news, by an order of its own. Every notification is delivered three times: three
//! times in a row, in three rounds, or all at once.

use std::collections::BTreeMap;

use entity::notification::{self, NotificationStatus};
use entity::transfer;
use futures_util::future::join_all;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::*;
use crate::support::rail::{Claim, Post};

/// More orders than these are not tried of one life.
const MOST_SAMPLES: usize = 24;

/// All that can be seen of a life in the end, without its ids.
#[derive(Debug, PartialEq, Eq)]
struct End {
    status: String,
    is_frozen: bool,
    /// Captured, held, released, refunded, charged back.
    amounts: (i64, i64, i64, i64, i64),
    /// Status, captured, refunded, charged back.
    payments: Vec<(String, i64, i64, i64)>,
    /// Status, amount, balance.
    refunds: Vec<(String, i64, i64)>,
    /// Status, amount, debited, returned.
    chargebacks: Vec<(String, i64, bool, bool)>,
    /// Credits less debits by kind of account, as far as any are left.
    ledger: BTreeMap<String, i64>,
}

async fn end_of(rail: &Rail<'_>, order: &str) -> End {
    let id = trouble::order_id(order);
    let row = rail.row(order).await;
    let mut payments =
        payment::Entity::find().filter(payment::Column::OrderId.eq(id)).all(&rail.app.db.read).await.expect("reads");
    payments.sort_by_key(|payment| payment.id);
    let payments =
        payments.iter().map(|row| (format!("{:?}", row.status), row.captured.0, row.refunded.0, row.charged_back.0));
    let refunds = trouble::refunds(rail.test, order).await;
    let refunds = refunds.iter().map(|row| (format!("{:?}", row.status), row.amount.0, row.balance.0));
    let chargebacks = trouble::chargebacks(rail.test, order).await;
    let chargebacks =
        chargebacks.iter().map(|row| (format!("{:?}", row.status), row.amount.0, row.debited, row.returned));
    let transfers = transfer::Entity::find().filter(transfer::Column::OrderId.eq(id));
    let mut ledger: BTreeMap<String, i64> = BTreeMap::new();
    for transfer in transfers.all(&rail.app.db.read).await.expect("reads") {
        let kind = |account: &entity::LedgerAccount| {
            let name = account.to_string();
            name.split('/').next().expect("a kind").to_owned()
        };
        *ledger.entry(kind(&transfer.debit)).or_default() -= transfer.amount.0;
        *ledger.entry(kind(&transfer.credit)).or_default() += transfer.amount.0;
    }
    ledger.retain(|_kind, balance| *balance != 0);
    // A gap in the timeline fails here.
    trouble::timeline(rail.test, order).await;
    End {
        status: row.status.to_string(),
        is_frozen: row.is_frozen(),
        amounts: trouble::amounts(rail.test, order).await,
        payments: payments.collect(),
        refunds: refunds.collect(),
        chargebacks: chargebacks.collect(),
        ledger,
    }
}

/// Nothing is left to be applied, and nothing had to be set aside for a person to look at.
async fn assert_all_applied(rail: &Rail<'_>, what: &str) {
    for status in [NotificationStatus::Received, NotificationStatus::Quarantined] {
        let left = notification::Entity::find().filter(notification::Column::Status.eq(status));
        let rows = left.all(&rail.app.db.read).await.expect("reads");
        let rows: Vec<_> = rows.iter().map(|row| (&row.reason, String::from_utf8_lossy(&row.body))).collect();
        assert!(rows.is_empty(), "{what}: {status:?} {rows:#?}");
    }
}

impl Rail<'_> {
    fn news(&self) -> Vec<Post> {
        self.fake.notifications(self.app.clock.wall())
    }

    pub(super) async fn take(&self, post: &Post) {
        let (status, body) = self.post(post).await;
        assert!((200..300).contains(&status), "{status} {body}");
    }

    /// The provider has been asked; if it can't be, or didn't know more, this is news that we have to be told.
    async fn learn(&self, news: &[Post], is_known: impl AsyncFn() -> bool) {
        self.ask().await;
        if is_known().await {
            return;
        }
        for post in news {
            self.take(post).await;
        }
        self.drain().await;
        assert!(is_known().await, "neither asking nor telling helps");
    }

    /// Each three times, in one of three ways.
    async fn deliver_three_times(&self, posts: &[&Post], way: usize) {
        match way % 3 {
            0 => {
                for post in posts.iter().flat_map(|post| [post; 3]) {
                    self.take(post).await;
                    self.drain().await;
                }
            }
            1 => {
                for _round in 0..3 {
                    for post in posts {
                        self.take(post).await;
                    }
                    self.drain().await;
                }
            }
            _at_once => {
                join_all(posts.iter().cycle().take(posts.len() * 3).map(|post| self.take(post))).await;
                self.drain().await;
            }
        }
        // What came too early is heard again. Not so late that a provider would be asked about a refund.
        for _minute in 0..5 {
            self.app.clock.advance(TimeDelta::minutes(1));
            self.drain().await;
        }
    }
}

/// Orders in which `count` things can come: all, or a sample that is always the same.
fn orders_of(count: usize) -> Vec<Vec<usize>> {
    let sent: Vec<usize> = (0..count).collect();
    // Five can come in 120 orders, which would take minutes for each rail.
    if count > 4 {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let shuffles = (1..MOST_SAMPLES).map(|_| shuffled(&sent, &mut random));
        return std::iter::once(sent.clone()).chain(shuffles).collect();
    }
    let mut all = vec![Vec::new()];
    for next in sent {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            (0..=order.len())
                .rev()
                .map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, next);
                    order
                })
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// By xorshift, because a failure has to come again.
fn shuffled(sent: &[usize], random: &mut u64) -> Vec<usize> {
    let mut order = sent.to_vec();
    for at in (1..order.len()).rev() {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let places = u64::try_from(at + 1).expect("few");
        order.swap(at, usize::try_from(*random % places).expect("fewer"));
    }
    order
}

#[test]
fn every_order_is_tried_or_a_sample() {
    let distinct = |count| orders_of(count).into_iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!([0, 1, 2, 3, 4].map(distinct), [1, 1, 2, 6, 24]);
    assert_eq!(orders_of(4)[0], [0, 1, 2, 3], "first as they were sent");
    assert_eq!(orders_of(6)[0], [0, 1, 2, 3, 4, 5]);
    assert!(distinct(5) > 20 && orders_of(5).len() == MOST_SAMPLES);
}

/// Lives a life once for each order of its news. The first is the one in which they were sent; what it leaves is given back, after
/// all others have left the same.
async fn in_any_order(rail: &Rail<'_>, live: impl AsyncFn(&Rail<'_>) -> Option<(String, Vec<Post>)>) -> Option<End> {
    let (order, news) = live(rail).await?;
    let count = news.len();
    for post in &news {
        rail.take(post).await;
        rail.drain().await;
    }
    rail.deliver_three_times(&[], 0).await;
    let expected = end_of(rail, &order).await;
    assert_all_applied(rail, "as sent").await;
    for (way, places) in orders_of(count).iter().enumerate() {
        let (order, news) = live(rail).await.expect("as before");
        assert_eq!(news.len(), count);
        let posts: Vec<&Post> = places.iter().map(|place| &news[*place]).collect();
        rail.deliver_three_times(&posts, way).await;
        let what = format!("{places:?}, {way}");
        assert_eq!(end_of(rail, &order).await, expected, "{what}");
        assert_all_applied(rail, &what).await;
    }
    rail.ask().await;
    assert_eq!(end_of(rail, &order).await, expected, "also a while later");
    Some(expected)
}

/// Everything is known from asking; then the news come.
pub(super) async fn news_of_what_is_known(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let end = in_any_order(&rail, async |rail| {
        let (order, payment, mut news) = declined_then_paid(rail).await;
        let mut last = None;
        for amount in ["23.45", "50.00"] {
            let refund = rail.sent_refund(&order, amount).await;
            rail.fake.settle_refund(&refund.reference).await;
            let told = rail.news();
            let is_known = async || rail.reread(&refund).await.status == RefundStatus::Succeeded;
            rail.learn(&told, is_known).await;
            news.extend(told);
            last = Some(refund);
        }
        // Nobody asks about a refund that has arrived: that it came back, only its news can say.
        let came_back = rail.fake.fail_refund(&last.expect("two").reference).await;
        if came_back {
            news.extend(rail.news());
        }
        assert_eq!(rail.fake.refunded(&payment.reference), if came_back { 2_345 } else { 7_345 });
        Some((order, news))
    });
    assert_refunded(end.await.expect("every rail can be paid by"));
}

/// The shortest whole life, in every order there is: paid, and a part of it given back.
pub(super) async fn paid_and_refunded_in_every_order(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let end = in_any_order(&rail, async |rail| {
        let (order, payment) = rail.opened().await;
        rail.fake.pay(&payment.reference).await;
        let mut news = rail.news();
        rail.learn(&news, async || rail.status(&order).await == "FUNDED").await;
        let refund = rail.sent_refund(&order, "23.45").await;
        rail.fake.settle_refund(&refund.reference).await;
        let told = rail.news();
        rail.learn(&told, async || rail.reread(&refund).await.status == RefundStatus::Succeeded).await;
        news.extend(told);
        assert!(news.len() <= 4, "{} pieces of news are no longer tried in every order", news.len());
        Some((order, news))
    });
    let end = end.await.expect("every rail can be paid by");
    assert_eq!((end.status.as_str(), end.amounts), ("FUNDED", (TOTAL_UNITS, 10_000, 0, 2_345, 0)), "{end:#?}");
    assert_eq!(end.refunds, [("Succeeded".to_owned(), 2_345, 0)]);
    assert_eq!(end.ledger, BTreeMap::from([("escrow".to_owned(), 10_000), ("provider".to_owned(), -10_000)]));
}

/// A first attempt that came to nothing, where the rail has that; funded by a second one. With the news of both.
async fn declined_then_paid(rail: &Rail<'_>) -> (String, payment::Model, Vec<Post>) {
    let (order, first) = rail.opened().await;
    let mut news = rail.news();
    let is_declined = rail.fake.decline(&first.reference).await;
    let payment = if is_declined {
        let told = rail.news();
        let has_failed = async || rail.payment(&first.id.to_string()).await.status == PaymentStatus::Failed;
        rail.learn(&told, has_failed).await;
        news.extend(told);
        rail.pay(&order).await
    } else {
        first
    };
    rail.fake.pay(&payment.reference).await;
    let told = rail.news();
    rail.learn(&told, async || rail.status(&order).await == "FUNDED").await;
    news.extend(told);
    (order, payment, news)
}

/// The same whatever the database, and whatever the rail: but the second refund may have failed late, if it has that.
fn assert_refunded(end: End) {
    assert_eq!((end.status.as_str(), end.is_frozen), ("FUNDED", false), "{end:#?}");
    assert_eq!(end.amounts, (TOTAL_UNITS, 5_000, 0, 7_345, 0), "{end:#?}");
    let has_failed = end.refunds[1].0 == "ActionRequired";
    let second = if has_failed { ("ActionRequired", 5_000, 5_000) } else { ("Succeeded", 5_000, 0) };
    let of = |(status, amount, balance): (&str, i64, i64)| (status.to_owned(), amount, balance);
    assert_eq!(end.refunds, [of(("Succeeded", 2_345, 0)), of(second)]);
    assert_eq!(end.payments.last(), Some(&("Captured".to_owned(), TOTAL_UNITS, 7_345, 0)));
    let with_provider = if has_failed { -(TOTAL_UNITS - 2_345) } else { -(TOTAL_UNITS - 7_345) };
    let mut ledger = BTreeMap::from([("escrow".to_owned(), 5_000), ("provider".to_owned(), with_provider)]);
    if has_failed {
        ledger.insert("refund".to_owned(), 5_000);
    }
    assert_eq!(end.ledger, ledger);
}

/// Two refunds are on their way, and nobody has asked about them. The money's own news come once more among theirs.
pub(super) async fn refund_news_in_any_order(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    let end = in_any_order(&rail, async |rail| {
        let (order, payment) = rail.opened().await;
        rail.fake.pay(&payment.reference).await;
        let mut news = rail.news();
        for post in &news {
            rail.take(post).await;
        }
        rail.drain().await;
        let first = rail.sent_refund(&order, "23.45").await;
        let second = rail.sent_refund(&order, "50.00").await;
        rail.fake.settle_refund(&second.reference).await;
        rail.fake.settle_refund(&first.reference).await;
        rail.fake.fail_refund(&second.reference).await;
        news.extend(rail.news());
        Some((order, news))
    });
    assert_refunded(end.await.expect("every rail can be paid by"));
}

/// Nothing has been heard of the money when it is taken back, and given up again.
pub(super) async fn chargeback_news_in_any_order(app: &TestApp, fake: Arc<dyn Fake>) {
    let rail = rail_of(app, fake).await;
    for last in [Claim::Win, Claim::Lose] {
        let end = in_any_order(&rail, async |rail| {
            let (order, payment) = rail.opened().await;
            rail.fake.pay(&payment.reference).await;
            for claim in [Claim::Open, Claim::Debit, last] {
                if !rail.fake.claim(&payment.reference, claim).await && claim == Claim::Open {
                    return None;
                }
            }
            Some((order, rail.news()))
        });
        let Some(end) = end.await else { return };
        let (status, charged_back, held) =
            if last == Claim::Win { ("FUNDED", 0, TOTAL_UNITS) } else { ("REFUNDED", TOTAL_UNITS, 0) };
        assert_eq!((end.status.as_str(), end.is_frozen), (status, false), "{end:#?}");
        assert_eq!(end.amounts, (TOTAL_UNITS, held, 0, 0, charged_back), "{end:#?}");
        assert_eq!(end.payments, [("Captured".to_owned(), TOTAL_UNITS, 0, charged_back)]);
        assert_eq!((end.chargebacks.len(), end.chargebacks[0].1), (1, TOTAL_UNITS), "{end:#?}");
    }
}
