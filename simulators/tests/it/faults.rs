//! Faults on demand: each does what its name says, to the calls it is meant for.

use std::time::Duration;

use simulators::{Access, Act, Cut, Fault, Turn};

use crate::client::{Client, event};

#[tokio::test]
async fn a_dropped_connection_applies_nothing_or_everything() {
    let client = Client::new("generic");
    client.world.fault(Fault::new(Act::DropBefore).method("PUT").once());
    client.world.fault(Fault::new(Act::DropAfterApply).method("PUT").turn(Turn::Nth(2)));
    let href = client.work.href("a.ics");
    let cut = client.try_send("PUT", &href, &[], &event("a", "")).await;
    assert!(matches!(cut, Err(Cut::BeforeApply)));
    assert!(client.work.get("a.ics").is_none());
    let cut = client.try_send("PUT", &href, &[], &event("a", "")).await;
    assert!(matches!(cut, Err(Cut::AfterApply)));
    assert!(client.work.get("a.ics").is_some(), "the answer is lost, the write is not");
    assert_eq!(client.put("a.ics", &[("if-none-match", "*")], &event("a", "")).await.status, 412);
    assert_eq!(client.world.log()[1].faults, ["drop_after_apply"]);
}

#[tokio::test]
async fn a_truncated_body_says_how_much_came() {
    let client = Client::new("generic");
    client.work.put("a.ics", event("a", ""));
    client.world.fault(Fault::new(Act::TruncateBody { keep: 20 }).report("sync-collection"));
    let body = "<sync-collection xmlns=\"DAV:\"><sync-token/><sync-level>1</sync-level><prop/></sync-collection>";
    let cut = client.try_send("REPORT", &client.work.path(), &[], body).await;
    let Err(Cut::MidBody(part)) = cut else { panic!("not cut") };
    assert_eq!(part.body().len(), 20);
    assert_eq!(client.world.log()[0].bytes_out, 20);
    assert_eq!(client.get("a.ics", &[]).await.status, 200, "other requests are spared");
}

#[tokio::test]
async fn statuses_and_bodies_replace_answers() {
    let client = Client::new("generic");
    let throttled = Act::Status { status: 503, retry_after_s: Some(1), body: "Maintenance".into() };
    client.world.fault(Fault::new(throttled).account("anna").turn(Turn::First(2)));
    let answer = client.sync("").await;
    assert_eq!(
        (answer.status, answer.header("retry-after"), answer.body.as_str()),
        (503, "1", "Maintenance")
    );
    assert_eq!(client.sync("").await.status, 503);
    assert_eq!(client.sync("").await.status, 207);
    let page = Act::Body { body: "<html>Log in</html>".into(), content_type: "text/html".into() };
    client.world.fault(Fault::new(page).path("/work/"));
    let answer = client.sync("").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html"));
    client.world.clear_faults();
    assert_eq!(client.sync("").await.status, 207);
}

#[tokio::test]
async fn rows_are_doubled_turned_round_and_emptied() {
    let client = Client::new("generic");
    for n in ["a", "b", "c"] {
        client.work.put(&format!("{n}.ics"), event(n, ""));
    }
    client.world.fault(Fault::new(Act::DuplicateRows).once());
    client.world.fault(Fault::new(Act::ReorderRows).turn(Turn::Nth(2)));
    client.world.fault(Fault::new(Act::EmptyRows).turn(Turn::Nth(3)));
    assert_eq!(client.sync("").await.count("<d:response>"), 6);
    let turned = client.sync("").await.body;
    assert!(turned.find("c.ics").unwrap() < turned.find("a.ics").unwrap());
    let empty = client.sync("").await;
    assert_eq!((empty.status, empty.count("<d:response>")), (207, 0));
    assert_eq!(client.sync("").await.count("<d:response>"), 3);
}

#[tokio::test]
async fn the_world_changes_under_a_request() {
    let client = Client::new("generic");
    client.work.put("a.ics", event("a", ""));
    let etag = client.work.get("a.ics").unwrap().etag;
    let edit = Act::ForeignEdit {
        calendar: "work".into(),
        name: "a.ics".into(),
        body: event("a", "SUMMARY:x\r\n"),
    };
    client.world.fault(Fault::new(edit).account("anna").method("PUT").once());
    assert_eq!(client.put("a.ics", &[("if-match", &etag)], &event("a", "")).await.status, 412);
    let delete = Act::ForeignDelete { calendar: "work".into(), name: "a.ics".into() };
    client.world.fault(Fault::new(delete).account("anna").method("GET").once());
    assert_eq!(client.get("a.ics", &[]).await.status, 404);
    let role = Act::RoleChange { calendar: "work".into(), access: Access::ReadOnly };
    client.world.fault(Fault::new(role).account("anna").method("PUT").turn(Turn::From(2)));
    assert_eq!(client.put("b.ics", &[], &event("b", "")).await.status, 201);
    assert_eq!(client.put("c.ics", &[], &event("c", "")).await.status, 403);
    let gone = Act::CalendarGone { calendar: "work".into(), status: 410 };
    client.world.fault(Fault::new(gone).account("anna").once());
    assert_eq!(client.sync("").await.status, 410);
    client.world.clear_faults();
    assert_eq!(client.sync("").await.status, 410, "and it stays so");
}

#[tokio::test]
async fn cursors_expire_and_passwords_are_revoked_mid_run() {
    let client = Client::new("generic");
    let token = client.sync("").await.element("sync-token").unwrap();
    client
        .world
        .fault(Fault::new(Act::ExpireCursors).account("anna").report("sync-collection").once());
    assert_eq!(client.sync(&token).await.status, 403);
    client.world.fault(Fault::new(Act::RevokePassword).account("anna").once());
    assert_eq!(client.sync("").await.status, 401);
}

#[tokio::test]
async fn rates_are_limited_by_the_virtual_clock() {
    let client = Client::new("generic");
    client.world.fault(
        Fault::new(Act::RateLimit { requests: 2, per_s: 60, retry_after_s: 5 }).account("anna"),
    );
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(client.sync("").await.status);
    }
    assert_eq!(statuses, [207, 207, 429, 429]);
    client.world.advance(Duration::from_secs(60));
    assert_eq!(client.sync("").await.status, 207);
}

#[tokio::test]
async fn latency_moves_the_virtual_clock() {
    let client = Client::new("generic");
    client.world.fault(Fault::new(Act::Latency { ms: 2_500 }));
    let before = client.world.now();
    client.sync("").await;
    assert_eq!(client.world.now().duration_since(before).as_millis(), 2_500);
}

#[tokio::test]
async fn chance_repeats_with_the_seed() {
    let run = async |seed| {
        let client = Client::new("generic");
        client.world.set_seed(seed);
        client.world.fault(
            Fault::new(Act::Status { status: 500, retry_after_s: None, body: String::new() })
                .turn(Turn::OneIn(3)),
        );
        let mut statuses = Vec::new();
        for _ in 0..30 {
            statuses.push(client.sync("").await.status);
        }
        statuses
    };
    assert_eq!(run(7).await, run(7).await);
    assert_ne!(run(7).await, run(8).await);
    assert!(run(7).await.contains(&500) && run(7).await.contains(&207));
}
