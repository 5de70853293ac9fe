//! Stored rows as the index holds them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Busy, CalendarFacts, CalendarSnapshot, Link, Login, Packed, ResourceSnapshot};
use crate::{
    model::{
        busy::BusyClass,
        policy::{Policy, Rules},
        seats::full,
        states::{ConnectionState, InitialSync, Provider, PushState},
    },
    store::{CalendarRow, ClaimRow, LinkRow, ResourceRow, StandingRow, WantedSpan},
};

/// How far before its window a calendar's busy time is kept.
const BEFORE_WINDOW: SignedDuration = SignedDuration::from_hours(24 * 90);

/// A policy that cannot be read counts as none stated.
pub(crate) fn policy_of(value: &serde_json::Value) -> Policy {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

pub(super) fn login_of(state: ConnectionState) -> Login {
    match state {
        ConnectionState::Syncing | ConnectionState::Healthy | ConnectionState::Degraded => {
            Login::Works
        }
        ConnectionState::NeedsReauth | ConnectionState::Revoked | ConnectionState::Removing => {
            Login::Broken
        }
    }
}

/// A feed is a copy that its publisher renews when it likes.
pub(super) fn is_live(provider: Provider) -> bool {
    match provider {
        Provider::Caldav | Provider::Google | Provider::Microsoft => true,
        Provider::Ics => false,
    }
}

pub(super) fn base_us(row: &CalendarRow) -> i64 {
    let from = row.covered_from.unwrap_or(row.created_at);
    from.saturating_sub(BEFORE_WINDOW).unwrap_or(Timestamp::MIN).as_microsecond()
}

/// The facts as a claim reads them, which takes nobody's word but the tables'.
pub(crate) fn facts_of(row: &StandingRow) -> CalendarFacts {
    CalendarFacts {
        login: login_of(row.state),
        is_transparent: row.transparent,
        is_settled: row.initial_sync == InitialSync::Done,
        is_quarantined: row.is_quarantined,
        source_is_live: is_live(row.provider),
        synced: row.synced_at,
        published: row.published_at,
        expected_max_age: SignedDuration::try_from(row.expected_max_age)
            .unwrap_or(SignedDuration::MAX),
        // What books asks nobody's word.
        push: PushState::None,
        covered_from: row.covered_from,
        covered_until: row.covered_until,
    }
}

/// The connection's part of the facts is laid in by the tenant's part of the index.
pub(super) fn snapshot(row: &CalendarRow, busy: Arc<Busy>) -> CalendarSnapshot {
    CalendarSnapshot {
        calendar: row.calendar_id.clone(),
        connection: row.connection_id.clone(),
        facts: CalendarFacts {
            login: Login::Works,
            is_transparent: row.transparent,
            is_settled: row.initial_sync == InitialSync::Done,
            is_quarantined: row.quarantine.is_some(),
            source_is_live: true,
            synced: row.synced_at,
            published: row.published_at,
            expected_max_age: SignedDuration::try_from(row.expected_max_age)
                .unwrap_or(SignedDuration::MAX),
            push: row.push,
            covered_from: row.covered_from,
            covered_until: row.covered_until,
        },
        busy,
    }
}

pub(super) fn resource_snapshot(
    tenant: Rules,
    row: &ResourceRow,
    links: &[LinkRow],
    claims: &[ClaimRow],
    now: Timestamp,
) -> ResourceSnapshot {
    let rules = tenant.under(&policy_of(&row.policy));
    let links = links.iter().filter(|link| link.blocks).map(|link| Link {
        calendar: link.calendar_id.clone(),
        kinds: rules.under(&policy_of(&link.policy)).into(),
    });
    ResourceSnapshot {
        resource: row.resource_id.clone(),
        external_id: row.external_id.clone(),
        links: links.collect(),
        claims: packed(row, claims, now),
        is_shared: row.capacity > 1 && !claims.is_empty(),
    }
}

/// What is taken of a resource. With capacity to spare it is busy only where all seats are taken.
pub(super) fn packed(
    row: &ResourceRow,
    claims: &[ClaimRow],
    now: Timestamp,
) -> Option<Arc<Packed>> {
    let live = claims.iter().filter(|claim| claim.expires_at.is_none_or(|end| end > now));
    let spans = full(live.map(|claim| claim.span).collect(), row.capacity);
    let base = taken_since(now).as_microsecond();
    let rows = spans.into_iter().map(|span| (span.start_us(), span.end_us(), BusyClass::Busy));
    Some(Arc::new(Packed::new(base, rows))).filter(|packed| !packed.is_empty())
}

/// What a booking wants of a calendar, which is as good as there.
pub(super) fn as_busy(wanted: &WantedSpan) -> (i64, i64, BusyClass) {
    (wanted.span.start_us(), wanted.span.end_us(), BusyClass::Busy)
}

/// From when on it is kept what is taken.
pub(super) fn taken_since(now: Timestamp) -> Timestamp {
    now.saturating_sub(BEFORE_WINDOW).unwrap_or(Timestamp::MIN)
}
