//! Timelines: they fold, are bounded, go with their connection, and stay within their tenant.

use calhub::store::{NewEntry, TimelinePage, TimelineRow, Tx};
use serde_json::{Value, json};

use super::*;
use crate::support::engines::on_each_engine;

async fn tell(tx: &mut Tx, tenant: &TenantId, subject: &str, body: Value, second: i64) {
    let connection = connection_id("a");
    let entry = NewEntry {
        tenant,
        connection: &connection,
        subject,
        kind: "pulled",
        body: &body,
        at: at(second),
    };
    tx.timeline().append(&entry).await.unwrap();
}

async fn read(tx: &mut Tx, tenant: &TenantId, id: &str, limit: i64) -> Vec<TimelineRow> {
    let connection = connection_id("a");
    let page = TimelinePage { connection: &connection, id, after: None, limit };
    tx.timeline().read(tenant, &page).await.unwrap()
}

#[tokio::test]
async fn what_repeats_itself_is_one_entry_that_counts() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        for second in 0..50 {
            tell(&mut tx, &tenant, "cal_a", json!({"added": 0}), second).await;
        }
        tell(&mut tx, &tenant, "cal_a", json!({"added": 1}), 50).await;
        tell(&mut tx, &tenant, "cal_a", json!({"added": 0}), 51).await;
        let rows = read(&mut tx, &tenant, "cal_a", 10).await;
        let times: Vec<_> = rows.iter().map(|row| (row.n, row.times)).collect();
        assert_eq!(times, [(3, 1), (2, 1), (1, 50)]);
        assert_eq!((rows[2].first_at, rows[2].last_at), (at(0), at(49)));
    })
    .await;
}

#[tokio::test]
async fn a_timeline_is_bounded_by_number_and_by_age() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        for second in 0..400 {
            tell(&mut tx, &tenant, "cal_a", json!({ "n": second }), second).await;
        }
        assert_eq!(read(&mut tx, &tenant, "cal_a", 1000).await.len(), 300);
        tell(&mut tx, &tenant, "cal_a", json!({}), 100 * 86_400).await;
        assert_eq!(read(&mut tx, &tenant, "cal_a", 1000).await.len(), 1, "the others are old");
    })
    .await;
}

#[tokio::test]
async fn a_timeline_stays_within_its_tenant_and_goes_with_its_connection() {
    on_each_engine(async |bed| {
        let (ours, theirs) = (tenant_id("ours"), tenant_id("theirs"));
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &ours).await;
        seed(&mut tx, &theirs).await;
        tell(&mut tx, &ours, "cal_a", json!({"ours": true}), 1).await;
        tell(&mut tx, &theirs, "cal_a", json!({"ours": false}), 2).await;
        tell(&mut tx, &theirs, connection_id("a").as_str(), json!({}), 3).await;
        assert_eq!(read(&mut tx, &ours, "cal_a", 10).await.len(), 1);
        assert_eq!(read(&mut tx, &theirs, "cal_a", 10).await.len(), 2, "with its connection's");
        assert!(read(&mut tx, &tenant_id("nobody"), "cal_a", 10).await.is_empty());
        assert!(tx.connections().delete(&ours, &connection_id("a")).await.unwrap());
        assert!(read(&mut tx, &ours, "cal_a", 10).await.is_empty());
        assert_eq!(read(&mut tx, &theirs, "cal_a", 10).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn pages_of_a_timeline_join_without_a_gap() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let connection = connection_id("a");
        for n in 0..7 {
            // Of one instant, in two subjects.
            tell(&mut tx, &tenant, "cal_a", json!({ "n": n }), 5).await;
            tell(&mut tx, &tenant, connection.as_str(), json!({ "n": n }), 5).await;
        }
        let mut seen: Vec<TimelineRow> = Vec::new();
        loop {
            let last = seen.last().cloned();
            let after = last.as_ref().map(|row| (row.last_at, row.subject.as_str(), row.n));
            let page =
                TimelinePage { connection: &connection, id: connection.as_str(), after, limit: 4 };
            let rows = tx.timeline().read(&tenant, &page).await.unwrap();
            if rows.is_empty() {
                break;
            }
            seen.extend(rows);
        }
        assert_eq!(seen.len(), 14);
        let whole = read(&mut tx, &tenant, connection.as_str(), 100).await;
        assert_eq!(seen, whole);
    })
    .await;
}
