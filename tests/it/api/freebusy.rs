//! Free/busy: what is busy, what is unknown, and that unknown survives every format.

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use calhub::model::{
    busy::BusyClass,
    ids::CalendarId,
    states::{ConnectionState, Provider},
};
use serde_json::{Value, json};

use super::world::{Answer, NOW, TestHub};

const DAY: (&str, &str) = ("2026-03-02T08:00:00Z", "2026-03-03T08:00:00Z");

async fn ask(hub: &TestHub, more: Value) -> Answer {
    let mut body = json!({"start": DAY.0, "end": DAY.1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    hub.post("/v1/freebusy", body).await
}

/// A resource `ext:a` over one calendar with one busy hour.
async fn with_calendar() -> (TestHub, CalendarId) {
    let hub = TestHub::new().await;
    let (_, calendar) = hub.calendar(Provider::Caldav).await;
    let hour = [("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z", BusyClass::Busy)];
    hub.busy(&calendar, &hour).await;
    let new = json!({"name": "A", "external_id": "a", "calendars": [{"calendar_id": calendar}]});
    hub.post("/v1/resources", new).await.expect(201);
    (hub, calendar)
}

#[tokio::test]
async fn an_answer_says_what_it_rests_on() {
    let (hub, calendar) = with_calendar().await;
    hub.advance(12).await;
    let body = json!({"resources": ["ext:a", "ext:nobody", "gibberish"], "calendars": [calendar]});
    let answer = ask(&hub, body).await.expect(200).body;
    assert_eq!(answer["complete"], true);
    let busy =
        json!([{"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z", "kind": "busy"}]);
    for subject in [&answer["resources"]["ext:a"], &answer["calendars"][calendar.as_str()]] {
        assert_eq!(subject["busy"], busy);
        assert_eq!(subject["unknown"], json!([]));
        let evidence = &subject["evidence"][0];
        assert_eq!(evidence["calendar_id"], calendar.as_str());
        assert_eq!(evidence["age"], "PT12S");
        assert_eq!(evidence["state"], "fresh");
        assert_eq!(evidence["synced_at"], NOW);
    }
    assert_eq!(
        answer["errors"],
        json!({"ext:nobody": {"code": "not_found"}, "gibberish": {"code": "not_found"}})
    );
    let log = hub
        .get(&format!("/v1/changes?after={}", answer["cursor"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(log.body["items"], json!([]), "the cursor is the place that the answer rests on");
}

#[tokio::test]
async fn classes_count_as_the_nearest_policy_says() {
    let hub = TestHub::new().await;
    let (_, calendar) = hub.calendar(Provider::Caldav).await;
    let spans = [
        ("2026-03-02T09:00:00Z", "2026-03-02T12:00:00Z", BusyClass::Tentative),
        ("2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", BusyClass::OutOfOffice),
        ("2026-03-02T13:00:00Z", "2026-03-02T14:00:00Z", BusyClass::Declined),
    ];
    hub.busy(&calendar, &spans).await;
    let kinds = async |policy: Value, link: Value| {
        let body = json!({"name": "A", "policy": policy, "calendars": [{"calendar_id": calendar, "policy": link}]});
        hub.call(Method::PUT, "/v1/resources/ext:a", Some(body), &[]).await;
        let answer = ask(&hub, json!({"resources": ["ext:a"]})).await.expect(200).body;
        let busy = answer["resources"]["ext:a"]["busy"].as_array().unwrap().clone();
        busy.iter().map(|b| b["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(json!({}), json!({})).await, ["tentative", "out_of_office", "tentative"]);
    assert_eq!(kinds(json!({"tentative": "free"}), json!({})).await, ["out_of_office"]);
    let link = json!({"tentative": "busy", "declined": "tentative"});
    assert_eq!(
        kinds(json!({"tentative": "free"}), link).await,
        ["busy", "out_of_office", "busy", "tentative"]
    );
    let tenant = format!("/v1/tenants/{}", hub.tenant);
    hub.patch(&tenant, json!({"policy": {"tentative": "free", "out_of_office": "free"}}))
        .await
        .expect(200);
    assert!(kinds(json!({}), json!({})).await.is_empty());
}

#[tokio::test]
async fn a_calendar_that_does_not_block_adds_neither_busy_nor_unknown() {
    let (hub, calendar) = with_calendar().await;
    let links = json!({"calendars": [{"calendar_id": calendar, "blocks": false}]});
    hub.patch("/v1/resources/ext:a", links).await.expect(200);
    hub.advance(100_000).await;
    let answer = ask(&hub, json!({"resources": ["ext:a"]})).await.expect(200).body;
    assert_eq!(
        answer["resources"]["ext:a"],
        json!({"complete": true, "busy": [], "unknown": [], "evidence": []})
    );
}

#[tokio::test]
async fn staleness_is_the_callers_or_the_calendars_own() {
    let (hub, calendar) = with_calendar().await;
    hub.advance(1200).await;
    let reason = async |more: Value| {
        let mut body = json!({"resources": ["ext:a"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = ask(&hub, body).await.expect(200).body;
        assert_eq!(answer["complete"], answer["resources"]["ext:a"]["unknown"] == json!([]));
        answer["resources"]["ext:a"]["unknown"][0]["reason"].clone()
    };
    assert_eq!(reason(json!({"max_staleness": "PT20M"})).await, json!(null));
    assert_eq!(reason(json!({"max_staleness": "PT19M"})).await, "stale");
    assert_eq!(reason(json!({})).await, json!(null));
    hub.advance(601).await;
    assert_eq!(reason(json!({})).await, "stale");
    assert_eq!(reason(json!({"max_staleness": "P1D"})).await, json!(null));
    hub.pulled(&hub.tenant, &calendar).await;
    assert_eq!(reason(json!({})).await, json!(null));
}

#[tokio::test]
async fn a_refused_login_makes_the_whole_window_unknown_at_once() {
    let hub = TestHub::new().await;
    let (connection, calendar) = hub.calendar(Provider::Caldav).await;
    let hour = [("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z", BusyClass::Busy)];
    hub.busy(&calendar, &hour).await;
    hub.standing(&connection, ConnectionState::NeedsReauth, "connection.needs_reauth").await;
    let answer = ask(&hub, json!({"calendars": [calendar]})).await.expect(200).body;
    let subject = &answer["calendars"][calendar.as_str()];
    assert_eq!(
        subject["busy"].as_array().unwrap().len(),
        1,
        "busy time is never freed by an error"
    );
    assert_eq!(
        subject["unknown"],
        json!([{"start": DAY.0, "end": DAY.1, "reason": "needs_reauth", "calendar_id": calendar}])
    );
    hub.standing(&connection, ConnectionState::Healthy, "connection.healthy").await;
    let answer = ask(&hub, json!({"calendars": [calendar]})).await.expect(200).body;
    assert_eq!(answer["complete"], true);
}

#[tokio::test]
async fn a_connection_that_is_being_removed_makes_its_calendars_unknown_at_once() {
    let hub = TestHub::new().await;
    let (connection, calendar) = hub.calendar(Provider::Caldav).await;
    hub.delete(&format!("/v1/connections/{connection}")).await.expect(202);
    let answer = ask(&hub, json!({"calendars": [calendar]})).await.expect(200).body;
    assert_eq!(
        answer["calendars"][calendar.as_str()]["unknown"][0]["reason"],
        "needs_reauth",
        "{answer}"
    );
    hub.delete(&format!("/v1/connections/{connection}")).await.expect(202);
    let told = hub.get("/v1/changes?types=connection.removing").await.expect(200).body;
    assert_eq!(told["items"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["items"][0]["data"]["after"]["state"], "removing");
}

#[tokio::test]
async fn an_index_that_is_behind_says_so_everywhere() {
    let (hub, _) = with_calendar().await;
    hub.clock.advance(std::time::Duration::from_secs(4));
    let answer = ask(&hub, json!({"resources": ["ext:a"]})).await.expect(200).body;
    assert_eq!(answer["resources"]["ext:a"]["unknown"][0]["reason"], "stale");
    assert_eq!(answer["complete"], false);
    let ready = hub.get("/readyz").await.expect(503);
    assert_eq!(ready.body["index"], "behind");
    hub.settle().await;
    hub.get("/readyz").await.expect(200);
}

/// Whether the five-minute step that begins `minutes` after the window's start is set.
fn bit(base64: &Value, minutes: usize) -> bool {
    let bytes = STANDARD.decode(base64.as_str().unwrap()).unwrap();
    let step = minutes / 5;
    bytes[step / 8] & (0x80 >> (step % 8)) != 0
}

#[tokio::test]
async fn unknown_survives_every_format() {
    let (hub, calendar) = with_calendar().await;
    let series = [("2026-03-02T20:00:00Z", "2026-03-02T21:00:00Z", BusyClass::Unexpandable)];
    hub.busy(&calendar, &series).await;
    let unknown = (json!("2026-03-02T20:00:00Z"), json!("2026-03-02T21:00:00Z"));

    let lists = ask(&hub, json!({"resources": ["ext:a"]})).await.expect(200).body;
    let span = &lists["resources"]["ext:a"]["unknown"][0];
    assert_eq!((&span["start"], &span["end"]), (&unknown.0, &unknown.1));
    assert_eq!(span["reason"], "unexpandable");

    let merged = json!({"resources": ["ext:a"], "calendars": [calendar], "format": "merged"});
    let merged = ask(&hub, merged).await.expect(200).body;
    assert_eq!(merged["complete"], false);
    assert_eq!(merged["busy"].as_array().unwrap().len(), 1);
    assert_eq!(merged["unknown"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&merged["unknown"][0]["start"], &merged["unknown"][0]["end"]),
        (&unknown.0, &unknown.1)
    );

    let bits =
        ask(&hub, json!({"resources": ["ext:a"], "format": "bitmap"})).await.expect(200).body;
    let subject = &bits["resources"]["ext:a"];
    assert_eq!(bits["bitmap"], json!({"start": DAY.0, "step": "PT5M", "steps": 288}));
    assert!(!bit(&subject["busy"], 55) && bit(&subject["busy"], 60) && bit(&subject["busy"], 115));
    assert!(!bit(&subject["busy"], 120));
    assert!(
        !bit(&subject["unknown"], 715)
            && bit(&subject["unknown"], 720)
            && bit(&subject["unknown"], 775)
    );
    assert!(!bit(&subject["unknown"], 780));
    assert_eq!(subject["complete"], false);

    let file =
        hub.get(&format!("/v1/resources/ext:a/freebusy.ics?start={}&end={}", DAY.0, DAY.1)).await;
    let file = file.expect(200);
    assert!(file.header("content-type").unwrap().starts_with("text/calendar"));
    assert!(
        file.text
            .contains("FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260302T200000Z/20260302T210000Z\r\n")
    );
    assert!(file.text.contains("FREEBUSY;FBTYPE=BUSY:20260302T090000Z/20260302T100000Z\r\n"));
    let events = hub
        .get(&format!("/v1/resources/ext:a/freebusy.ics?start={}&end={}&as=events", DAY.0, DAY.1))
        .await;
    assert!(events.expect(200).text.contains("SUMMARY:Unknown\r\n"));
}

#[tokio::test]
async fn what_lies_beyond_the_window_is_unknown() {
    let (hub, calendar) = with_calendar().await;
    let body = json!({"start": "2028-01-01T00:00:00Z", "end": "2028-01-02T00:00:00Z", "calendars": [calendar]});
    let answer = hub.post("/v1/freebusy", body).await.expect(200).body;
    assert_eq!(answer["calendars"][calendar.as_str()]["unknown"][0]["reason"], "beyond_window");
}

#[tokio::test]
async fn evidence_is_as_detailed_as_asked() {
    let (hub, _) = with_calendar().await;
    let none = ask(&hub, json!({"resources": ["ext:a"], "evidence": "none"})).await.body;
    assert!(none["resources"]["ext:a"].get("evidence").is_none());
    let short = ask(&hub, json!({"resources": ["ext:a"], "evidence": "summary"})).await.body;
    assert_eq!(short["resources"]["ext:a"]["evidence"]["calendars"], 1);
    assert_eq!(short["resources"]["ext:a"]["evidence"]["state"], "fresh");
}

#[tokio::test]
async fn a_question_has_its_limits() {
    let hub = TestHub::new().await;
    let ids: Vec<String> = (0..501).map(|n| format!("ext:{n}")).collect();
    ask(&hub, json!({"resources": ids})).await.problem(422, "invalid");
    ask(&hub, json!({})).await.problem(422, "invalid");
    ask(&hub, json!({"resources": ["ext:a"], "end": DAY.0})).await.problem(422, "invalid");
    ask(&hub, json!({"resources": ["ext:a"], "format": "interpretive dance"}))
        .await
        .problem(422, "invalid");
    ask(&hub, json!({"resources": ["ext:a"], "start": "yesterday"})).await.problem(422, "invalid");
    ask(&hub, json!({"resources": ["ext:a"], "max_staleness": "20m"}))
        .await
        .problem(422, "invalid");
    let ids: Vec<String> = (0..500).map(|n| format!("ext:{n}")).collect();
    ask(&hub, json!({"resources": ids, "end": "2026-04-11T08:00:00Z"})).await.expect(200);
    ask(&hub, json!({"resources": ids, "end": "2026-04-11T08:00:01Z"}))
        .await
        .problem(422, "invalid");
    let offset = json!({"start": "2026-03-02T10:00:00+02:00", "end": "2026-03-02T12:00:00+02:00", "resources": ["x"]});
    let answer = hub.post("/v1/freebusy", offset).await.expect(200);
    assert_eq!(answer.body["start"], "2026-03-02T08:00:00Z");
}

#[tokio::test]
async fn a_removed_calendar_leaves_its_resources() {
    let hub = TestHub::new().await;
    let (connection, calendar) = hub.calendar(Provider::Caldav).await;
    let new = json!({"name": "A", "external_id": "a", "calendars": [{"calendar_id": calendar}]});
    hub.post("/v1/resources", new).await.expect(201);
    hub.delete(&format!("/v1/connections/{connection}")).await.expect(202);
    hub.hub.engine.step().await.unwrap();
    hub.settle().await;
    let answer =
        ask(&hub, json!({"resources": ["ext:a"], "calendars": [calendar]})).await.expect(200).body;
    assert_eq!(answer["resources"]["ext:a"]["evidence"], json!([]));
    assert_eq!(answer["errors"][calendar.as_str()]["code"], "not_found");
    assert_eq!(hub.get("/v1/resources/ext:a").await.body["calendars"], json!([]));
}

#[tokio::test]
async fn a_secret_address_works_until_it_is_revoked() {
    let (hub, _) = with_calendar().await;
    let made = hub.post("/v1/resources/ext:a/feeds", json!({})).await.expect(201);
    let url = made.body["url"].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1:8420").unwrap();
    let open = [("authorization", "none")];
    let file = hub
        .call(Method::GET, &format!("{path}?start={}&end={}", DAY.0, DAY.1), None, &open)
        .await
        .expect(200);
    assert!(file.text.contains("FREEBUSY;FBTYPE=BUSY:20260302T090000Z/20260302T100000Z"));
    let wrong = path.replace(".ics", "0.ics");
    hub.call(Method::GET, &wrong, None, &open).await.problem(404, "not_found");
    assert!(!hub.get("/v1/resources/ext:a/feeds").await.expect(200).text.contains("http"));
    hub.delete("/v1/resources/ext:a/feeds").await.expect(204);
    hub.call(Method::GET, path, None, &open).await.problem(404, "not_found");
}
