//! Writing: versions, repeated creates, what the server makes of what it is given.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::microsoft::OtherBody;

use super::{
    Api,
    api::{IMMUTABLE, at},
    event,
};

const MARK: &str = "String {00020329-0000-0000-C000-000000000046} Name hub-mirror";

#[tokio::test]
async fn a_created_event_has_its_place_and_every_field() {
    let api = Api::new().await;
    let made = api.create(event("Visit")).await;
    assert_eq!(made.status, 201);
    assert_eq!(
        made.header("location"),
        format!("http://sim.example/v1.0/me/events/{}", made.id().replace('=', "%3D"))
    );
    assert_eq!(
        made.json["@odata.etag"],
        format!("W/\"{}\"", made.json["changeKey"].as_str().unwrap())
    );
    assert_eq!(
        made.json["start"],
        json!({ "dateTime": "2027-03-01T08:00:00.0000000", "timeZone": "UTC" })
    );
    assert_eq!(made.json["originalStartTimeZone"], "W. Europe Standard Time");
    assert_eq!(made.json["type"], "singleInstance");
    assert!(made.json.get("transactionId").is_none(), "only where an app set it");
    assert_eq!(api.one(made.id()).await.json["subject"], "Visit");
    assert_eq!(api.delete(made.id()).await.status, 204);
    let gone = api.one(made.id()).await;
    assert_eq!((gone.status, gone.code()), (404, "ErrorItemNotFound"));
    assert_eq!(api.delete(made.id()).await.status, 404);
    let wrong = api.one("nonsense").await;
    assert_eq!((wrong.status, wrong.code()), (400, "ErrorInvalidIdMalformed"));
    api.is_by_the_book();
}

#[tokio::test]
async fn an_identical_create_makes_no_twin() {
    let api = Api::new().await;
    let mut body = event("Booking");
    body["transactionId"] = json!("b-1");
    let first = api.create(body.clone()).await;
    assert_eq!(first.json["transactionId"], "b-1");
    let again = api.create(body.clone()).await;
    assert_eq!((again.status, again.id()), (201, first.id()));
    let mut other = body.clone();
    other["subject"] = json!("Other");
    let same = api.create(other.clone()).await;
    assert_eq!(
        (same.status, same.id(), &same.json["subject"]),
        (201, first.id(), &json!("Booking"))
    );
    api.world.tune_microsoft(|knobs| knobs.other_body = OtherBody::Conflict);
    let refused = api.create(other).await;
    assert_eq!((refused.status, refused.code()), (409, "ErrorDuplicateTransactionId"));
    assert_eq!(api.calendar.events().len(), 1);
    api.world.advance(Duration::from_secs(8 * 86_400));
    let api = api.renewed().await;
    assert_ne!(api.create(body).await.id(), first.id(), "it is forgotten some day");
}

#[tokio::test]
async fn a_transaction_may_outlive_its_event() {
    let api = Api::new().await;
    let mut body = event("Booking");
    body["transactionId"] = json!("b-1");
    let first = api.create(body.clone()).await;
    api.delete(first.id()).await;
    let second = api.create(body.clone()).await;
    assert_eq!(second.status, 201);
    api.delete(second.id()).await;
    api.world.tune_microsoft(|knobs| knobs.transaction_outlives_event = true);
    assert_eq!(api.create(body).await.status, 409);
}

#[tokio::test]
async fn rapid_equal_creates_may_answer_one_event() {
    let api = Api::new().await;
    let first = api.create(event("x")).await;
    assert_ne!(api.create(event("x")).await.id(), first.id(), "each is one of its own");
    api.world.tune_microsoft(|knobs| knobs.merges_equal_creates_s = 5);
    let second = api.create(event("x")).await;
    assert_eq!(api.create(event("x")).await.id(), second.id());
    api.world.advance(Duration::from_secs(6));
    assert_ne!(api.create(event("x")).await.id(), second.id());
}

#[tokio::test]
async fn the_change_key_moves_by_itself_after_a_create() {
    let api = Api::new().await;
    api.world.tune_microsoft(|knobs| knobs.bumps = 2);
    let made = api.create(event("Booking")).await;
    let mut seen = vec![made.etag().to_owned()];
    for _ in 0..3 {
        api.world.advance(Duration::from_secs(2));
        seen.push(api.one(made.id()).await.etag().to_owned());
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[2] == seen[3], "{seen:?}");
    let stale = [("if-match", seen[0].as_str())];
    let path = format!("me/events/{}", made.id());
    let refused = api.send("PATCH", &path, &stale, json!({ "subject": "x" })).await;
    assert_eq!((refused.status, refused.code()), (412, "ErrorIrresolvableConflict"));
    assert!(refused.json["error"]["message"].as_str().unwrap().contains("change key"));
    assert_eq!(api.send("DELETE", &path, &stale, Value::Null).await.status, 412);
    let fresh = [("if-match", seen[3].as_str())];
    assert_eq!(api.send("PATCH", &path, &fresh, json!({ "subject": "x" })).await.status, 200);
    assert_eq!(api.send("DELETE", &path, &[("if-match", "*")], Value::Null).await.status, 204);
}

#[tokio::test]
async fn a_412_may_come_out_of_nothing() {
    let api = Api::new().await;
    let made = api.create(event("Booking")).await;
    api.world.tune_microsoft(|knobs| {
        knobs.spurious_412_reads = 1_000;
        knobs.spurious_412_writes = 1_000;
    });
    assert_eq!(api.one(made.id()).await.status, 412);
    assert_eq!(api.get("me/calendars").await.status, 412);
    assert_eq!(api.patch(made.id(), json!({ "subject": "x" })).await.status, 412);
    let asked = [("if-match", "*")];
    let path = format!("me/events/{}", made.id());
    assert_eq!(api.send("PATCH", &path, &asked, json!({ "subject": "x" })).await.status, 200);
}

#[tokio::test]
async fn a_mark_is_found_by_filter_and_expand_and_nowhere_else() {
    let api = Api::new().await;
    let mut body = event("Booking");
    body["singleValueExtendedProperties"] = json!([{ "id": MARK, "value": "b-1" }]);
    let made = api.create(body.clone()).await;
    assert!(made.json.get("singleValueExtendedProperties").is_none());
    body["singleValueExtendedProperties"][0]["value"] = json!("b-2");
    api.create(body).await;
    let find = |value: &str| {
        format!(
            "me/calendars/{}/events?$filter=singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq '{value}')",
            api.calendar.id()
        )
    };
    let found = api.get(&find("b-1")).await;
    assert_eq!((found.rows().len(), &found.rows()[0]["id"]), (1, &made.json["id"]));
    assert_eq!(api.get(&find("b-3")).await.rows().len(), 0);
    let expand = format!(
        "me/events/{}?$expand=singleValueExtendedProperties($filter=id eq '{MARK}')",
        made.id()
    );
    assert_eq!(
        api.get(&expand).await.json["singleValueExtendedProperties"],
        json!([{ "id": MARK, "value": "b-1" }])
    );
    assert!(api.one(made.id()).await.json.get("singleValueExtendedProperties").is_none());
    let (rows, _) = api.first_round().await;
    assert!(rows.iter().all(|row| row.get("singleValueExtendedProperties").is_none()));
    let wrong = json!({ "singleValueExtendedProperties": [{ "id": "hub-mirror", "value": "x" }] });
    assert_eq!(api.patch(made.id(), wrong).await.status, 400);
    api.world.tune_microsoft(|knobs| knobs.list_lag_s = 10);
    assert_eq!(api.get(&find("b-1")).await.rows().len(), 0, "a search lags behind");
    api.world.advance(Duration::from_secs(20));
    assert_eq!(api.get(&find("b-1")).await.rows().len(), 1);
}

#[tokio::test]
async fn an_open_extension_fails_and_the_event_is_there() {
    let api = Api::new().await;
    let mut body = event("Booking");
    body["extensions"] =
        json!([{ "@odata.type": "microsoft.graph.openTypeExtension", "extensionName": "x" }]);
    let refused = api.create(body).await;
    assert_eq!((refused.status, refused.code()), (503, "ConcurrentItemSave"));
    assert_eq!(api.calendar.events().len(), 1);
}

#[tokio::test]
async fn ends_may_equal_starts_but_not_precede_them() {
    let api = Api::new().await;
    let mut body = event("x");
    body["end"] = at("2027-03-01T09:00:00");
    assert_eq!(api.create(body.clone()).await.status, 201);
    body["end"] = at("2027-03-01T08:59:00");
    assert_eq!(api.create(body).await.status, 400);
    assert_eq!(api.create(json!({ "subject": "x" })).await.status, 400);
}

#[tokio::test]
async fn attendees_always_get_mail() {
    let api = Api::new().await;
    let mut body = event("Meeting");
    body["attendees"] =
        json!([{ "emailAddress": { "address": "max@x.example" }, "type": "required" }]);
    body["responseRequested"] = json!(false);
    let made = api.create(body).await;
    let mails = api.world.outbox();
    assert_eq!(
        (mails.len(), mails[0].to.as_str(), mails[0].method.as_str()),
        (1, "max@x.example", "REQUEST")
    );
    api.delete(made.id()).await;
    assert_eq!(api.world.outbox()[1].method, "CANCEL");
    api.create(event("Mirror")).await;
    assert_eq!(api.world.outbox().len(), 2, "without attendees there is no mail");
}

#[tokio::test]
async fn invitations_are_answered_and_meetings_called_off() {
    let api = Api::new().await;
    let mut invitation = event("Invited");
    invitation["isOrganizer"] = json!(false);
    invitation["responseStatus"] =
        json!({ "response": "notResponded", "time": "0001-01-01T00:00:00Z" });
    let invited = api.calendar.insert(invitation.clone()).unwrap();
    let id = api.calendar.ordinary_id(invited["id"].as_str().unwrap()).unwrap();
    let post = async |verb: &str| {
        api.post(&format!("me/events/{id}/{verb}"), json!({ "Comment": "", "sendResponse": true }))
            .await
            .status
    };
    assert_eq!(post("tentativelyAccept").await, 202);
    assert_eq!(api.one(&id).await.json["showAs"], "tentative");
    assert_eq!(post("accept").await, 202);
    assert_eq!(api.one(&id).await.json["responseStatus"]["response"], "accepted");
    api.world.tune_microsoft(|knobs| knobs.keeps_declined = true);
    assert_eq!(post("decline").await, 202);
    assert_eq!(api.one(&id).await.json["showAs"], "free");
    api.world.tune_microsoft(|knobs| knobs.keeps_declined = false);
    assert_eq!(post("decline").await, 202);
    assert_eq!(api.one(&id).await.status, 404);
    let mine = api.create(event("Mine")).await;
    assert_eq!(api.post(&format!("me/events/{}/accept", mine.id()), json!({})).await.status, 400);
    assert_eq!(
        api.post(&format!("me/events/{}/cancel", mine.id()), json!({ "comment": "" })).await.status,
        400
    );
    let body = json!({ "attendees": [{ "emailAddress": { "address": "max@x.example" } }] });
    api.patch(mine.id(), body).await;
    assert_eq!(
        api.post(&format!("me/events/{}/cancel", mine.id()), json!({ "comment": "" })).await.status,
        202
    );
    api.is_by_the_book();
}

#[tokio::test]
async fn ids_are_of_the_kind_that_the_header_asks_for() {
    let api = Api::new().await;
    let made = api.send("POST", "me/events", &[IMMUTABLE], event("x")).await;
    let path = format!("me/events/{}", made.id());
    assert_eq!(api.send("GET", &path, &[IMMUTABLE], Value::Null).await.status, 200);
    assert_eq!(api.get(&path).await.status, 404, "mixed");
    let ordinary = api.get("me/events").await.rows()[0]["id"].as_str().unwrap().to_owned();
    assert_ne!(ordinary, made.id());
    let body = json!({ "inputIds": [ordinary], "sourceIdType": "restId", "targetIdType": "restImmutableEntryId" });
    let told = api.post("me/translateExchangeIds", body).await;
    assert_eq!(told.rows()[0]["targetId"], made.id());
    api.lea.add_calendar(simulators::MicrosoftCalendarSpec::new("Team"));
    api.calendar.move_to(made.id(), "Team").unwrap();
    assert_eq!(api.one(&ordinary).await.status, 404, "an ordinary id does not survive a move");
    assert_eq!(api.send("GET", &path, &[IMMUTABLE], Value::Null).await.status, 200);
}

#[tokio::test]
async fn what_is_not_in_the_published_types_is_refused() {
    let api = Api::new().await;
    let mut body = event("x");
    body["summary"] = json!("x");
    let refused = api.create(body).await;
    assert_eq!((refused.status, refused.code()), (400, "RequestBodyRead"));
    let mut body = event("x");
    body["showAs"] = json!("away");
    assert_eq!(api.create(body).await.status, 400);
    assert_eq!(api.get("me/events?top=5").await.status, 400);
    let faults = api.world.microsoft_violations();
    assert!(faults[0].what.contains(".summary is unknown"), "{faults:?}");
    assert_eq!((faults.len(), faults[0].method.as_str()), (3, "events.create"));
}

#[tokio::test]
async fn plain_text_comes_back_as_a_page_unless_text_is_preferred() {
    let api = Api::new().await;
    let mut body = event("x");
    body["body"] = json!({ "contentType": "text", "content": "a < b" });
    let made = api.create(body).await;
    assert_eq!(made.json["body"]["contentType"], "html");
    assert!(made.json["body"]["content"].as_str().unwrap().contains("a &lt; b"));
    let text = [("prefer", "outlook.body-content-type=\"text\"")];
    let read = api.send("GET", &format!("me/events/{}", made.id()), &text, Value::Null).await;
    assert_eq!(read.json["body"], json!({ "contentType": "text", "content": "a < b" }));
}
