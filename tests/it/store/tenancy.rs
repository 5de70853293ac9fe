//! Tenants are apart, rules have names, revisions guard, and what is dropped is gone.

use calhub::{
    model::states::{ConnectionState, Provider},
    store::{
        ConnectionFilter, ConnectionHealth, Engine, FeedRow, KeyRow, LinkRow, Options, Store,
        StoreError, rules,
    },
};
use serde_json::json;

use super::*;
use crate::support::engines::{on_each_engine, on_postgres, on_sqlite};

#[tokio::test]
async fn rows_come_back_as_they_were_stored() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        let calendar = seed(&mut tx, &tenant).await;
        assert_eq!(tx.tenants().get(&tenant).await.unwrap(), Some(tenant_row(&tenant)));
        let connection = connection_row(&tenant, "a");
        let read = tx.connections().get(&tenant, &connection.connection_id).await.unwrap();
        assert_eq!(read, Some(connection));
        assert_eq!(calendar.time_zone.as_deref(), Some("Europe/Zurich"));
        assert_eq!(calendar.poll_every, Duration::from_mins(15));
        let key = KeyRow {
            tenant_id: tenant.clone(),
            key_id: "k1".to_owned(),
            name: "admin".to_owned(),
            hash: vec![7; 32],
            scopes: vec!["admin".to_owned(), "ops".to_owned()],
            created_at: at(1),
            expires_at: Some(at(2)),
        };
        tx.keys().insert(&key).await.unwrap();
        assert_eq!(tx.keys().find_by_key_id("k1").await.unwrap(), vec![key.clone()]);
        assert_eq!(tx.keys().list(&tenant, None, 10).await.unwrap(), [key]);
        assert!(tx.keys().delete(&tenant, "k1").await.unwrap());
        assert!(tx.keys().find_by_key_id("k1").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_resource_keeps_its_calendars_in_order() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let listing = [listed("a"), listed("b")];
        tx.calendars().upsert_listed(&tenant, &connection_id("a"), &listing, at(1)).await.unwrap();
        let mut row = resource_row(&tenant, "r");
        row.write_to = Some(calendar_id("b"));
        tx.resources().insert(&row).await.unwrap();
        let link = |calendar: &str, blocks| LinkRow {
            resource_id: resource_id("r"),
            calendar_id: calendar_id(calendar),
            blocks,
            policy: json!({"declined": "busy"}),
        };
        let links = [link("b", true), link("a", false)];
        tx.resources().set_links(&tenant, &row.resource_id, &links).await.unwrap();
        assert_eq!(tx.resources().get(&tenant, &row.resource_id).await.unwrap(), Some(row.clone()));
        assert_eq!(tx.resources().links(&tenant, &row.resource_id).await.unwrap(), links);
        let upto = (&tenant, &row.resource_id);
        assert_eq!(tx.resources().all_links(None, upto).await.unwrap(), links);
        assert_eq!(tx.resources().all(None, 10).await.unwrap(), [row.clone()]);
        let fed = tx.calendars().resources_of_calendar(&tenant, &calendar_id("b")).await.unwrap();
        assert_eq!(fed, [row.resource_id.clone()]);
        let writing = tx.resources().writing_to(&tenant, &connection_id("a")).await.unwrap();
        assert_eq!(writing, [row.resource_id.clone()]);
        let feed = FeedRow {
            tenant_id: tenant.clone(),
            feed_id: "fed_1".parse().unwrap(),
            resource_id: row.resource_id.clone(),
            hash: vec![1],
            created_at: at(0),
        };
        let feed_id = feed.feed_id.clone();
        tx.feeds().insert(&feed).await.unwrap();
        assert_eq!(tx.feeds().find(&feed_id).await.unwrap(), vec![feed]);
        assert!(tx.resources().delete(&tenant, &row.resource_id).await.unwrap());
        assert!(tx.feeds().find(&feed_id).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_same_ids_in_two_tenants_are_different_rows() {
    on_each_engine(async |bed| {
        let (ours, theirs) = (tenant_id("ours"), tenant_id("theirs"));
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &ours).await;
        seed(&mut tx, &theirs).await;
        let mut row = connection_row(&ours, "a");
        row.account_label = "changed".to_owned();
        assert_eq!(tx.connections().update(&row, None).await.unwrap(), Some(2));
        let other = tx.connections().get(&theirs, &row.connection_id).await.unwrap().unwrap();
        assert_eq!(other.account_label, "anna");
        assert!(tx.connections().delete(&ours, &row.connection_id).await.unwrap());
        assert!(tx.calendars().get(&ours, &calendar_id("a")).await.unwrap().is_none());
        assert!(tx.calendars().get(&theirs, &calendar_id("a")).await.unwrap().is_some());
        let nobody = tenant_id("nobody");
        assert!(tx.calendars().get(&nobody, &calendar_id("a")).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_calendar_of_another_tenant_cannot_be_linked() {
    on_each_engine(async |bed| {
        let (ours, theirs) = (tenant_id("ours"), tenant_id("theirs"));
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &theirs).await;
        tx.tenants().create(&tenant_row(&ours)).await.unwrap();
        tx.resources().insert(&resource_row(&ours, "r")).await.unwrap();
        let link = LinkRow {
            resource_id: resource_id("r"),
            calendar_id: calendar_id("a"),
            blocks: true,
            policy: json!({}),
        };
        let refused = tx.resources().set_links(&ours, &resource_id("r"), &[link]).await;
        assert!(matches!(refused, Err(StoreError::Conflict(rules::REFERENCE))), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn broken_rules_tell_their_names() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        seeded(&bed.store, &tenant).await;
        let mut same_identity = connection_row(&tenant, "b");
        same_identity.identity = connection_row(&tenant, "a").identity;
        let mut same_external = connection_row(&tenant, "c");
        same_external.external_id = Some("x".to_owned());
        let mut tx = bed.store.begin().await.unwrap();
        let mut first = connection_row(&tenant, "d");
        first.external_id = Some("x".to_owned());
        tx.connections().insert(&first).await.unwrap();
        tx.commit().await.unwrap();
        for (row, rule) in [
            (same_identity, rules::CONNECTION_IDENTITY),
            (same_external, rules::CONNECTION_EXTERNAL_ID),
            (connection_row(&tenant_id("nobody"), "e"), rules::REFERENCE),
        ] {
            let mut tx = bed.store.begin().await.unwrap();
            let refused = tx.connections().insert(&row).await.unwrap_err();
            assert!(matches!(refused, StoreError::Conflict(told) if told == rule), "{refused:?}");
        }
        let mut tx = bed.store.begin().await.unwrap();
        let refused = tx.tenants().create(&tenant_row(&tenant)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict(rules::PRIMARY_KEY)), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn a_stale_revision_changes_nothing() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let mut row = connection_row(&tenant, "a");
        row.external_id = Some("first".to_owned());
        assert_eq!(tx.connections().update(&row, Some(1)).await.unwrap(), Some(2));
        row.external_id = Some("second".to_owned());
        assert_eq!(tx.connections().update(&row, Some(1)).await.unwrap(), None);
        let found = tx.connections().by_external_id(&tenant, "first").await.unwrap().unwrap();
        assert_eq!(found.revision, 2);
        let calendar = calendar_id("a");
        let zone = Some("Asia/Tokyo");
        let set = tx.calendars().set_time_zone(&tenant, &calendar, Some(1), zone, at(5)).await;
        assert_eq!(set.unwrap(), Some(2));
        let set = tx.calendars().set_time_zone(&tenant, &calendar, Some(1), None, at(6)).await;
        assert_eq!(set.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn health_is_noted_unless_the_connection_is_being_removed() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let id = connection_id("a");
        let health = ConnectionHealth {
            state: ConnectionState::Healthy,
            last_ok_at: Some(at(5)),
            last_error: None,
            failures: 0,
            learned: Some(json!({"sync": true})),
        };
        assert!(tx.connections().set_health(&tenant, &id, &health, at(6)).await.unwrap());
        let is_written = tx.connections().set_health(&tenant, &id, &health, at(7)).await.unwrap();
        assert!(!is_written, "nothing changed");
        let mut row = tx.connections().get(&tenant, &id).await.unwrap().unwrap();
        assert_eq!((row.revision, row.touched_at), (1, at(6)));
        assert_eq!(row.learned, json!({"sync": true}));
        row.state = ConnectionState::Removing;
        tx.connections().update(&row, None).await.unwrap();
        assert!(!tx.connections().set_health(&tenant, &id, &health, at(8)).await.unwrap());
        let filter = ConnectionFilter {
            state: Some(ConnectionState::Removing),
            provider: Some(Provider::Caldav),
            limit: 10,
            ..ConnectionFilter::default()
        };
        assert_eq!(tx.connections().list(&tenant, &filter).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        tx.tenants().create(&tenant_row(&tenant)).await.unwrap();
        drop(tx);
        let mut tx = bed.store.read().await.unwrap();
        assert_eq!(tx.tenants().get(&tenant).await.unwrap(), None);
        assert_eq!(tx.tenants().list(None, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_reading_transaction_sees_one_state_and_cannot_write() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut reading = bed.store.read().await.unwrap();
        assert_eq!(reading.tenants().get(&tenant).await.unwrap(), None);
        seeded(&bed.store, &tenant).await;
        assert_eq!(reading.tenants().get(&tenant).await.unwrap(), None, "on {:?}", bed.engine);
        assert!(reading.tenants().delete(&tenant).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_deleted_tenant_leaves_no_row_behind() {
    on_each_engine(async |bed| {
        let tenant = tenant_id("t");
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        tx.work().put(&tenant, "pull", "cal_a", at(0)).await.unwrap();
        assert!(tx.tenants().delete(&tenant).await.unwrap());
        assert!(tx.work().get(&tenant, "pull", "cal_a").await.unwrap().is_none());
        assert!(tx.calendars().all(None, 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_second_hub_on_the_same_file_is_refused() {
    on_sqlite(async |bed| {
        let second = Store::open(&bed.url, &Options::default(), &entropy(2)).await;
        let Err(StoreError::Refused(why)) = second else { panic!("{second:?}") };
        assert!(why.contains("another calhub"), "{why}");
        let options = Options { exclusive: false, ..Options::default() };
        assert!(Store::open(&bed.url, &options, &entropy(2)).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn an_sqlite_file_survives_being_closed() {
    on_sqlite(async |bed| {
        assert_eq!(bed.engine, Engine::Sqlite);
        seeded(&bed.store, &tenant_id("t")).await;
        let again = bed.open_again().await;
        let mut tx = again.read().await.unwrap();
        assert!(tx.tenants().get(&tenant_id("t")).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_store_in_memory_opens_fresh_each_time() {
    let url = "sqlite::memory:";
    for _ in 0..2 {
        let store = Store::open(url, &Options::default(), &entropy(1)).await.unwrap();
        seeded(&store, &tenant_id("t")).await;
        let mut tx = store.read().await.unwrap();
        assert_eq!(tx.calendars().all(None, 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_store_that_keeps_no_prepared_statements_works_the_same() {
    on_postgres(async |bed| {
        let options = Options { statement_cache: 0, connections: 2, ..Options::default() };
        let store = Store::open(&bed.url, &options, &entropy(2)).await.unwrap();
        let calendar = seeded(&store, &tenant_id("t")).await;
        let mut tx = store.read().await.unwrap();
        for _ in 0..3 {
            let read = tx.calendars().get(&tenant_id("t"), &calendar.calendar_id).await.unwrap();
            assert_eq!(read.as_ref(), Some(&calendar));
        }
    })
    .await;
}
