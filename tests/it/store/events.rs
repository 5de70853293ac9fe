//! Items and busy intervals: bulk, exact, and nothing written that has not changed.

use std::time::Instant;

use calhub::{
    model::{
        busy::BusyClass,
        event::{Event, Length, Moment},
        interval::Span,
        time::Zone,
    },
    store::{BusyRow, EventRow, StoreError},
};
use sqlx::{Connection, Executor, SqliteConnection};

use super::*;
use crate::support::engines::{on_each_engine, on_sqlite};

fn event_row(item: &str, series: &str, version: &str) -> EventRow {
    let zone = Zone::Iana("Europe/Zurich".to_owned());
    EventRow {
        item: item.to_owned(),
        series: series.to_owned(),
        version: Some(version.to_owned()),
        events: vec![Event {
            start: Moment::Zoned(jiff::civil::date(2026, 3, 2).at(9, 0, 0, 0), zone),
            length: Length::Nominal { days: 0, seconds: 3600 },
            class: Some(BusyClass::Busy),
            replaces: None,
            rules: vec!["FREQ=WEEKLY;BYDAY=MO".to_owned()],
            exrules: vec![],
            rdates: vec![],
            exdates: vec![],
            part: 0,
            sequence: 2,
            stamped: Some(at(0)),
        }],
        faults: vec![],
        origin: None,
    }
}

fn busy_row(series: &str, start: i64, end: i64) -> BusyRow {
    BusyRow {
        series: series.to_owned(),
        span: Span::new(at(start), at(end)).unwrap(),
        class: BusyClass::Tentative,
    }
}

#[tokio::test]
async fn an_unchanged_item_is_not_written() {
    on_each_engine(async |bed| {
        let (tenant, calendar) = (tenant_id("t"), calendar_id("a"));
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let mut rows = vec![event_row("1", "s", "v1"), event_row("2", "s", "v1")];
        rows[1].faults = vec!["an RDATE cannot be read".to_owned()];
        let mut events = tx.events();
        assert_eq!(events.upsert_many(&tenant, &calendar, &rows, at(1)).await.unwrap(), 2);
        assert_eq!(events.upsert_many(&tenant, &calendar, &rows, at(2)).await.unwrap(), 0);
        rows[0].version = Some("v2".to_owned());
        rows[1].version = None;
        assert_eq!(events.upsert_many(&tenant, &calendar, &rows[..1], at(3)).await.unwrap(), 1);
        let touched = events.touched_since(&tenant, &calendar, at(2), at(3)).await.unwrap();
        assert_eq!(touched, ["1"]);
        let ahead = events.touched_since(&tenant, &calendar, at(2), at(2)).await.unwrap();
        assert!(ahead.is_empty(), "by a clock that was ahead");
        assert_eq!(events.upsert_many(&tenant, &calendar, &rows, at(4)).await.unwrap(), 1);
        let series = ["s".to_owned()];
        assert_eq!(events.bodies_of_series(&tenant, &calendar, &series).await.unwrap(), rows);
        let versions = events.versions(&tenant, &calendar).await.unwrap();
        assert_eq!(versions["1"].as_deref(), Some("v2"));
        assert_eq!(versions["2"], None);
    })
    .await;
}

#[tokio::test]
async fn of_an_item_that_comes_twice_in_a_page_the_later_one_counts() {
    on_each_engine(async |bed| {
        let (tenant, calendar) = (tenant_id("t"), calendar_id("a"));
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let rows = [event_row("1", "s", "v1"), event_row("1", "s", "v2")];
        tx.events().upsert_many(&tenant, &calendar, &rows, at(1)).await.unwrap();
        let versions = tx.events().versions(&tenant, &calendar).await.unwrap();
        assert_eq!(versions["1"].as_deref(), Some("v2"));
        assert_eq!(tx.events().count(&tenant, &calendar).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn hostile_texts_are_kept_as_they_are_but_for_nul() {
    on_each_engine(async |bed| {
        let (tenant, calendar) = (tenant_id("t"), calendar_id("a"));
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let names = ["'; DROP TABLE events; --", "\\u0000 \"x\"", "🗓\u{7}\n", "", "nul\0here"];
        let rows: Vec<_> = names.iter().map(|name| event_row(name, name, "\"v\"")).collect();
        let mut events = tx.events();
        assert_eq!(events.upsert_many(&tenant, &calendar, &rows, at(1)).await.unwrap(), 5);
        let versions = events.versions(&tenant, &calendar).await.unwrap();
        for name in &names[..4] {
            assert_eq!(versions[*name].as_deref(), Some("\"v\""), "{name:?}");
        }
        assert!(versions.contains_key("nul\u{fffd}here"));
        let items: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(events.delete_many(&tenant, &calendar, &items).await.unwrap(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_page_of_bodies_never_tears_a_series() {
    on_each_engine(async |bed| {
        let (tenant, calendar) = (tenant_id("t"), calendar_id("a"));
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let rows: Vec<_> =
            (0..9).map(|n| event_row(&format!("i{n}"), &format!("s{}", n / 3), "v")).collect();
        tx.events().upsert_many(&tenant, &calendar, &rows, at(1)).await.unwrap();
        let first = tx.events().all_bodies(&tenant, &calendar, None, 2).await.unwrap();
        assert_eq!(first, rows[..6]);
        let rest = tx.events().all_bodies(&tenant, &calendar, Some("s1"), 2).await.unwrap();
        assert_eq!(rest, rows[6..]);
        let items = ["i0".to_owned(), "i8".to_owned(), "none".to_owned()];
        let series = tx.events().series_of_items(&tenant, &calendar, &items).await.unwrap();
        assert_eq!(series.len(), 2);
        assert_eq!(series["i8"], "s2");
    })
    .await;
}

#[tokio::test]
async fn busy_intervals_are_added_and_removed_exactly() {
    on_each_engine(async |bed| {
        let (tenant, calendar) = (tenant_id("t"), calendar_id("a"));
        let mut tx = bed.store.begin().await.unwrap();
        seed(&mut tx, &tenant).await;
        let rows = [busy_row("s1", 0, 10), busy_row("s1", 10, 20), busy_row("s2", 5, 15)];
        let mut events = tx.events();
        assert_eq!(events.busy_insert(&tenant, &calendar, &rows).await.unwrap(), 3);
        assert_eq!(events.busy_insert(&tenant, &calendar, &rows).await.unwrap(), 0);
        let gone = [busy_row("s1", 10, 20), busy_row("s1", 10, 21)];
        assert_eq!(events.busy_delete(&tenant, &calendar, &gone).await.unwrap(), 1);
        assert_eq!(events.busy_of_calendar(&tenant, &calendar).await.unwrap().len(), 2);
        let series = ["s2".to_owned()];
        let of_series = events.busy_of_series(&tenant, &calendar, &series).await.unwrap();
        assert_eq!(of_series, [busy_row("s2", 5, 15)]);
        let within = Span::new(at(10), at(12)).unwrap();
        let between = events.busy_between(&tenant, &calendar, within).await.unwrap();
        assert_eq!(between, [busy_row("s2", 5, 15)]);
        let all = events.busy_by_calendar(None, (&tenant, &calendar)).await.unwrap();
        let mut spans = all[0].spans.clone();
        spans.sort_unstable();
        let micros = |row: BusyRow| (row.span.start_us(), row.span.end_us(), row.class);
        assert_eq!(spans, [micros(busy_row("s1", 0, 10)), micros(busy_row("s2", 5, 15))]);
        assert_eq!(all.len(), 1);
        let after = Some((&tenant, &calendar));
        assert!(events.busy_by_calendar(after, (&tenant, &calendar)).await.unwrap().is_empty());
        let mut unknown = busy_row("s3", 0, 100);
        unknown.class = BusyClass::Unexpandable;
        events.busy_insert(&tenant, &calendar, &[unknown.clone()]).await.unwrap();
        assert_eq!(events.unexpandable(&tenant, 10).await.unwrap()[0].busy, unknown);
    })
    .await;
}

#[tokio::test]
async fn two_thousand_items_are_a_handful_of_statements() {
    on_each_engine(async |bed| {
        let (tenant, calendar) = (tenant_id("t"), calendar_id("a"));
        seeded(&bed.store, &tenant).await;
        let rows: Vec<_> = (0..2000)
            .map(|n| event_row(&format!("/dav/a/{n}.ics"), &format!("s{n}"), "v"))
            .collect();
        let busy: Vec<_> = (0..2000).map(|n| busy_row(&format!("s{n}"), n, n + 1)).collect();
        for pass in ["first", "again"] {
            let begun = Instant::now();
            let mut tx = bed.store.begin().await.unwrap();
            let written = tx.events().upsert_many(&tenant, &calendar, &rows, at(1)).await.unwrap();
            let added = tx.events().busy_insert(&tenant, &calendar, &busy).await.unwrap();
            tx.commit().await.unwrap();
            let expected = if pass == "first" { 2000 } else { 0 };
            assert_eq!((written, added), (expected, expected));
            eprintln!("{:?}, {pass}: {:?}", bed.engine, begun.elapsed());
        }
        let mut tx = bed.store.begin().await.unwrap();
        let items: Vec<_> = rows.iter().map(|row| row.item.clone()).collect();
        assert_eq!(tx.events().delete_many(&tenant, &calendar, &items).await.unwrap(), 2000);
        assert_eq!(tx.events().busy_delete(&tenant, &calendar, &busy).await.unwrap(), 2000);
    })
    .await;
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_told_by_its_column() {
    on_sqlite(async |bed| {
        let (tenant, calendar) = (tenant_id("t"), calendar_id("a"));
        seeded(&bed.store, &tenant).await;
        let mut conn = SqliteConnection::connect(&bed.url).await.unwrap();
        conn.execute("UPDATE calendars SET initial_sync = 'perhaps'").await.unwrap();
        let mut tx = bed.store.read().await.unwrap();
        let refused = tx.calendars().get(&tenant, &calendar).await.unwrap_err();
        let StoreError::Corrupt { table, column } = refused else { panic!("{refused:?}") };
        assert_eq!((table, column), ("calendars", "initial_sync"));
    })
    .await;
}
