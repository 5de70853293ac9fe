//! What is taken out is gone: a connection from every table and from the file itself, a tenant from every hub.

use std::sync::Arc;

use axum::http::Method;
use calhub::index::{Index, Tail};
use serde_json::json;

use super::pair::{Kind, Pair, dump};
use crate::support::engines::{Bed, on_each_engine, on_sqlite};

/// Where ids of what was removed may still stand, as docs/privacy.md says: the log's own entries, those of a resource
/// that named it, and what was done to it.
fn is_documented(row: &str) -> bool {
    row.starts_with("changes ") || is_act(row)
}

fn is_act(row: &str) -> bool {
    row.starts_with("audit ")
}

async fn remove(pair: &Pair, path: &str) {
    let headers = [("authorization", pair.theirs.admin.as_str())];
    pair.hub.call(Method::DELETE, path, None, &headers).await.expect(202);
    for _ in 0..3 {
        pair.hub.hub.engine.step().await.unwrap();
    }
    pair.hub.settle().await;
}

#[tokio::test]
async fn a_removed_connection_leaves_only_that_it_was_there() {
    on_each_engine(async |bed| {
        let pair = Pair::new(bed).await;
        let id = pair.theirs.id(Kind::Connection).to_owned();
        let calendars = [pair.theirs.id(Kind::Calendar), pair.theirs.id(Kind::Quarantined)];
        // Kept answers that tell of it, one through its external id.
        for path in [
            format!("/v1/connections/{id}"),
            format!("/v1/connections/ext:{}-connection", pair.theirs.canary),
        ] {
            let headers = [
                ("authorization", pair.theirs.admin.as_str()),
                ("if-match", "*"),
                ("idempotency-key", "kept"),
            ];
            let body = Some(json!({"metadata": {"note": "canarynote"}}));
            pair.hub.call(Method::PATCH, &path, body, &headers).await.expect(200);
        }
        remove(&pair, &format!("/v1/connections/{id}?future_bookings=keep")).await;
        let rows = dump(&pair.url, pair.engine).await;
        for trace in [id.as_str(), calendars[0], calendars[1]] {
            let left: Vec<_> = rows.iter().filter(|row| row.contains(trace)).collect();
            let beyond: Vec<_> = left.iter().filter(|row| !is_documented(row)).collect();
            assert!(beyond.is_empty(), "{trace} is still in {beyond:?}");
            assert!(!left.is_empty(), "that it was removed is told");
        }
        // What it was called, whose it was and when somebody was busy is nowhere; the tenant's own things stay.
        let words = [
            "canarytheirs-work",
            "canarytheirs-home",
            "canarytheirs-uid",
            "canarynote",
            "canarytheirs/",
            "2026-03-03T09:00:00",
            "one.ics",
        ];
        for word in words {
            let ours = "canaryours";
            let left: Vec<_> = rows
                .iter()
                .filter(|row| {
                    row.contains(word)
                        && !row.contains(ours)
                        && row.contains(pair.theirs.tenant.as_str())
                })
                .collect();
            assert!(left.is_empty(), "{word} is still in {left:?}");
        }
        let told: Vec<_> = rows.iter().filter(|row| row.contains("connection.removed")).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("canarytheirs-connection"), "the platform's own id: {}", told[0]);
        // Nor through the API.
        let headers = [("authorization", pair.theirs.admin.as_str())];
        for path in ["/v1/connections", "/v1/calendars", "/v1/ops/jobs", "/v1/ops/quarantine"] {
            let answer = pair.hub.call(Method::GET, path, None, &headers).await.expect(200);
            assert_eq!(answer.body["items"], json!([]), "{path}");
        }
        let ask = json!({"start": "2026-03-03T00:00:00Z", "end": "2026-03-04T00:00:00Z",
            "calendars": calendars, "resources": [pair.theirs.id(Kind::Resource)]});
        let answer =
            pair.hub.call(Method::POST, "/v1/freebusy", Some(ask), &headers).await.expect(200);
        assert_eq!(answer.body["calendars"], json!({}));
        let resource = &answer.body["resources"][pair.theirs.id(Kind::Resource)];
        assert_eq!(resource["busy"], json!([]), "{}", answer.text);
        assert!(!pair.hub.get("/metrics").await.expect(200).text.contains(&id));
        // The other tenant keeps everything.
        assert!(rows.iter().any(|row| row.contains("canaryours-work")));
    })
    .await;
}

/// Bytes of the database file and its log.
fn file_bytes(bed: &Bed) -> Vec<u8> {
    let path = bed.url.trim_start_matches("sqlite:");
    ["", "-wal", "-journal"]
        .iter()
        .filter_map(|end| std::fs::read(format!("{path}{end}")).ok())
        .flatten()
        .collect()
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|part| part == word.as_bytes())
}

#[tokio::test]
async fn a_removed_connection_is_overwritten_in_the_file() {
    on_sqlite(async |bed| {
        let pair = Pair::new(bed).await;
        let words = ["canarytheirs-work", "canarytheirs-home"];
        assert!(words.iter().all(|word| holds(&file_bytes(bed), word)), "the search finds nothing");
        let id = pair.theirs.id(Kind::Connection).to_owned();
        remove(&pair, &format!("/v1/connections/{id}?future_bookings=keep")).await;
        let bytes = file_bytes(bed);
        for word in words {
            assert!(!holds(&bytes, word), "{word} is still in the file");
        }
        assert!(holds(&bytes, "canaryours-work"), "the other tenant's is there");
    })
    .await;
}

#[tokio::test]
async fn a_removed_tenant_leaves_nothing_and_every_hub_forgets_it() {
    on_each_engine(async |bed| {
        let pair = Pair::new(bed).await;
        let index = Arc::new(Index::default());
        let clock = Arc::new(pair.hub.clock.clone());
        let store = bed.open_again().await;
        let other_hub = Tail::new(store.clone(), Arc::clone(&index), clock);
        other_hub.catch_up().await.unwrap();
        let tenant = &pair.theirs.tenant;
        assert!(index.read(tenant, |_| ()).is_some());
        pair.hub.delete(&format!("/v1/tenants/{tenant}")).await.expect(204);
        let rows = dump(&pair.url, pair.engine).await;
        let others = |row: &&String| !is_act(row);
        let left = rows.iter().filter(others).filter(|row| row.contains(tenant.as_str()));
        let left: Vec<_> = left.collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(left[0].starts_with("changes ") && left[0].contains("tenant.removed"), "{left:?}");
        for trace in pair.theirs.ids.values().filter(|id| *id != tenant.as_str()) {
            let left = rows.iter().filter(others).filter(|row| row.contains(trace.as_str()));
            let left: Vec<_> = left.collect();
            assert!(left.is_empty(), "{left:?}");
        }
        assert!(!rows.iter().any(|row| row.contains("canarytheirs")));
        other_hub.catch_up().await.unwrap();
        assert!(index.read(tenant, |_| ()).is_none(), "the other hub still has it in memory");
        assert!(index.read(&pair.ours.tenant, |_| ()).is_some());
        let headers = [("authorization", pair.theirs.admin.as_str())];
        pair.hub
            .call(Method::GET, "/v1/keys", None, &headers)
            .await
            .problem(401, "unauthenticated");
        store.close().await;
    })
    .await;
}

/// Rows of a table that hold a word.
fn of_table<'a>(rows: &'a [String], table: &str, word: &str) -> Vec<&'a String> {
    let start = format!("{table} ");
    rows.iter().filter(|row| row.starts_with(&start) && row.contains(word)).collect()
}

#[tokio::test]
async fn bookings_outlive_the_calendars_that_they_were_written_into() {
    on_each_engine(async |bed| {
        let pair = Pair::new(bed).await;
        let theirs = &pair.theirs;
        let headers = [("authorization", theirs.admin.as_str())];
        let ask =
            async |method, path: &str, body| pair.hub.call(method, path, body, &headers).await;
        // One more, which is not delivered yet.
        let body = json!({"resources": [theirs.id(Kind::Resource)], "title": "canarytheirs later",
            "start": "2026-03-07T09:00:00Z", "end": "2026-03-07T10:00:00Z"});
        let pending = ask(Method::POST, "/v1/bookings", Some(body)).await.expect(201);
        assert_eq!(pending.body["delivery"], "pending");
        let (calendar, written) = (theirs.id(Kind::Calendar), theirs.id(Kind::Booking));
        let tables = ["outbox", "attempts", "work", "booking_history", "conflicts"];
        let before = dump(&pair.url, pair.engine).await;
        for table in tables {
            assert!(!of_table(&before, table, calendar).is_empty(), "nothing to erase in {table}");
        }
        let path = format!("/v1/connections/{}", theirs.id(Kind::Connection));
        ask(Method::DELETE, &path, None).await.problem(409, "in_use");
        remove(&pair, &format!("{path}?future_bookings=keep")).await;
        let rows = dump(&pair.url, pair.engine).await;
        for table in tables {
            let left = of_table(&rows, table, calendar);
            assert!(left.is_empty(), "{left:?}");
        }
        // What the log and the history told of that calendar is blank; that something happened is not.
        let told = |row: &&String| row.contains("booking.delivered") && row.contains(written);
        let told: Vec<_> = rows.iter().filter(told).collect();
        assert!(matches!(*told, [one] if one.contains("erased")), "{told:?}");
        for (id, kinds) in
            [(written, &["created", "delivered", "conflict"][..]), (&pending.id(), &["created"])]
        {
            let kept = ask(Method::GET, &format!("/v1/bookings/{id}"), None).await.expect(200).body;
            assert_eq!(
                (&kept["status"], &kept["delivery"]),
                (&json!("confirmed"), &json!("not_applicable"))
            );
            assert_eq!(kept["provider_events"], json!([]));
            assert!(kept["title"].as_str().unwrap().starts_with("canarytheirs"), "{kept}");
            let history = kept["history"].as_array().unwrap();
            let words: Vec<_> = history.iter().map(|one| one["kind"].as_str().unwrap()).collect();
            assert_eq!(words, kinds);
            assert!(history.iter().skip(1).all(|one| one["data"] == json!({"erased": true})));
        }
        // They still keep their time, and the hold keeps its.
        for start in ["2026-03-04T09:00:00Z", "2026-03-05T09:00:00Z", "2026-03-07T09:00:00Z"] {
            let start: jiff::Timestamp = start.parse().unwrap();
            let row = format!("{}", start.as_microsecond());
            assert!(!of_table(&rows, "claims", &row).is_empty(), "nobody has {start}");
        }
        // The other tenant's are whole.
        let ours = of_table(&rows, "outbox", pair.ours.id(Kind::Calendar));
        assert_eq!(ours.len(), 1, "{ours:?}");
    })
    .await;
}
