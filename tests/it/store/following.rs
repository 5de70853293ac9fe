//! The busy index follows the log on both engines, and is not held back by what others of the server do.

use std::sync::Arc;

use calhub::{
    changes::{After, ChangeFilter, NewChange, Relay},
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

/// Adds an entry of a tenant.
async fn tell(store: &Store, tenant: &TenantId, id: &str) {
    let told = NewChange {
        tenant_id: tenant.clone(),
        change_id: format!("evt_{id}").parse().unwrap(),
        kind: "resource.created".to_owned(),
        actor: "test".to_owned(),
        subject: id.to_owned(),
        body: json!({}),
        at: at(1),
    };
    let mut tx = store.begin().await.unwrap();
    tx.changes().append(&[told]).await.unwrap();
    tx.commit().await.unwrap();
}

const FOLLOWERS: u64 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_follow_live_the_log_is_read_once() {
    on_each_engine(async |bed| {
        let (one, two) = (tenant_id("one"), tenant_id("two"));
        for tenant in [&one, &two] {
            seeded(&bed.store, tenant).await;
        }
        let relay = Relay::new(bed.store.clone());
        let filter = |tenant: &TenantId| ChangeFilter {
            tenant: Some(tenant.clone()),
            kinds: Vec::new(),
            limit: 100,
        };
        let mut followers = Vec::new();
        for n in 0..FOLLOWERS {
            let tenant = if n % 2 == 0 { &one } else { &two };
            let mut follower = relay.follow(After::Now, filter(tenant)).await.unwrap();
            let wanted = if n % 2 == 0 { 10 } else { 1 };
            followers.push(tokio::spawn(async move {
                let mut heard = Vec::new();
                while heard.len() < wanted {
                    let page = follower.next_page().await.unwrap();
                    heard.extend(page.into_iter().map(|row| row.change.subject));
                }
                heard
            }));
        }
        // Also one who was away, and has to read the log itself first.
        let away = relay.follow(After::Start, filter(&two)).await;
        let began = std::time::Instant::now();
        for n in 0..10 {
            tell(&bed.store, &one, &format!("n{n}")).await;
        }
        tell(&bed.store, &two, "other").await;
        for (n, follower) in followers.into_iter().enumerate() {
            let heard = follower.await.unwrap();
            let wanted: Vec<String> = (0..10).map(|n| format!("n{n}")).collect();
            if n % 2 == 0 {
                assert_eq!(heard, wanted, "each once and in order");
            } else {
                assert_eq!(heard, ["other"], "of its own tenant");
            }
        }
        // Two looks a ring and one a second; and whoever began just before the relay looks once by itself.
        let most = FOLLOWERS + 2 * 11 + began.elapsed().as_secs() + 2;
        let looks = relay.looks();
        assert!(looks <= most, "{looks} looks for 11 entries and {FOLLOWERS} followers");
        assert_eq!(away.unwrap().next_page().await.unwrap().len(), 1);
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
