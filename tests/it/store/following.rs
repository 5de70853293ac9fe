//! The busy index follows the log on both engines, and is not held back by what others of the server do.

use std::sync::Arc;

use calhub::index::{Index, Tail};

use super::*;
use crate::support::engines::on_each_engine;

#[tokio::test]
async fn a_long_transaction_of_somebody_else_does_not_keep_news_from_the_index() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("one");
        seeded(&bed.store, &tenant).await;
        let index = Arc::new(Index::default());
        let tail = Tail::new(bed.store.clone(), Arc::clone(&index), Arc::new(clock()));
        tail.catch_up().await.unwrap();

        // SQLite has one writer, so only PostgreSQL has anybody who could be in the middle of something.
        let other = bed.open_again().await;
        let mut long = None;
        if bed.engine == calhub::store::Engine::Postgres {
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

        tail.catch_up().await.unwrap();
        let found = index.read(&tenant, |part| part.resource(&row.resource_id).is_some());
        assert_eq!(found, Some(true), "{:?}", bed.engine);
        drop(long);
    })
    .await;
}
