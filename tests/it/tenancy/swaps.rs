//! A sealed secret opens in its own place and nowhere else; what is swapped or damaged is told, and nothing that
//! was known is lost by it.

use std::sync::Arc;

use calhub::{
    clock::SeededEntropy,
    link::{LinkError, LinkUpdate},
    model::{ids::ConnectionId, states::ConnectionState},
    secrets::{Kek, Place, SecretsError, Vault, answer_row},
    store::{IdempotencyKey, Sealed},
};

use super::stored::schema;
use crate::support::{
    engines::on_each_engine,
    simulated::ORIGIN,
    stage::{Stage, hour, hour_event},
};

/// Every column of sealed bytes. A new one is added here, or the schema's test below fails.
const SEALED: [(&str, &str); 6] = [
    ("grants", "access_token"),
    ("provider_apps", "secret"),
    ("connections", "login"),
    ("data_keys", "sealed"),
    ("idempotency", "answer"),
    ("bookings", "details"),
];

/// Bytes that are no secret: hashes of what is shown once.
const HASHES: [(&str, &str); 6] = [
    ("api_keys", "hash"),
    ("feeds", "hash"),
    ("idempotency", "body_hash"),
    ("link_sessions", "browser"),
    ("link_sessions", "hash"),
    ("oauth_trips", "hash"),
];

#[test]
fn every_column_of_bytes_is_sealed_or_a_hash() {
    for engine in ["sqlite", "postgres"] {
        let text = schema(engine);
        let mut table = "";
        let mut found = 0;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("CREATE TABLE ") {
                table = name.split_whitespace().next().unwrap();
            }
            let mut words = line.split_whitespace();
            let (Some(column), Some(kind)) = (words.next(), words.next()) else { continue };
            if kind.starts_with("BLOB") || kind.starts_with("BYTEA") {
                let known = SEALED.contains(&(table, column)) || HASHES.contains(&(table, column));
                assert!(known, "{engine}: what is in {table}.{column}?");
                found += 1;
            }
        }
        assert_eq!(found, SEALED.len() + HASHES.len(), "{engine}: one of them is gone");
    }
}

/// One secret and where it is sealed.
struct Secret {
    tenant: &'static str,
    row: String,
    column: &'static str,
    sealed: Sealed,
}

#[tokio::test]
async fn no_seal_opens_in_any_other_place_nor_changed_in_any_way() {
    on_each_engine(async |bed| {
        let entropy = Arc::new(SeededEntropy::new(3));
        let clock = Arc::new(calhub::clock::ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let vault = Vault::open(Kek::generate(&*entropy), &bed.store, clock, entropy.clone())
            .await
            .unwrap();
        let mut tx = bed.store.begin().await.unwrap();
        let mut secrets = Vec::new();
        for tenant in ["ten_a", "ten_b"] {
            let row = calhub::store::TenantRow {
                tenant_id: tenant.parse().unwrap(),
                name: "t".to_owned(),
                policy: serde_json::json!({}),
                allow_net: None,
                created_at: jiff::Timestamp::UNIX_EPOCH,
            };
            tx.tenants().create(&row).await.unwrap();
            let places = [
                ("con_1".to_owned(), "login"),
                ("con_2".to_owned(), "login"),
                (answer_row("POST /v1/keys", "con_1"), "idempotency.answer"),
                (answer_row("POST /v1/resources", "con_1"), "idempotency.answer"),
                ("con_1".to_owned(), "bookings.details"),
                ("bkg_1".to_owned(), "bookings.details"),
            ];
            for (row, column) in places {
                let place = Place { tenant: &tenant.parse().unwrap(), row: &row, column };
                let sealed = vault.seal(&mut tx, place, b"the same text").await.unwrap();
                secrets.push(Secret { tenant, row, column, sealed });
            }
        }
        let mut tried = 0;
        for from in &secrets {
            for to in &secrets {
                let tenant = to.tenant.parse().unwrap();
                let place = Place { tenant: &tenant, row: &to.row, column: to.column };
                let opened = vault.unseal(&mut tx, place, &from.sealed).await;
                let is_own = std::ptr::eq(from, to);
                assert_eq!(
                    opened.is_ok(),
                    is_own,
                    "{} {} in {} {}",
                    from.tenant,
                    from.row,
                    to.tenant,
                    to.row
                );
                tried += 1;
            }
            let tenant = from.tenant.parse().unwrap();
            let place = Place { tenant: &tenant, row: &from.row, column: from.column };
            let bytes = from.sealed.as_bytes();
            for at in 0..bytes.len() {
                for bit in [0, 7] {
                    let mut flipped = bytes.to_vec();
                    flipped[at] ^= 1 << bit;
                    let opened = vault.unseal(&mut tx, place, &Sealed::new(flipped)).await;
                    assert!(matches!(opened, Err(SecretsError::Tampered)), "byte {at} bit {bit}");
                    tried += 1;
                }
                let short = Sealed::new(bytes[..at].to_vec());
                assert!(vault.unseal(&mut tx, place, &short).await.is_err(), "{at} bytes");
                tried += 1;
            }
        }
        assert!(tried > 1000, "{tried}");
    })
    .await;
}

/// Swaps two logins behind the hub's back.
async fn swap_logins(stage: &Stage, one: &ConnectionId, two: &ConnectionId) {
    let mut tx = stage.store.begin().await.unwrap();
    let first = tx.connections().get(&stage.tenant, one).await.unwrap().unwrap().login;
    let second = tx.connections().get(&stage.tenant, two).await.unwrap().unwrap().login;
    assert!(tx.connections().set_login(&stage.tenant, one, &second).await.unwrap());
    assert!(tx.connections().set_login(&stage.tenant, two, &first).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn swapped_logins_ask_for_new_ones_and_lose_nothing() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, work) = stage.anna();
        work.put("a.ics", hour_event("a", 2, 9));
        let anna = stage.link(&account).await;
        let bob = stage.world.add_account(simulators::AccountSpec::new("bob", "right"));
        bob.add_calendar(simulators::CalendarSpec::new("home")).put("b.ics", hour_event("b", 3, 9));
        let other = stage.link(&bob).await;
        stage.settle().await;
        let calendar = stage.calendar("work").await.calendar_id;
        swap_logins(&stage, &anna, &other).await;
        stage.world.clear_log();
        stage.sync().await;
        assert_eq!(stage.world.count(|_| true), 0, "nobody's password was sent to anybody");
        for connection in [&anna, &other] {
            assert_eq!(stage.state(connection).await, ConnectionState::NeedsReauth);
            let mut tx = stage.store.read().await.unwrap();
            let row = tx.connections().get(&stage.tenant, connection).await.unwrap().unwrap();
            assert_eq!(row.last_error.as_deref(), Some("login_unreadable"));
        }
        assert_eq!(stage.busy(&calendar).await, [hour(2, 9)]);
        assert!(stage.kinds().await.contains(&"connection.needs_reauth".to_owned()));
        // A part of a login is of no use; a whole one heals it, under the same ids.
        let part =
            LinkUpdate { password: Some("right".to_owned().into()), ..LinkUpdate::default() };
        let refused = stage.linker.update(&stage.tenant, &anna, part.clone(), None).await;
        assert!(matches!(refused, Err(LinkError::Unreadable)), "{refused:?}");
        let whole = LinkUpdate {
            url: Some(format!("{ORIGIN}{}", account.path()).into()),
            username: Some("anna".to_owned()),
            ..part
        };
        stage.linker.update(&stage.tenant, &anna, whole, None).await.unwrap();
        stage.settle().await;
        assert_eq!(stage.state(&anna).await, ConnectionState::Healthy);
        assert_eq!(stage.calendar("work").await.calendar_id, calendar);
        // So does linking the account again.
        assert_eq!(stage.link(&bob).await, other);
        stage.settle().await;
        assert_eq!(stage.state(&other).await, ConnectionState::Healthy);
        assert_eq!(stage.busy(&calendar).await, [hour(2, 9)]);
    })
    .await;
}

#[tokio::test]
async fn logins_that_are_put_back_in_their_places_work_again_by_themselves() {
    on_each_engine(async |bed| {
        let stage = Stage::new(&bed.store).await;
        let (account, _) = stage.anna();
        let anna = stage.link(&account).await;
        let bob = stage.world.add_account(simulators::AccountSpec::new("bob", "right"));
        bob.add_calendar(simulators::CalendarSpec::new("home"));
        let other = stage.link(&bob).await;
        stage.settle().await;
        swap_logins(&stage, &anna, &other).await;
        stage.sync().await;
        assert_eq!(stage.state(&anna).await, ConnectionState::NeedsReauth);
        swap_logins(&stage, &anna, &other).await;
        for _ in 0..30 {
            stage.pass_and_settle(60).await;
        }
        assert_eq!(stage.state(&anna).await, ConnectionState::Healthy);
        assert_eq!(stage.state(&other).await, ConnectionState::Healthy);
    })
    .await;
}

#[tokio::test]
async fn a_swapped_kept_answer_is_never_told() {
    let hub = crate::api::world::TestHub::new().await;
    let ask = async |name: &str| {
        let headers = [("idempotency-key", name)];
        let body = serde_json::json!({"name": name, "scopes": ["ops"]});
        hub.call(axum::http::Method::POST, "/v1/keys", Some(body), &headers).await
    };
    let one = ask("one").await.expect(201);
    ask("two").await.expect(201);
    let key = |name: &str| IdempotencyKey {
        tenant_id: hub.tenant.clone(),
        route: "POST /v1/keys".to_owned(),
        key: name.to_owned(),
    };
    let mut tx = hub.hub.store.begin().await.unwrap();
    let rows = tx
        .data_keys()
        .sealed_by_others(&hub.tenant, calhub::store::SealedColumn::Answer, 0, None, 10)
        .await
        .unwrap();
    let of = |name: &str| rows.iter().find(|row| row.rest == name).unwrap().sealed.clone();
    tx.idempotency().finish(&key("two"), 201, of("one").as_bytes()).await.unwrap();
    tx.commit().await.unwrap();
    let refused = ask("two").await.problem(500, "internal");
    assert!(!refused.text.contains(one.body["key"].as_str().unwrap()));
    ask("one").await.expect(201);
}

#[tokio::test]
async fn swapped_words_of_bookings_are_told_to_nobody() {
    on_each_engine(async |bed| {
        let pair = super::pair::Pair::new(bed).await;
        let (ours, theirs) = (&pair.ours, &pair.theirs);
        let id = |side: &super::pair::Side| side.id(super::pair::Kind::Booking).parse().unwrap();
        let mut tx = bed.store.begin().await.unwrap();
        let row = tx.bookings().get(&theirs.tenant, &id(theirs)).await.unwrap().unwrap();
        tx.bookings().set_details(&ours.tenant, &id(ours), &row.details).await.unwrap();
        tx.commit().await.unwrap();
        let path = format!("/v1/bookings/{}", id(ours));
        let headers = [("authorization", ours.admin.as_str())];
        let refused = pair.hub.call(axum::http::Method::GET, &path, None, &headers).await;
        assert!(!refused.problem(500, "internal").text.contains("canarytheirs"));
    })
    .await;
}
