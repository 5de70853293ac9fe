//! How an answer looks: the formats, the evidence, and the words for what is unknown.
//!
//! These shapes are what is published; what is long is written without them, by [`write`](super::write).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    http::wire::{Instant, Iso, Micros},
    index::{
        CalendarFacts, CalendarSnapshot, Reason,
        query::{Joint, Question, Unknown, silence},
    },
};

/// The shape of `busy` and `unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// Lists, a subject each.
    #[default]
    Intervals,
    /// One list for all: the union of what was asked.
    Merged,
    /// Base64, a bit for every five minutes.
    Bitmap,
    /// One row of bits for all: the union of what was asked.
    MergedBitmap,
}

/// How much of the evidence is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Detail {
    None,
    Summary,
    #[default]
    Full,
}

/// A busy span.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct BusyView {
    pub(super) start: Micros,
    pub(super) end: Micros,
    /// `out_of_office`, `busy` or `tentative`.
    pub(super) kind: &'static str,
}

/// A span about which the hub may not speak.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct UnknownView {
    pub(super) start: Micros,
    pub(super) end: Micros,
    /// `stale`, `beyond_window`, `needs_reauth`, `never_synced`, `unexpandable` or `quarantined`.
    pub(super) reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) calendar_id: Option<String>,
    /// In merged answers: every reason that touches the span, the gravest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasons: Option<Vec<&'static str>>,
}

/// Spans as a list, or as base64 bits.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "published; what is sent is written by hand, and tested against this"
    )
)]
pub(super) enum Spans<T> {
    List(Vec<T>),
    Bits(String),
}

/// What the answer rests on for one calendar.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EvidenceView {
    pub(super) calendar_id: String,
    pub(super) synced_at: Option<Instant>,
    pub(super) age: Option<Iso>,
    /// How far the source itself may be behind: a duration, or `unknown`.
    pub(super) source_lag: &'static str,
    /// When the publisher of a feed made what was last read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) published_at: Option<Instant>,
    pub(super) covered_from: Option<Instant>,
    pub(super) covered_until: Option<Instant>,
    /// `fresh`, or why the calendar is unknown.
    pub(super) state: &'static str,
    /// `healthy`, `pending`, `stale` or `none`.
    pub(super) push: &'static str,
}

/// The evidence in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SummaryView {
    pub(super) calendars: usize,
    pub(super) oldest_synced_at: Option<Instant>,
    pub(super) oldest_age: Option<Iso>,
    /// `fresh`, or the gravest reason of any calendar.
    pub(super) state: &'static str,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "published; what is sent is written by hand, and tested against this"
    )
)]
pub(super) enum Proof {
    Full(Vec<EvidenceView>),
    Summary(SummaryView),
}

/// The answer for one resource or calendar.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SubjectView {
    /// Whether no unknown span touches the window.
    pub(super) complete: bool,
    pub(super) busy: Spans<BusyView>,
    pub(super) unknown: Spans<UnknownView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<Proof>,
}

/// Why one id has no answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Missing {
    pub(super) code: &'static str,
}

/// The bits' scale.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Scale {
    /// Where the first bit begins: `start`, floored to the step.
    pub(super) start: Micros,
    pub(super) step: &'static str,
    pub(super) steps: usize,
}

/// An answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"start": "2026-03-02T00:00:00Z", "end": "2026-03-09T00:00:00Z",
    "as_of": "2026-03-01T12:00:00Z", "cursor": "e5f0c.0.42", "complete": true,
    "resources": {"res_0198c1": {"complete": true,
        "busy": [{"start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z", "kind": "busy"}], "unknown": [],
        "evidence": [{"calendar_id": "cal_0198c1", "synced_at": "2026-03-01T11:59:48Z", "age": "PT12S",
            "source_lag": "PT0S", "covered_from": "2026-01-26T00:00:00Z", "covered_until": "2027-04-06T00:00:00Z",
            "state": "fresh", "push": "none"}]}},
    "calendars": {}, "errors": {"ext:nobody": {"code": "not_found"}}}))]
pub(super) struct AnswerView {
    pub(super) start: Instant,
    pub(super) end: Instant,
    pub(super) as_of: Instant,
    /// The place in the change log that the answer rests on.
    pub(super) cursor: String,
    pub(super) complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bitmap: Option<Scale>,
    /// The union, with `format: merged` and `format: merged_bitmap`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) busy: Option<Spans<BusyView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unknown: Option<Spans<UnknownView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<Proof>,
    pub(super) resources: BTreeMap<String, SubjectView>,
    pub(super) calendars: BTreeMap<String, SubjectView>,
    pub(super) errors: BTreeMap<String, Missing>,
}

impl UnknownView {
    pub(super) fn of(unknown: &Unknown) -> Self {
        Self {
            start: Micros(unknown.start_us),
            end: Micros(unknown.end_us),
            reason: unknown.reason.as_str(),
            calendar_id: Some(unknown.calendar.to_string()),
            reasons: None,
        }
    }

    pub(super) fn joint(joint: &Joint) -> Self {
        let reasons: Vec<_> = joint.reasons.iter().map(|reason| reason.as_str()).collect();
        Self {
            start: Micros(joint.start_us),
            end: Micros(joint.end_us),
            reason: reasons.first().copied().unwrap_or("stale"),
            calendar_id: None,
            reasons: Some(reasons),
        }
    }
}

impl SummaryView {
    pub(super) fn of(question: &Question, calendars: &[&CalendarSnapshot]) -> Self {
        let age = |facts: &CalendarFacts| facts.age(question.now);
        let oldest = calendars
            .iter()
            .map(|one| one.facts)
            .max_by_key(|facts| age(facts).map_or(i128::MAX, |age| age.as_nanos()));
        let gravest = calendars.iter().filter_map(|one| silence(question, &one.facts)).min();
        Self {
            calendars: calendars.len(),
            oldest_synced_at: oldest.and_then(|facts| facts.synced).map(Into::into),
            oldest_age: oldest.and_then(|facts| age(&facts)).map(Iso),
            state: gravest.map_or("fresh", Reason::as_str),
        }
    }
}
