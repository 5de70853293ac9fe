//! Promises about writing. A connector without a writer has nothing to keep here.

use jiff::Timestamp;
use serde_json::Value;

use super::{Broken, Kept, Ledger, Subject, ledger::missing, samples, subject::ensure};
use crate::{
    connector::{Connector, Draft, DraftTime, WriteKey, Writer},
    error::{Effect, Kind},
    event::{RemoteEnd, RemoteTime, Version},
};

fn key(name: &str) -> WriteKey {
    WriteKey { uid: format!("bkg-{name}@calhub"), marker: format!("bkg_{name}") }
}

fn at(hour: i64) -> Timestamp {
    // 2027-03-08T00:00:00Z
    Timestamp::from_second(1_804_464_000 + hour * 3600).unwrap_or_default()
}

fn draft(hour: i64) -> Draft {
    Draft {
        start: DraftTime::At(at(hour)),
        end: DraftTime::At(at(hour + 1)),
        title: "Appointment, \"first\"; with \\ care".into(),
        description: Some("Two\nlines".into()),
        location: None,
        private: true,
        tentative: false,
        stamped: at(-100),
        sequence: 0,
        zone: None,
        guests: Vec::new(),
        keeps_words: false,
        keeps_time: false,
    }
}

fn writer(connector: &dyn Connector) -> Option<&dyn Writer> {
    connector.writer()
}

pub(super) async fn what_is_written_reads_back_equal(subject: &dyn Subject) -> Kept {
    let connector = subject.connector(Value::Null);
    let Some(writer) = writer(&*connector) else { return Ok(()) };
    let (calendar, key) = (subject.calendar(), key("equal"));
    let written = writer.create(&calendar, &key, &draft(9)).await?;
    let ledger = Ledger::default();
    ledger.pull(&*connector, &calendar).await?;
    let pulled = ledger.of_uid(&key.uid).ok_or_else(|| missing("what was written"))?;
    for (item, how) in [(&written.item, "read back"), (&pulled, "pulled")] {
        let [event] = item.events.as_slice() else {
            return Err(Broken(format!("{how}: {} events", item.events.len())));
        };
        let bounds = (event.start.clone(), event.end.clone());
        let expected = (RemoteTime::Utc(at(9)), RemoteEnd::At(RemoteTime::Utc(at(10))));
        ensure(bounds == expected, || format!("{how}: {bounds:?}"))?;
        ensure(event.marker.as_deref() == Some(&key.marker), || {
            format!("{how}: marker {:?}", event.marker)
        })?;
        ensure(!event.transparent, || format!("{how}: it is transparent"))?;
    }
    ensure(pulled.item == written.item.item, || {
        format!("{:?} was written, {:?} pulled", written.item.item, pulled.item)
    })
}

pub(super) async fn a_repeated_create_is_one_event(subject: &dyn Subject) -> Kept {
    let connector = subject.connector(Value::Null);
    let Some(writer) = writer(&*connector) else { return Ok(()) };
    let (calendar, key) = (subject.calendar(), key("repeated"));
    let first = writer.create(&calendar, &key, &draft(9)).await?;
    for _ in 0..2 {
        let again = writer.create(&calendar, &key, &draft(9)).await?;
        ensure(again.item.item == first.item.item, || "another place".into())?;
    }
    // Also by somebody who has never seen the server.
    let fresh = subject.connector(Value::Null);
    let fresh_writer = self::writer(&*fresh).ok_or_else(|| missing("the writer"))?;
    fresh_writer.create(&calendar, &key, &draft(9)).await?;
    let count = subject.count(&key.uid).await;
    ensure(count == 1, || format!("{count} events"))
}

pub(super) async fn a_create_never_overwrites(subject: &dyn Subject) -> Kept {
    let connector = subject.connector(Value::Null);
    let Some(writer) = writer(&*connector) else { return Ok(()) };
    let (calendar, key) = (subject.calendar(), key("taken"));
    // The same UID stands there already, as somebody else's event under another name.
    subject.put("elsewhere", &samples::hour(&key.uid, 9)).await;
    let outcome = writer.create(&calendar, &key, &draft(15)).await;
    let stored = subject.stored().await;
    ensure(stored.contains("20270308T090000Z"), || "the person's event is gone".into())?;
    match outcome {
        // Either written beside it, or found under its UID: the planner decides from what stands there.
        Ok(found) => {
            let written = stored.contains("20270308T150000Z");
            let starts = found.item.events.iter().any(|it| it.start == RemoteTime::Utc(at(9)));
            ensure(written || starts, || "neither written nor what stands there".into())
        }
        Err(error) => ensure(
            matches!(error.kind, Kind::AlreadyExists { .. } | Kind::Rejected | Kind::Forbidden),
            || format!("{:?}: {error}", error.kind),
        ),
    }
}

pub(super) async fn a_stale_write_conflicts(subject: &dyn Subject) -> Kept {
    let connector = subject.connector(Value::Null);
    let Some(writer) = writer(&*connector) else { return Ok(()) };
    let (calendar, key) = (subject.calendar(), key("stale"));
    let first = writer.create(&calendar, &key, &draft(9)).await?;
    let version = first.item.version.ok_or_else(|| missing("the version"))?;
    let second = writer.replace(&calendar, &key, &first.item.item, &version, &draft(11)).await?;
    let moved = second.item.events.iter().any(|event| event.start == RemoteTime::Utc(at(11)));
    ensure(moved, || "the replacement does not stand there".into())?;
    let stale = writer.replace(&calendar, &key, &first.item.item, &version, &draft(13)).await;
    let error = stale.err().ok_or_else(|| Broken("a stale replace succeeded".into()))?;
    ensure(error.kind == Kind::VersionConflict, || format!("{:?}: {error}", error.kind))?;
    let stale = writer.delete(&calendar, &first.item.item, &version).await;
    let error = stale.err().ok_or_else(|| Broken("a stale delete succeeded".into()))?;
    ensure(error.kind == Kind::VersionConflict, || format!("{:?}: {error}", error.kind))?;
    let stored = subject.stored().await;
    ensure(stored.contains("20270308T110000Z"), || "the newer state is gone".into())
}

pub(super) async fn a_replace_keeps_what_others_added(subject: &dyn Subject) -> Kept {
    let connector = subject.connector(Value::Null);
    let Some(writer) = writer(&*connector) else { return Ok(()) };
    let calendar = subject.calendar();
    let body = samples::hour("theirs", 9)
        .replace("SUMMARY:", "X-THEIRS:kept\r\nCOMMENT:Bring the forms\r\nSUMMARY:");
    subject.put("theirs", &body).await;
    let ledger = Ledger::default();
    ledger.pull(&*connector, &calendar).await?;
    let item = ledger.of_uid("theirs").ok_or_else(|| missing("their event"))?;
    let version = item.version.clone().ok_or_else(|| missing("its version"))?;
    writer.replace(&calendar, &key("theirs"), &item.item, &version, &draft(16)).await?;
    let stored = subject.stored().await;
    for kept in ["COMMENT:Bring the forms", "20270308T160000Z"] {
        ensure(stored.contains(kept), || format!("{kept} is not in\n{stored}"))?;
    }
    Ok(())
}

pub(super) async fn a_lost_reply_is_an_unknown_effect_and_can_be_found(
    subject: &dyn Subject,
) -> Kept {
    if !subject.abilities().drops_replies {
        return Ok(());
    }
    let connector = subject.connector(Value::Null);
    let Some(writer) = writer(&*connector) else { return Ok(()) };
    let (calendar, key) = (subject.calendar(), key("lost"));
    ensure(writer.find(&calendar, &key).await?.is_none(), || "found before it was made".into())?;
    subject.drop_next_reply().await;
    let lost = writer.create(&calendar, &key, &draft(9)).await;
    let error = lost.err().ok_or_else(|| Broken("succeeded without an answer".into()))?;
    ensure(error.effect == Effect::Unknown, || format!("{:?}: {error}", error.kind))?;
    ensure(writer.find(&calendar, &key).await?.is_some(), || "it cannot be found".into())?;
    writer.create(&calendar, &key, &draft(9)).await?;
    let count = subject.count(&key.uid).await;
    ensure(count == 1, || format!("{count} events"))
}

pub(super) async fn deleting_what_is_gone_is_a_success(subject: &dyn Subject) -> Kept {
    let connector = subject.connector(Value::Null);
    let Some(writer) = writer(&*connector) else { return Ok(()) };
    let (calendar, key) = (subject.calendar(), key("gone"));
    let written = writer.create(&calendar, &key, &draft(9)).await?;
    let version = written.item.version.unwrap_or_else(|| Version::new("\"none\""));
    writer.delete(&calendar, &written.item.item, &version).await?;
    ensure(subject.count(&key.uid).await == 0, || "it is still there".into())?;
    writer.delete(&calendar, &written.item.item, &version).await?;
    ensure(writer.get(&calendar, &written.item.item).await?.is_none(), || "read after".into())
}
