//! The timeline: what happened to a calendar or a connection, written in the transaction in which it happened.
//!
//! An entry holds numbers and the hub's own words, never a title, an address or a login. Equal entries in a row
//! become one that counts, so quiet polls cost a row a day and not one each.

use serde_json::{Value, json};

use super::{engine::Engine, error::SyncError, pull::Pulled, quarantine::Held};
use crate::{
    model::{
        ids::{CalendarId, ConnectionId, TenantId},
        states::ConnectionState,
    },
    store::{NewEntry, Tx},
    sync::words::in_words,
};

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happened<'a> {
    Linked {
        is_new: bool,
    },
    Listed {
        calendars: usize,
    },
    ListingFailed(&'a connectors::Error),
    StateChanged {
        from: ConnectionState,
        to: ConnectionState,
        reason: Option<&'a str>,
    },
    /// Somebody, or something, asked for a pull ahead of its time.
    Nudged {
        full: bool,
    },
    /// The provider no longer knew the cursor.
    StartedOver,
    Pulled(&'a Pulled),
    PullFailed(&'a connectors::Error),
    /// Decisions on removals that look like a fault.
    Held(&'a Held),
    Released {
        why: &'static str,
    },
    Judged {
        word: &'static str,
    },
    /// What the provider tells of changes was heard, or found wanting.
    Push {
        is_heard: bool,
    },
    /// An operator's word on reading and writing.
    Paused {
        reads: bool,
        writes: bool,
    },
    Resumed {
        reads: bool,
        writes: bool,
    },
}

impl Happened<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Linked { .. } => "linked",
            Self::Listed { .. } => "listed",
            Self::ListingFailed(_) => "listing_failed",
            Self::StateChanged { .. } => "state_changed",
            Self::Nudged { .. } => "nudged",
            Self::StartedOver => "started_over",
            Self::Pulled(_) => "pulled",
            Self::PullFailed(_) => "pull_failed",
            Self::Held(_) => "held",
            Self::Released { .. } => "released",
            Self::Judged { .. } => "judged",
            Self::Push { is_heard: true } => "push_healthy",
            Self::Push { is_heard: false } => "push_stale",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
        }
    }

    fn body(&self) -> Value {
        match self {
            Self::Linked { is_new } => json!({ "new": is_new }),
            Self::Listed { calendars } => json!({ "calendars": calendars }),
            Self::ListingFailed(error) | Self::PullFailed(error) => {
                json!({ "code": error.kind.code(), "status": error.status, "detail": error.detail })
            }
            Self::StateChanged { from, to, reason } => {
                json!({ "before": from, "after": to, "reason": reason })
            }
            Self::Nudged { full } => json!({ "full": full }),
            Self::StartedOver => json!({}),
            Self::Pulled(pulled) => json!(pulled),
            Self::Held(held) => json!({
                "lost": held.lost,
                "known": held.before,
                "first": held.spans.first().map(|(start, _)| start),
            }),
            Self::Released { why } => json!({ "why": why }),
            Self::Judged { word } => json!({ "word": word }),
            Self::Push { .. } => json!({}),
            Self::Paused { reads, writes } | Self::Resumed { reads, writes } => {
                json!({ "reads": reads, "writes": writes })
            }
        }
    }
}

impl Engine {
    /// Writes down what happened to a calendar. The caller holds its lock.
    pub(crate) async fn tell_of_calendar(
        &self,
        tx: &mut Tx,
        of: (&TenantId, &ConnectionId, &CalendarId),
        what: Happened<'_>,
    ) -> Result<(), SyncError> {
        let (tenant, connection, calendar) = of;
        let (kind, body, at) = (what.kind(), what.body(), self.clock.now());
        let subject = calendar.as_str();
        let entry = NewEntry { tenant, connection, subject, kind, body: &body, at };
        Ok(tx.timeline().append(&entry).await?)
    }

    /// Writes down what happened to a connection. The caller has written its row in this transaction.
    pub(crate) async fn tell_of_connection(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        connection: &ConnectionId,
        what: Happened<'_>,
    ) -> Result<(), SyncError> {
        let (kind, body, at) = (what.kind(), what.body(), self.clock.now());
        let subject = connection.as_str();
        let entry = NewEntry { tenant, connection, subject, kind, body: &body, at };
        Ok(tx.timeline().append(&entry).await?)
    }
}

/// An entry as a sentence.
pub fn describe(kind: &str, body: &Value) -> String {
    let number = |name: &str| body.get(name).and_then(Value::as_u64).unwrap_or(0);
    let word = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or("-");
    let is = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or(false);
    match kind {
        "linked" if is("new") => "linked".to_owned(),
        "linked" => "linked again, with a new login".to_owned(),
        "listed" => format!("calendars listed: {}", number("calendars")),
        "listing_failed" => {
            format!("listing failed ({}): {}", word("code"), in_words(word("code")))
        }
        "state_changed" => match word("reason") {
            "-" => format!("{} -> {}", word("before"), word("after")),
            reason => format!("{} -> {} ({reason})", word("before"), word("after")),
        },
        "nudged" if is("full") => "a full pull was asked for".to_owned(),
        "nudged" => "a pull was asked for".to_owned(),
        "started_over" => {
            "the provider no longer knew our place in its changes: everything was listed again"
                .to_owned()
        }
        "pulled" => pulled(&number, is("full"), is("quarantined")),
        "pull_failed" => format!("pull failed ({}): {}", word("code"), in_words(word("code"))),
        "held" => format!(
            "{} of {} future busy intervals went missing: their removal is held back",
            number("lost"),
            number("known")
        ),
        "released" => format!("the removal that was held back is settled: {}", word("why")),
        "judged" => format!("an operator's word on the removal: {}", word("word")),
        "push_healthy" => "the provider tells of changes".to_owned(),
        "push_stale" => {
            "a change was found that the provider had not told of: it is polled as often as without"
                .to_owned()
        }
        "paused" | "resumed" => {
            let what = match (is("reads"), is("writes")) {
                (true, false) => "reading",
                (false, true) => "writing",
                _ => "reading and writing",
            };
            format!("an operator {kind} {what}")
        }
        other => other.to_owned(),
    }
}

fn pulled(number: &dyn Fn(&str) -> u64, full: bool, quarantined: bool) -> String {
    let how = if full { "pulled everything" } else { "pulled" };
    let (changed, gone) = (number("items_changed"), number("items_gone"));
    let what = if changed + gone == 0 {
        "nothing new".to_owned()
    } else {
        let (added, removed) = (number("added"), number("removed"));
        format!("{changed} items changed, {gone} gone; busy time +{added} -{removed}")
    };
    let held = if quarantined { "; removals held back" } else { "" };
    format!("{how}: {what}{held}")
}
