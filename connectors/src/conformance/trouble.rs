//! Promises about trouble: said as what it is, and never taken for an empty calendar.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::{Broken, Garbage, Kept, Ledger, Subject, ledger::window, samples, subject::ensure};
use crate::{
    error::{Error, Kind, Remedy, RetryAfter, Verb},
    transport::Counts,
};

/// The failure of something that should fail.
fn failure<T>(outcome: Result<T, Error>, when: &str) -> Result<Error, Broken> {
    match outcome {
        Ok(_) => Err(Broken(format!("succeeded {when}"))),
        Err(error) => Ok(error),
    }
}

pub(super) async fn an_expired_cursor_is_reported(subject: &dyn Subject) -> Kept {
    if !subject.abilities().expires_cursors {
        return Ok(());
    }
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    subject.put("one", &samples::hour("one", 9)).await;
    ledger.pull(&*connector, &calendar).await?;
    subject.put("two", &samples::hour("two", 10)).await;
    subject.expire_cursors().await;
    let error = failure(ledger.pull(&*connector, &calendar).await, "with an expired cursor")?;
    ensure(error.kind == Kind::CursorExpired, || format!("{:?}: {error}", error.kind))?;
    ensure(error.kind.remedy(Verb::Pull) == Remedy::PullEverything, || "wrong remedy".into())?;
    ledger.pull_everything(&*connector, &calendar).await?;
    ensure(ledger.uids().len() == 2, || format!("{:?}", ledger.uids()))
}

pub(super) async fn a_revoked_login_is_unauthorized(subject: &dyn Subject) -> Kept {
    if !subject.abilities().revokes_login {
        return Ok(());
    }
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    subject.put("one", &samples::hour("one", 9)).await;
    ledger.pull(&*connector, &calendar).await?;
    subject.revoke_login().await;
    let before = subject.counts().requests;
    let error = failure(ledger.pull(&*connector, &calendar).await, "with a revoked login")?;
    ensure(error.kind == Kind::Unauthorized, || format!("{:?}: {error}", error.kind))?;
    let requests = subject.counts().requests - before;
    ensure(requests <= 2, || format!("{requests} tries with a refused login"))?;
    let error = failure(subject.connector(Value::Null).account().await, "at linking")?;
    ensure(error.kind == Kind::Unauthorized, || format!("linking: {:?}: {error}", error.kind))?;
    ensure(ledger.uids().len() == 1, || "busy time was freed".into())
}

pub(super) async fn throttling_carries_retry_after(subject: &dyn Subject) -> Kept {
    if !subject.abilities().throttles {
        return Ok(());
    }
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    subject.put("one", &samples::hour("one", 9)).await;
    ledger.pull(&*connector, &calendar).await?;
    let pause = Duration::from_secs(120);
    subject.throttle_next(pause).await;
    let before: Counts = subject.counts();
    let error = failure(ledger.pull(&*connector, &calendar).await, "when throttled")?;
    let asked = match error.kind {
        Kind::Throttled { retry_after, .. } => retry_after,
        _ => None,
    };
    ensure(asked == Some(RetryAfter::In(pause)), || format!("{:?}: {error}", error.kind))?;
    let requests = subject.counts().requests - before.requests;
    ensure(requests == 1, || format!("{requests} requests though told to wait"))?;
    ledger.pull(&*connector, &calendar).await?;
    Ok(())
}

pub(super) async fn garbage_is_never_an_empty_page(subject: &dyn Subject) -> Kept {
    if !subject.abilities().answers_garbage {
        return Ok(());
    }
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    subject.put("one", &samples::hour("one", 9)).await;
    ledger.pull(&*connector, &calendar).await?;
    for (hour, garbage) in (10..).zip(Garbage::ALL) {
        subject.put("one", &samples::hour("one", hour)).await;
        subject.answer_garbage(garbage).await;
        for cursor in [ledger.cursor(), None] {
            let pulled = connector.pull(&calendar, window(), cursor.as_ref(), &ledger).await;
            let error = failure(pulled, &format!("on {garbage:?}"))?;
            ensure(matches!(error.kind, Kind::BadReply | Kind::Unavailable), || {
                format!("{garbage:?}: {:?}: {error}", error.kind)
            })?;
        }
        let span = connector.read_span(&calendar, window()).await;
        failure(span, &format!("reading a span on {garbage:?}"))?;
        subject.answer_well_again().await;
        ledger.pull(&*connector, &calendar).await?;
        ensure(ledger.uids().len() == 1, || format!("{garbage:?}: {:?}", ledger.uids()))?;
    }
    Ok(())
}

pub(super) async fn a_gone_calendar_is_told_as_gone(subject: &dyn Subject) -> Kept {
    if !subject.abilities().removes_calendar {
        return Ok(());
    }
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    subject.put("one", &samples::hour("one", 9)).await;
    ledger.pull(&*connector, &calendar).await?;
    subject.remove_calendar().await;
    for cursor in [ledger.cursor(), None] {
        let pulled = connector.pull(&calendar, window(), cursor.as_ref(), &ledger).await;
        let error = failure(pulled, "without a calendar")?;
        ensure(error.kind == Kind::CalendarGone, || format!("{:?}: {error}", error.kind))?;
    }
    Ok(())
}

pub(super) async fn no_error_tells_the_path_or_the_password(subject: &dyn Subject) -> Kept {
    let abilities = subject.abilities();
    let (connector, calendar) = (subject.connector(Value::Null), subject.calendar());
    let ledger = Ledger::default();
    subject.put("one", &samples::hour("one", 9)).await;
    ledger.pull(&*connector, &calendar).await?;
    let mut texts = vec![format!("{connector:?}"), connector.account().await?.label];
    if abilities.answers_garbage {
        subject.answer_garbage(Garbage::Html).await;
        texts.push(chain(&failure(ledger.pull_everything(&*connector, &calendar).await, "")?));
        subject.answer_well_again().await;
    }
    if abilities.revokes_login {
        subject.revoke_login().await;
        texts.push(chain(&failure(connector.account().await, "with a revoked login")?));
    }
    for secret in subject.secrets() {
        for text in &texts {
            ensure(!text.contains(secret.expose_secret()), || "a secret is told".into())?;
        }
    }
    Ok(())
}

fn chain(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text
}
