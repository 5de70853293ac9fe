//! The change log tells each entry once, in order, whoever writes at the same time.

use std::collections::HashSet;

use calhub::{
    changes::{After, ChangeFilter, ChangeRow, LogCursor, NewChange, Reader},
    store::{Engine, StoreError},
};

use super::*;
use crate::support::engines::{on_each_engine, on_postgres};

fn change(tenant: &TenantId, writer: usize, n: usize) -> NewChange {
    NewChange {
        tenant_id: tenant.clone(),
        change_id: format!("evt_{writer}x{n}").parse().unwrap(),
        kind: if n.is_multiple_of(2) { "busy.changed" } else { "calendar.ready" }.to_owned(),
        actor: "hub".to_owned(),
        subject: format!("cal_{writer}"),
        body: json!({"n": n}),
        at: at(i64::try_from(n).unwrap()),
    }
}

fn of_all(limit: i64) -> ChangeFilter {
    ChangeFilter { limit, ..ChangeFilter::default() }
}

async fn append(store: &Store, changes: &[NewChange]) {
    let mut tx = store.begin().await.unwrap();
    tx.changes().append(changes).await.unwrap();
    tx.commit().await.unwrap();
}

/// Waits until what is committed can be told: on PostgreSQL any older transaction of the whole server,
/// so any other test's, holds the log back until it ends.
async fn settle(store: &Store, after: &LogCursor, count: usize) -> Vec<ChangeRow> {
    let after = After::Cursor(after.clone());
    let mut reader = Reader::open(store.clone(), after, of_all(100)).await.unwrap();
    let mut rows = Vec::new();
    while rows.len() < count {
        rows.extend(reader.next_page().await.unwrap());
    }
    assert_eq!(rows.len(), count);
    rows
}

async fn head(store: &Store) -> LogCursor {
    store.read().await.unwrap().changes().head().await.unwrap()
}

/// Reads until `count` entries came, and asserts that each came once and each writer's in its order.
async fn read_all(mut reader: Reader, count: usize) {
    let mut ids = HashSet::new();
    let mut next = std::collections::HashMap::<String, u64>::new();
    while ids.len() < count {
        for row in reader.next_page().await.unwrap() {
            assert!(ids.insert(row.change.change_id), "told twice");
            let n = row.change.body["n"].as_u64().unwrap();
            let expected = next.entry(row.change.subject).or_default();
            assert_eq!(n, *expected, "out of order");
            *expected += 1;
        }
    }
    assert!(reader.page().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_change_is_told_once_and_in_order_with_many_writers() {
    const WRITERS: usize = 4;
    const EACH: usize = 60;
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        // Another hub process: on PostgreSQL its commits ring no bell for the first one's readers.
        let other = match bed.engine {
            Engine::Sqlite => bed.store.clone(),
            Engine::Postgres => bed.open_again().await,
        };
        let mut tasks = Vec::new();
        for limit in [3, 100] {
            let reader = Reader::open(bed.store.clone(), After::Now, of_all(limit)).await.unwrap();
            tasks.push(tokio::spawn(read_all(reader, WRITERS * EACH)));
        }
        for writer in 0..WRITERS {
            let store = if writer % 2 == 0 { bed.store.clone() } else { other.clone() };
            let tenant = tenant.clone();
            tasks.push(tokio::spawn(async move {
                for n in (0..EACH).step_by(2) {
                    append(&store, &[change(&tenant, writer, n), change(&tenant, writer, n + 1)])
                        .await;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_late_commit_is_told_although_a_younger_one_was_first() {
    on_postgres(async |bed| {
        let tenant = tenant_id("t");
        let start = head(&bed.store).await;
        let mut slow = bed.store.begin().await.unwrap();
        slow.changes().append(&[change(&tenant, 1, 0)]).await.unwrap();
        append(&bed.store, &[change(&tenant, 2, 0)]).await;

        let mut tx = bed.store.read().await.unwrap();
        let (safe, safe_next) = tx.changes().read(&start, &of_all(10)).await.unwrap();
        assert!(safe.is_empty(), "the younger entry waits for the older transaction");
        let (hasty, hasty_next) = tx.changes().read_ahead(&start, &of_all(10)).await.unwrap();
        assert_eq!(hasty.len(), 1);
        drop(tx);

        slow.commit().await.unwrap();
        let mut tx = bed.store.read().await.unwrap();
        let (hasty, _) = tx.changes().read_ahead(&hasty_next, &of_all(10)).await.unwrap();
        assert!(
            hasty.is_empty(),
            "without the bound the late entry is lost: that is what it is for"
        );
        let safe = settle(&bed.store, &safe_next, 2).await;
        let told: Vec<_> = safe.iter().map(|row| row.change.subject.as_str()).collect();
        assert_eq!(told, ["cal_1", "cal_2"]);
    })
    .await;
}

#[tokio::test]
async fn an_undone_transaction_tells_nothing_and_leaves_no_gap() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut reader = Reader::open(bed.store.clone(), After::Now, of_all(10)).await.unwrap();
        let mut tx = bed.store.begin().await.unwrap();
        tx.changes().append(&[change(&tenant, 1, 0)]).await.unwrap();
        tx.rollback().await.unwrap();
        append(&bed.store, &[change(&tenant, 2, 0)]).await;
        let page = reader.next_page().await.unwrap();
        assert_eq!(page.len(), 1);
        assert_eq!(page[0].change, change(&tenant, 2, 0));
    })
    .await;
}

#[tokio::test]
async fn a_filter_passes_over_what_it_leaves_out() {
    on_each_engine(async |bed| {
        let (ours, theirs) = (tenant_id("ours"), tenant_id("theirs"));
        let filter = ChangeFilter {
            tenant: Some(ours.clone()),
            kinds: vec!["busy.changed".to_owned()],
            limit: 10,
        };
        let mut reader = Reader::open(bed.store.clone(), After::Now, filter).await.unwrap();
        let start = reader.cursor().clone();
        append(&bed.store, &[change(&theirs, 1, 0), change(&ours, 2, 1)]).await;
        settle(&bed.store, &start, 2).await;
        assert!(reader.page().await.unwrap().is_empty());
        assert_ne!(reader.cursor(), &start, "an empty page moves the cursor too");
        append(&bed.store, &[change(&theirs, 1, 2), change(&ours, 2, 2)]).await;
        let page = reader.next_page().await.unwrap();
        assert_eq!(page.len(), 1);
        assert_eq!(page[0].change, change(&ours, 2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_cursor_reads_back_from_its_text_and_nothing_else_does() {
    on_each_engine(async |bed| {
        let mut tx = bed.store.read().await.unwrap();
        let head = tx.changes().head().await.unwrap();
        assert_eq!(head.to_string().parse::<LogCursor>(), Ok(head));
        for hostile in ["", "now", "e", "e1", "e1.2", "e1.2.3.4", "1.2.3", "e1.-2.3", "e'.1.1"] {
            assert!(hostile.parse::<LogCursor>().is_err(), "{hostile:?}");
        }
        assert_eq!("now".parse::<After>(), Ok(After::Now));
    })
    .await;
}

#[tokio::test]
async fn a_cursor_outside_the_log_or_of_another_epoch_is_expired() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let start = head(&bed.store).await;
        for n in 0..6 {
            append(&bed.store, &[change(&tenant, 1, n)]).await;
        }
        let rows = settle(&bed.store, &start, 6).await;
        let mut tx = bed.store.begin().await.unwrap();
        assert_eq!(tx.changes().prune(at(3)).await.unwrap(), 3);
        assert_eq!(tx.changes().prune(at(3)).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let mut tx = bed.store.begin().await.unwrap();
        let expired = tx.changes().read(&start, &of_all(10)).await;
        assert!(matches!(expired, Err(StoreError::CursorExpired)), "{expired:?}");
        let (rest, _) = tx.changes().read(&rows[2].cursor, &of_all(10)).await.unwrap();
        assert_eq!(rest, rows[3..]);
        let head = tx.changes().head().await.unwrap();
        let epoch = head.to_string().split('.').next().unwrap().to_owned();
        let beyond: LogCursor = format!("{epoch}.999999999999.999999999999").parse().unwrap();
        let expired = tx.changes().read(&beyond, &of_all(10)).await;
        assert!(
            matches!(expired, Err(StoreError::CursorExpired)),
            "of a future that was restored away"
        );
        tx.changes().renew_epoch(&entropy(7)).await.unwrap();
        tx.commit().await.unwrap();
        let again = bed.open_again().await;
        let expired = Reader::open(again, After::Cursor(rows[5].cursor.clone()), of_all(10)).await;
        assert!(matches!(expired, Err(StoreError::CursorExpired)));
    })
    .await;
}

#[tokio::test]
async fn everything_may_be_pruned_and_the_log_goes_on() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let start = head(&bed.store).await;
        append(&bed.store, &[change(&tenant, 1, 0), change(&tenant, 1, 1)]).await;
        settle(&bed.store, &start, 2).await;
        let end = head(&bed.store).await;
        let mut tx = bed.store.begin().await.unwrap();
        assert_eq!(tx.changes().prune(at(1000)).await.unwrap(), 2);
        tx.commit().await.unwrap();
        append(&bed.store, &[change(&tenant, 1, 2)]).await;
        settle(&bed.store, &end, 1).await;
    })
    .await;
}
