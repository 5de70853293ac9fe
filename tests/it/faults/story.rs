//! The timeline of a calendar, events that cannot be placed, and removals that an operator rejected.

use calhub::audit::By;
use serde_json::Value;
use simulators::{Act, Fault};

use super::{
    kinds::{END, MINUTE, START},
    theatre::Theatre,
};
use crate::support::{
    engines::{on_each_engine, on_sqlite},
    stage::{Stage, event, hour, hour_event},
};
use calhub::sync::quarantine::Word;

async fn entries(theatre: &Theatre, id: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let page = theatre.get(&format!("/v1/ops/timeline?id={id}&limit=3{after}")).await;
        all.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    all.reverse();
    all
}

fn kinds(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_timeline_tells_what_happened_and_quiet_polls_cost_one_entry() {
    on_each_engine(async |bed| {
        let theatre = Theatre::new(&bed.store).await;
        let (account, work) = theatre.stage.anna();
        for n in 0..12 {
            work.put(&format!("{n}.ics"), hour_event(&format!("e{n}"), 10 + n, 9));
        }
        let connection = theatre.stage.link(&account).await;
        theatre.stage.settle().await;
        let id = theatre.stage.calendar("work").await.calendar_id.to_string();
        for _ in 0..12 {
            theatre.pass(MINUTE * 17).await;
        }
        let before = entries(&theatre, &id).await.len();
        for _ in 0..12 {
            theatre.pass(MINUTE * 17).await;
        }
        let quiet = entries(&theatre, &id).await;
        assert!(quiet.len() <= before + 1, "{:?}", kinds(&quiet));
        assert!(quiet.iter().any(|entry| entry["times"].as_i64() > Some(15)), "{quiet:?}");

        theatre.stage.world.fault(Fault::new(Act::Status {
            status: 503,
            retry_after_s: None,
            body: String::new(),
        }));
        for _ in 0..4 {
            theatre.pass(MINUTE * 17).await;
        }
        theatre.stage.world.clear_faults();
        work.expire_cursors();
        for n in 0..8 {
            work.delete(&format!("{n}.ics"));
        }
        theatre.pass(MINUTE * 17).await;
        theatre.pass(MINUTE * 2).await;
        let told = entries(&theatre, &id).await;
        let mut rest = told.iter();
        for kind in ["linked", "pulled", "pull_failed", "started_over", "held", "released"] {
            assert!(
                rest.any(|entry| entry["kind"] == kind),
                "{kind} is not told in time: {:?}",
                kinds(&told)
            );
        }
        assert!(kinds(&told).contains(&"state_changed"));
        let failed = told.iter().find(|entry| entry["kind"] == "pull_failed").unwrap();
        assert_eq!(
            (&failed["detail"]["code"], &failed["detail"]["status"]),
            (&"unavailable".into(), &503.into())
        );
        assert!(failed["times"].as_i64() >= Some(2), "{failed}");
        assert!(entries(&theatre, connection.as_str()).await.len() >= told.len());
        let (status, nobody) = theatre.send("GET", "/v1/ops/timeline?id=cal_nobody", None).await;
        assert_eq!((status, &nobody["code"]), (404, &"not_found".into()));
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_placed_makes_its_calendar_unknown() {
    on_sqlite(async |bed| {
        let theatre = Theatre::new(&bed.store).await;
        let (account, work) = theatre.stage.anna();
        work.put("a.ics", hour_event("a", 10, 9));
        work.put("b.ics", hour_event("b", 11, 9));
        theatre.stage.link(&account).await;
        theatre.pass(MINUTE).await;
        let id = theatre.stage.calendar("work").await.calendar_id.to_string();
        let said = theatre.ask(START, END, std::slice::from_ref(&id)).await;
        assert!(said[&id].complete);
        work.put("b.ics", event("b", "DTSTART:gibberish"));
        theatre.pass(MINUTE * 17).await;
        let said = theatre.ask(START, END, std::slice::from_ref(&id)).await;
        assert_eq!(said[&id].unknown_throughout, ["unexpandable"]);
        assert_eq!(said[&id].busy, [hour(10, 9), hour(11, 9)], "what was known of it stays");
        let listed = theatre.get("/v1/ops/unexpandable").await;
        assert!(listed["items"][0]["series"].as_str().unwrap().ends_with("b.ics"), "{listed}");
        work.put("b.ics", hour_event("b", 12, 9));
        theatre.pass(MINUTE * 17).await;
        let said = theatre.ask(START, END, std::slice::from_ref(&id)).await;
        assert!(said[&id].complete);
        assert_eq!(said[&id].busy, [hour(10, 9), hour(12, 9)]);
    })
    .await;
}

#[tokio::test]
async fn several_events_in_one_resource_do_not_meddle_with_each_other() {
    on_sqlite(async |bed| {
        let theatre = Theatre::new(&bed.store).await;
        let (account, work) = theatre.stage.anna();
        let inside = |uid: &str, lines: &str| {
            let whole = event(uid, lines);
            whole[whole.find("BEGIN:VEVENT").unwrap()..whole.find("END:VCALENDAR").unwrap()].to_owned()
        };
        let daily = "DTSTART:20270310T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2";
        let gone = "RECURRENCE-ID:20270311T090000Z\nDTSTART:20270311T090000Z\nDURATION:PT1H\nSTATUS:CANCELLED";
        let both = [inside("one", daily), inside("two", daily), inside("two", gone)].concat();
        work.put("both.ics", format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{both}END:VCALENDAR\r\n"));
        theatre.stage.link(&account).await;
        theatre.pass(MINUTE).await;
        let id = theatre.stage.calendar("work").await.calendar_id.to_string();
        let said = theatre.ask(START, END, std::slice::from_ref(&id)).await;
        assert_eq!(said[&id].busy, [hour(10, 9), hour(11, 9)], "the other's instance is not cancelled");
    })
    .await;
}

#[tokio::test]
async fn a_feed_swapped_for_another_of_its_size_is_held() {
    on_sqlite(async |bed| {
        let theatre = Theatre::new(&bed.store).await;
        let file = |days: std::ops::Range<u8>, name: &str| {
            let events: String = days
                .map(|day| {
                    let whole = hour_event(&format!("{name}{day}"), day, 9);
                    let from = whole.find("BEGIN:VEVENT").unwrap();
                    whole[from..whole.find("END:VCALENDAR").unwrap()].to_owned()
                })
                .collect();
            format!(
                "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{events}END:VCALENDAR\r\n"
            )
        };
        let feed =
            theatre.stage.world.add_feed(simulators::FeedSpec::new("a", file(3..11, "ours")));
        let asked = Stage::feed_at(&format!("https://a.example{}", feed.path()));
        theatre.stage.linker.link(&theatre.stage.tenant, asked).await.unwrap();
        theatre.pass(MINUTE).await;
        feed.set(file(11..19, "theirs"));
        theatre.pass(MINUTE * 17).await;
        let id = theatre.stage.calendars().await[0].calendar_id.to_string();
        let said = theatre.ask(START, END, std::slice::from_ref(&id)).await;
        assert_eq!(said[&id].unknown_throughout, ["quarantined"]);
        assert_eq!(said[&id].busy.len(), 16, "what is new is added, what was known stays");
    })
    .await;
}

#[tokio::test]
async fn a_rejected_removal_costs_no_more_than_health() {
    on_sqlite(async |bed| {
        let theatre = Theatre::new(&bed.store).await;
        let stage = &theatre.stage;
        let (account, work) = stage.anna();
        for n in 0..12 {
            work.put(&format!("{n}.ics"), hour_event(&format!("e{n}"), 10 + n, 9));
        }
        stage.link(&account).await;
        stage.settle().await;
        for _ in 0..3 {
            theatre.pass(MINUTE * 17).await;
        }
        let four_hours = async || {
            stage.world.clear_log();
            for _ in 0..16 {
                theatre.pass(MINUTE * 15).await;
            }
            stage.world.log().len()
        };
        let usual = four_hours().await;
        for n in 0..8 {
            work.delete(&format!("{n}.ics"));
        }
        theatre.pass(MINUTE * 17).await;
        let id = stage.calendar("work").await.calendar_id;
        assert!(
            stage
                .engine
                .judge_quarantine(&By::hub(), &stage.tenant, &id, Word::Rejected)
                .await
                .unwrap()
        );
        theatre.pass(MINUTE).await;
        let rejected = four_hours().await;
        assert!(rejected <= usual + 1, "{rejected} requests, {usual} before");
        assert_eq!(stage.busy(&id).await.len(), 12);
        // A new event still arrives, an everyday deletion too, and the daily listing changes nothing.
        work.put("new.ics", hour_event("new", 27, 9));
        work.delete("11.ics");
        theatre.pass(MINUTE * 17).await;
        assert_eq!(stage.busy(&id).await.len(), 12);
        assert!(stage.busy(&id).await.contains(&hour(27, 9)));
        for _ in 0..26 {
            theatre.pass(MINUTE * 60).await;
        }
        assert_eq!(stage.busy(&id).await.len(), 12);
        assert!(stage.calendar("work").await.quarantine.is_some());
        for n in 0..8 {
            work.put(&format!("{n}.ics"), hour_event(&format!("e{n}"), 10 + n, 9));
        }
        for _ in 0..26 {
            theatre.pass(MINUTE * 60).await;
        }
        assert!(stage.calendar("work").await.quarantine.is_none(), "all are back");
    })
    .await;
}
