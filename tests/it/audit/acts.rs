//! Which acts are written down, by whom they were done, who may read that, and that it is nothing of a person.

use axum::http::Method;
use calhub::audit::Sealing;
use serde_json::{Value, json};

use crate::{
    api::world::{Answer, TestHub},
    support::engines::on_each_engine,
    tenancy::pair::{Kind, Pair, dump},
};

async fn ask(pair: &Pair, method: Method, path: &str, body: Value) -> Answer {
    let headers = [
        ("authorization", pair.theirs.admin.as_str()),
        ("if-match", "*"),
        ("x-request-id", "audited-1"),
    ];
    let body = (!body.is_null()).then_some(body);
    pair.hub.call(method, path, body, &headers).await
}

/// Every entry that this key is told, the latest first.
async fn told(pair: &Pair, query: &str, key: &str, tenant: Option<&str>) -> Vec<Value> {
    let mut headers = vec![("authorization", key)];
    headers.extend(tenant.map(|tenant| ("calhub-tenant", tenant)));
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/v1/ops/audit?limit=3{query}{after}");
        let page = pair.hub.call(Method::GET, &path, None, &headers).await.expect(200).body;
        all.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

fn verbs(entries: &[Value]) -> Vec<&str> {
    let mut all: Vec<_> = entries.iter().map(|one| one["verb"].as_str().unwrap()).collect();
    all.sort_unstable();
    all
}

/// Does everything that is written down. Answers what was done, with what it was done to.
async fn everything(pair: &Pair) -> Vec<(&'static str, String)> {
    let id = |kind| pair.theirs.id(kind).to_owned();
    let [booking, conflict, calendar, delivery] =
        [Kind::Booking, Kind::Conflict, Kind::Calendar, Kind::Delivery].map(id);
    let held = json!({"since": "2026-03-02T07:00:00Z", "lost": 6, "before": 9, "word": "none", "spans": [],
        "series": [], "digest": ""});
    let mut done = Vec::new();
    let mut did = async |verb, subject: &str, method, path: &str, body| {
        let answer = ask(pair, method, path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        let made = answer.body["id"].as_str().unwrap_or_default().to_owned();
        let subject = if subject.is_empty() { &made } else { subject };
        done.push((verb, subject.to_owned()));
        made
    };
    let (post, none) = (Method::POST, Value::Null);
    let new = json!({"name": "canarytheirs key", "scopes": ["ops"]});
    let key = did("key.made", "", post.clone(), "/v1/keys", new).await;
    did("key.removed", &key, Method::DELETE, &format!("/v1/keys/{key}"), none.clone()).await;
    let tenant = pair.theirs.tenant.to_string();
    let name = json!({"name": "canarytheirs again"});
    did("tenant.changed", &tenant, Method::PATCH, &format!("/v1/tenants/{tenant}"), name).await;
    let resource = id(Kind::Resource);
    let policy = json!({"on_provider_move": "follow"});
    let path = format!("/v1/resources/{resource}");
    did("resource.policy_set", &resource, Method::PATCH, &path, policy).await;
    let body = json!({"calendar_id": calendar, "full": true});
    did("sync.full_asked", &calendar, post.clone(), "/v1/ops/sync", body).await;
    let job = id(Kind::Job);
    let path = format!("/v1/ops/jobs/{job}");
    did("job.retried", &calendar, post.clone(), &format!("{path}/retry"), none.clone()).await;
    did("job.discarded", &calendar, Method::DELETE, &path, none.clone()).await;
    for (verb, word) in [("quarantine.confirmed", "confirm"), ("quarantine.rejected", "reject")] {
        let home = id(Kind::Quarantined);
        let mut tx = pair.hub.hub.store.begin().await.unwrap();
        let calendar = home.parse().unwrap();
        let now = pair.hub.hub.clock.now();
        let tenant = &pair.theirs.tenant;
        tx.calendars().set_quarantine(tenant, &calendar, Some(&held), now).await.unwrap();
        tx.commit().await.unwrap();
        let path = format!("/v1/ops/quarantine/{home}/{word}");
        did(verb, &home, post.clone(), &path, none.clone()).await;
    }
    for (verb, word) in [("outbox.retried", "retry"), ("outbox.skipped", "skip")] {
        let path = format!("/v1/ops/outbox/{delivery}/{word}");
        did(verb, &booking, post.clone(), &path, none.clone()).await;
    }
    let path = format!("/v1/ops/outbox/{delivery}/adopt");
    let event = json!({"event_id": "/canarytheirs.ics"});
    did("outbox.adopted", &booking, post.clone(), &path, event).await;
    let path = format!("/v1/bookings/{booking}/conflicts/{conflict}/resolve");
    did("conflict.resolved", &booking, post.clone(), &path, json!({"action": "dismiss"})).await;
    let connection = id(Kind::Connection);
    let path = format!("/v1/connections/{connection}");
    let note = json!({"metadata": {"note": "canarytheirs note"}});
    did("connection.changed", &connection, Method::PATCH, &path, note).await;
    let path = format!("{path}?future_bookings=keep");
    did("connection.unlinked", &connection, Method::DELETE, &path, none).await;
    done
}

#[tokio::test]
async fn every_act_is_written_down_with_who_did_it_and_in_which_request() {
    on_each_engine(async |bed| {
        let pair = Pair::new(bed).await;
        let before = told(&pair, "", &pair.theirs.admin, None).await.len();
        pair.hub.advance(1).await;
        let done = everything(&pair).await;
        let mut entries = told(&pair, "", &pair.theirs.admin, None).await;
        entries.truncate(entries.len() - before);
        let actor = format!("key:{}", pair.theirs.admin.split('_').nth(1).unwrap());
        for (verb, subject) in &done {
            let found: Vec<_> = entries
                .iter()
                .filter(|one| one["verb"] == *verb && one["subject"] == *subject)
                .collect();
            let [one] = *found else { panic!("{verb} {subject}: {found:?} in {entries:?}") };
            assert_eq!(one["actor"], *actor, "{one}");
            assert_eq!(one["request_id"], "audited-1", "{one}");
            assert_eq!(one["tenant_id"], pair.theirs.tenant.as_str());
            assert_eq!(one["n"], Value::Null, "nobody has sealed yet");
        }
        assert_eq!(entries.len(), done.len(), "{entries:?}");
        // Filters.
        let subject = pair.theirs.id(Kind::Connection);
        let of = told(&pair, &format!("&subject={subject}"), &pair.theirs.admin, None).await;
        assert_eq!(verbs(&of), ["connection.changed", "connection.linked", "connection.unlinked"]);
        let of = told(&pair, "&verb=job.retried", &pair.theirs.admin, None).await;
        assert_eq!(verbs(&of), ["job.retried"]);
        pair.hub.get("/v1/ops/audit?verb=key.lost").await.problem(400, "invalid_parameter");
        // What was refused is no act.
        let nobody = Kind::Connection.absent();
        ask(&pair, Method::DELETE, &format!("/v1/connections/{nobody}"), Value::Null)
            .await
            .problem(404, "not_found");
        let after = told(&pair, "", &pair.theirs.admin, None).await;
        assert_eq!(after.len(), before + done.len());
    })
    .await;
}

#[tokio::test]
async fn a_tenant_reads_its_own_acts_and_an_instance_key_everybodys() {
    on_each_engine(async |bed| {
        let pair = Pair::new(bed).await;
        let of = |entries: &[Value]| {
            let mut all: Vec<_> = entries.iter().map(|one| one["tenant_id"].to_string()).collect();
            all.sort();
            all.dedup();
            all
        };
        let quoted = |text: &str| format!("\"{text}\"");
        let (ours, theirs) = (&pair.ours, &pair.theirs);
        for side in [ours, theirs] {
            let own = told(&pair, "", &side.admin, None).await;
            assert_eq!(of(&own), [quoted(side.tenant.as_str())]);
        }
        let key = format!("Bearer {}", crate::api::world::KEY);
        let narrowed = told(&pair, "", &key, Some(theirs.tenant.as_str())).await;
        assert_eq!(of(&narrowed), [quoted(theirs.tenant.as_str())]);
        let all = told(&pair, "", &key, None).await;
        for tenant in [&ours.tenant, &theirs.tenant, &pair.hub.tenant] {
            assert!(of(&all).contains(&quoted(tenant.as_str())), "{tenant}");
        }
        let lone = pair.hub.key(&["bookings:write"]).await;
        for path in ["/v1/ops/audit", "/v1/ops/audit/verify"] {
            let headers = [("authorization", lone.as_str())];
            let refused = pair.hub.call(Method::GET, path, None, &headers).await;
            refused.problem(403, "insufficient_scope");
        }
        // Whether the log is whole is everybody's to know, with the scope.
        assert!(matches!(pair.hub.hub.audit.seal().await.unwrap(), Sealing::Sealed(n) if n > 10));
        let headers = [("authorization", theirs.admin.as_str())];
        let path = "/v1/ops/audit/verify";
        let verdict = pair.hub.call(Method::GET, path, None, &headers).await.expect(200).body;
        assert_eq!(verdict["whole"], true, "{verdict}");
        assert_eq!(verdict["checked"], all.len() + 1, "and the key that was made since");
        let noted = verdict["head"]["noted"].as_str().unwrap();
        pair.hub.get(&format!("{path}?head={noted}")).await.expect(200);
        for wrong in ["1", "x:y", "-1:00", &noted[..20]] {
            let refused = pair.hub.get(&format!("{path}?head={wrong}")).await;
            refused.problem(400, "invalid_parameter");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_told_of_a_tenant_outlives_it_and_is_nothing_of_a_person() {
    on_each_engine(async |bed| {
        let pair = Pair::new(bed).await;
        everything(&pair).await;
        pair.hub.hub.audit.seal().await.unwrap();
        let tenant = pair.theirs.tenant.clone();
        let entries = told(&pair, "", &pair.theirs.admin, None).await.len();
        pair.hub.delete(&format!("/v1/tenants/{tenant}")).await.expect(204);
        pair.hub.hub.audit.seal().await.unwrap();
        let verdict = pair.hub.hub.audit.verify(None).await.unwrap();
        assert_eq!((verdict.broken, verdict.unsealed), (None, 0));
        let rows: Vec<_> = dump(&pair.url, pair.engine)
            .await
            .into_iter()
            .filter(|row| row.starts_with("audit ") && row.contains(tenant.as_str()))
            .collect();
        assert_eq!(rows.len(), entries + 1, "with the end of the tenant itself");
        for row in rows {
            assert!(!row.contains("canary") && !row.contains('@') && !row.contains("://"), "{row}");
        }
        let key = format!("Bearer {}", crate::api::world::KEY);
        let gone = told(&pair, &format!("&subject={tenant}"), &key, None).await;
        assert!(verbs(&gone).contains(&"tenant.removed"), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn the_first_run_begins_the_log() {
    let hub = TestHub::new().await;
    let found = hub.get("/v1/ops/audit").await.expect(200).body;
    let all = found["items"].as_array().unwrap();
    assert_eq!(verbs(all), ["key.made", "tenant.made"]);
    assert!(all.iter().all(|one| one["actor"] == "hub"));
    let key = all.iter().find(|one| one["verb"] == "key.made").unwrap();
    assert_eq!(key["detail"], json!({"scopes": ["admin", "instance"]}));
}
