//! The busy index follows the log on both engines, and is not held back by what others of the server do.

use std::sync::Arc;

use calhub::{
    drill::{Bug, Drill},
    index::{Index, Tail},
    store::Engine,
};

use super::*;
use crate::support::engines::{Bed, on_each_engine, on_postgres};

/// Whether the index sees what was committed while somebody else of the server is in the middle of something.
async fn is_seen_at_once(bed: &Bed, drill: &Drill) -> bool {
    let tenant = tenant_id("one");
    seeded(&bed.store, &tenant).await;
    let index = Arc::new(Index::default());
    let tail = Tail::new(bed.store.clone(), Arc::clone(&index), Arc::new(clock()));
    drill.run(tail.catch_up()).await.unwrap().unwrap();

    // SQLite has one writer, so only PostgreSQL has anybody who could be in the middle of something.
    let other = bed.open_again().await;
    let mut long = None;
    if bed.engine == Engine::Postgres {
        let mut tx = other.begin().await.unwrap();
        tx.instance().set("held", "open").await.unwrap();
        long = Some(tx);
    }
    let row = resource_row(&tenant, "new");
    let mut tx = bed.store.begin().await.unwrap();
    tx.resources().insert(&row).await.unwrap();
    let told = calhub::changes::NewChange {
        tenant_id: tenant.clone(),
        change_id: "evt_1".parse().unwrap(),
        kind: "resource.created".to_owned(),
        actor: "test".to_owned(),
        subject: row.resource_id.to_string(),
        body: json!({}),
        at: at(1),
    };
    tx.changes().append(&[told]).await.unwrap();
    tx.commit().await.unwrap();

    drill.run(tail.catch_up()).await.unwrap().unwrap();
    let found = index.read(&tenant, |part| part.resource(&row.resource_id).is_some());
    drop(long);
    found == Some(true)
}

#[tokio::test]
async fn a_long_transaction_of_somebody_else_does_not_keep_news_from_the_index() {
    on_each_engine(async |bed| {
        assert!(is_seen_at_once(bed, &Drill::default()).await, "{:?}", bed.engine);
    })
    .await;
}

#[tokio::test]
async fn an_index_that_reads_only_below_the_oldest_transaction_is_caught() {
    on_postgres(async |bed| {
        assert!(!is_seen_at_once(bed, &Drill::with_bugs(&[Bug::OnlyBelowOldest])).await);
    })
    .await;
}
