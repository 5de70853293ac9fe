//! `events.list`: pages, cursors, what is shown and what is not.

use std::time::Duration;

use serde_json::json;

use super::{Api, api::weekly, event};

async fn filled(events: usize) -> Api {
    let api = Api::new().await;
    for n in 0..events {
        api.primary.insert(event(&format!("event{n:03}"))).unwrap();
    }
    api
}

#[tokio::test]
async fn pages_lead_to_one_sync_token_at_the_end() {
    let api = filled(5).await;
    let mut token = String::new();
    let mut seen = Vec::new();
    for page in 0..3 {
        let answer = match page {
            0 => api.list("maxResults=2").await,
            _ => api.list(&format!("maxResults=2&pageToken={token}")).await,
        };
        assert_eq!(answer.status, 200, "{}", answer.text);
        seen.extend(answer.ids().into_iter().map(str::to_owned));
        assert_eq!(answer.sync_token().is_empty(), page < 2, "the token comes with the last page");
        assert_eq!(answer.page_token().is_empty(), page == 2);
        token = answer.page_token();
    }
    assert_eq!(seen.len(), 5);
    api.is_by_the_book();
}

#[tokio::test]
async fn a_page_may_be_empty_and_lead_on() {
    let api = filled(3).await;
    api.world.tune_google(|knobs| knobs.empty_pages = true);
    let first = api.list("").await;
    assert_eq!((first.ids().len(), first.page_token().is_empty()), (0, false));
    let second = api.list(&format!("pageToken={}", first.page_token())).await;
    assert_eq!((second.ids().len(), second.sync_token().is_empty()), (3, false));
}

#[tokio::test]
async fn no_sync_token_comes_with_an_order() {
    let api = filled(2).await;
    let sorted = api.list("singleEvents=true&orderBy=startTime").await;
    assert_eq!((sorted.status, sorted.sync_token().as_str()), (200, ""));
    assert_eq!(api.list("orderBy=updated").await.sync_token(), "");
    assert_eq!(api.list("orderBy=startTime").await.status, 400, "only for single events");
}

#[tokio::test]
async fn changes_come_after_a_sync_token_and_deletions_with_them() {
    let api = filled(3).await;
    let token = api.list("").await.sync_token();
    assert_eq!(api.list(&format!("syncToken={token}")).await.ids().len(), 0);
    api.primary.patch("event001", json!({ "summary": "Moved" })).unwrap();
    api.primary.delete("event002").unwrap();
    api.insert(event("event009")).await;
    let changes = api.list(&format!("syncToken={token}")).await;
    assert_eq!(changes.ids(), ["event001", "event002", "event009"]);
    assert_eq!(changes.item("event002")["status"], "cancelled");
    let next = changes.sync_token();
    assert_eq!(api.list(&format!("syncToken={next}")).await.ids().len(), 0);
    let paged = api.list(&format!("syncToken={token}&maxResults=2")).await;
    let rest = format!("syncToken={token}&maxResults=2&pageToken={}", paged.page_token());
    assert_eq!(api.list(&rest).await.ids(), ["event009"]);
    api.is_by_the_book();
}

#[tokio::test]
async fn what_changes_while_pages_are_read_is_not_lost() {
    let api = filled(4).await;
    let first = api.list("maxResults=2").await;
    api.primary.patch("event000", json!({ "summary": "Later" })).unwrap();
    api.primary.insert(event("event900")).unwrap();
    let rest = api.list(&format!("maxResults=9&pageToken={}", first.page_token())).await;
    assert_eq!(rest.ids(), ["event002", "event003", "event000", "event900"], "some come twice");
}

#[tokio::test]
async fn a_sync_token_allows_no_restrictions() {
    let api = filled(1).await;
    let token = api.list("").await.sync_token();
    for forbidden in [
        "iCalUID=x",
        "orderBy=updated",
        "privateExtendedProperty=a%3Db",
        "q=x",
        "sharedExtendedProperty=a%3Db",
        "timeMin=2027-01-01T00:00:00Z",
        "timeMax=2027-01-01T00:00:00Z",
        "updatedMin=2027-02-28T00:00:00Z",
        "showDeleted=false",
    ] {
        let answer = api.list(&format!("syncToken={token}&{forbidden}")).await;
        assert_eq!(answer.status, 400, "{forbidden}");
    }
    let garbage = api.list("syncToken=nonsense").await;
    assert_eq!((garbage.status, garbage.reason()), (400, "invalid"));
}

#[tokio::test]
async fn a_sync_token_belongs_to_the_shape_of_its_query() {
    let api = filled(1).await;
    let token = api.list("singleEvents=true").await.sync_token();
    assert_eq!(api.list(&format!("singleEvents=true&syncToken={token}")).await.status, 200);
    assert_eq!(api.list(&format!("syncToken={token}")).await.status, 400);
    let work = api.ana.add_calendar(simulators::GoogleCalendarSpec::new("work"));
    let other = format!("calendars/{}/events?singleEvents=true&syncToken={token}", work.id());
    assert_eq!(api.get(&other).await.status, 400, "nor to another calendar");
}

#[tokio::test]
async fn an_expired_sync_token_is_gone_with_and_without_a_reason() {
    let api = filled(3).await;
    let token = api.list("").await.sync_token();
    api.primary.expire_sync_tokens(true);
    let told = api.list(&format!("syncToken={token}")).await;
    assert_eq!((told.status, told.reason()), (410, "fullSyncRequired"));
    assert_eq!(told.json["error"]["errors"][0]["location"], "syncToken");
    let token = api.list("").await.sync_token();
    api.primary.expire_sync_tokens(false);
    let mute = api.list(&format!("syncToken={token}")).await;
    assert_eq!((mute.status, mute.text.as_str()), (410, ""));
}

#[tokio::test]
async fn a_cursor_may_die_in_the_middle_of_paging() {
    let api = filled(3).await;
    let first = api.list("maxResults=1").await;
    api.ana.expire_sync_tokens();
    let next = api.list(&format!("maxResults=1&pageToken={}", first.page_token())).await;
    assert_eq!(next.status, 410);
}

#[tokio::test]
async fn an_old_sync_token_and_an_old_updated_min_are_gone() {
    let api = filled(1).await;
    let token = api.list("").await.sync_token();
    api.world.advance(Duration::from_secs(40 * 86_400));
    let mut api = api;
    api.log_in().await;
    assert_eq!(api.list(&format!("syncToken={token}")).await.status, 410);
    let old = api.list("updatedMin=2027-03-01T00:00:00Z").await;
    assert_eq!((old.status, old.reason()), (410, "updatedMinTooLongAgo"));
}

#[tokio::test]
async fn bounds_exclude_what_only_touches_them() {
    let api = filled(1).await;
    let found = |query: &'static str| {
        let api = &api;
        async move { api.list(query).await.ids().len() }
    };
    assert_eq!(found("timeMin=2027-03-01T09:00:00Z").await, 0, "it ends at timeMin");
    assert_eq!(found("timeMin=2027-03-01T08:59:59.999Z").await, 1, "milliseconds are tolerated");
    assert_eq!(found("timeMax=2027-03-01T08:00:00Z").await, 0, "it starts at timeMax");
    assert_eq!(found("timeMax=2027-03-01T08:00:01Z").await, 1);
    assert_eq!(api.list("timeMin=2027-03-01T08:00:00").await.status, 400, "an offset is needed");
    let empty = api.list("timeMin=2027-03-02T00:00:00Z&timeMax=2027-03-02T00:00:00Z").await;
    assert_eq!((empty.status, empty.reason()), (400, "timeRangeEmpty"));
}

#[tokio::test]
async fn deleted_events_and_instances_show_as_documented() {
    let api = filled(1).await;
    api.primary.insert(weekly("series")).unwrap();
    api.primary.delete("event000").unwrap();
    api.primary.delete("series_20270308T080000Z").unwrap();
    let shown = |query: &'static str| {
        let api = &api;
        async move {
            let answer = api.list(&format!("{query}&timeMax=2027-03-20T00:00:00Z")).await;
            let cancelled = |id: &str| answer.item(id)["status"] == "cancelled";
            (cancelled("event000"), cancelled("series_20270308T080000Z"))
        }
    };
    assert_eq!(shown("singleEvents=false&showDeleted=false").await, (false, true));
    assert_eq!(shown("singleEvents=true&showDeleted=false").await, (false, false));
    assert_eq!(shown("singleEvents=false&showDeleted=true").await, (true, true));
    assert_eq!(shown("singleEvents=true&showDeleted=true").await, (true, true));
    let single = api.list("singleEvents=true&showDeleted=true&timeMax=2027-03-20T00:00:00Z").await;
    assert!(!single.ids().contains(&"series"), "never the master");
    api.is_by_the_book();
}

#[tokio::test]
async fn a_cancelled_instance_has_little_to_tell_and_sometimes_less() {
    let api = Api::new().await;
    api.primary.insert(weekly("series")).unwrap();
    api.primary.delete("series_20270308T080000Z").unwrap();
    let answer = api.list("").await;
    let row = answer.item("series_20270308T080000Z");
    let names: Vec<_> = row.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["etag", "id", "kind", "originalStartTime", "recurringEventId", "status"]);
    assert_eq!(row["originalStartTime"]["dateTime"], "2027-03-08T09:00:00+01:00");
    api.world.tune_google(|knobs| knobs.thin_instances = true);
    let answer = api.list("").await;
    assert_eq!(
        answer.item("series_20270308T080000Z").as_object().unwrap().len(),
        4,
        "kind, etag, id, status"
    );
}

#[tokio::test]
async fn an_exception_may_come_before_its_master() {
    let api = Api::new().await;
    api.primary.insert(weekly("series")).unwrap();
    let moved = ("2027-03-09T14:00:00+01:00", "2027-03-09T14:15:00+01:00");
    api.primary.reschedule("series_20270308T080000Z", moved.0, moved.1).unwrap();
    api.primary.patch("series", json!({ "summary": "New name" })).unwrap();
    let answer = api.list("maxResults=1").await;
    assert_eq!(answer.ids(), ["series_20270308T080000Z"]);
    assert_eq!(answer.json["items"][0]["recurringEventId"], "series");
}

#[tokio::test]
async fn filters_choose_by_kind_uid_words_and_properties() {
    let api = filled(2).await;
    let mine = json!({ "id": "mine0", "summary": "Mine", "start": { "date": "2027-03-02" }, "end": { "date": "2027-03-03" },
        "extendedProperties": { "private": { "hub": "b1", "n": "1" }, "shared": { "s": "x" } } });
    api.insert(mine).await;
    for (query, count) in [
        ("privateExtendedProperty=hub%3Db1&privateExtendedProperty=n%3D1", 1),
        ("privateExtendedProperty=hub%3Db1&privateExtendedProperty=n%3D2", 0),
        ("sharedExtendedProperty=s%3Dx", 1),
        ("iCalUID=mine0%40google.com", 1),
        ("q=MINE", 1),
        ("eventTypes=focusTime&eventTypes=outOfOffice", 0),
        ("eventTypes=default", 3),
    ] {
        assert_eq!(api.list(query).await.ids().len(), count, "{query}");
    }
    api.is_by_the_book();
}

#[tokio::test]
async fn one_edit_of_an_endless_series_is_hundreds_of_instances() {
    let api = Api::new().await;
    let token = api.list("singleEvents=true").await.sync_token();
    api.primary.insert(weekly("series")).unwrap();
    let answer = api.list(&format!("singleEvents=true&syncToken={token}&maxResults=2500")).await;
    assert!(answer.ids().len() >= 700, "{}", answer.ids().len());
}

#[tokio::test]
async fn fresh_changes_may_show_late() {
    let api = filled(1).await;
    let token = api.list("").await.sync_token();
    api.world.tune_google(|knobs| knobs.list_lag_s = 30);
    api.world.advance(Duration::from_secs(60));
    api.primary.insert(event("event500")).unwrap();
    let early = api.list(&format!("syncToken={token}")).await;
    assert_eq!(early.ids().len(), 0);
    api.world.advance(Duration::from_secs(31));
    let late = api.list(&format!("syncToken={}", early.sync_token())).await;
    assert_eq!(late.ids(), ["event500"]);
}

#[tokio::test]
async fn a_deletion_while_pages_are_read_comes_after_the_sync_token() {
    let api = filled(4).await;
    let first = api.list("maxResults=2").await;
    api.primary.delete("event000").unwrap();
    let rest = api.list(&format!("maxResults=9&pageToken={}", first.page_token())).await;
    assert_eq!(rest.ids(), ["event002", "event003"]);
    let changes = api.list(&format!("syncToken={}", rest.sync_token())).await;
    assert_eq!(
        (changes.ids(), &changes.item("event000")["status"]),
        (vec!["event000"], &json!("cancelled"))
    );
}

#[tokio::test]
async fn pages_of_single_events_pass_none_over() {
    let api = filled(3).await;
    api.primary.insert(weekly("series")).unwrap();
    let bounds = "singleEvents=true&timeMax=2027-03-30T00:00:00Z&maxResults=2";
    let first = api.list(bounds).await;
    api.primary.patch("event000", json!({ "summary": "Later" })).unwrap();
    let mut seen: Vec<String> = first.ids().into_iter().map(str::to_owned).collect();
    let mut page = first.page_token();
    while !page.is_empty() {
        let next = api.list(&format!("{bounds}&pageToken={page}")).await;
        seen.extend(next.ids().into_iter().map(str::to_owned));
        page = next.page_token();
    }
    assert!(seen.contains(&"event002".to_owned()), "{seen:?}");
    assert_eq!(seen.iter().filter(|id| id.starts_with("series_")).count(), 5);
}
