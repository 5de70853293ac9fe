//! How an answer looks: the three formats, the evidence, and the words for what is unknown.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Ask, Found};
use crate::{
    http::{
        api::render::source_lag,
        wire::{Instant, Iso, Micros},
    },
    index::{
        Reason,
        query::{Answer, Basis, Evidence, Joint, Question, Unknown, answer, merged},
    },
    model::{bitmap::Bitmap, busy::Kind},
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
    /// The union, with `format: merged`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) busy: Option<Vec<BusyView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unknown: Option<Vec<UnknownView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) evidence: Option<Proof>,
    pub(super) resources: BTreeMap<String, SubjectView>,
    pub(super) calendars: BTreeMap<String, SubjectView>,
    pub(super) errors: BTreeMap<String, Missing>,
}

pub(super) fn render(
    ask: &Ask,
    question: &Question,
    found: Found,
    as_of: Timestamp,
    cursor: String,
) -> AnswerView {
    let answered = |subjects: &[(String, Basis)]| -> Vec<(String, Answer)> {
        subjects.iter().map(|(text, basis)| (text.clone(), answer(question, basis))).collect()
    };
    let resources = answered(&found.resources);
    let calendars = answered(&found.calendars);
    let answers = || resources.iter().chain(&calendars).map(|(_, answer)| answer);
    let complete = answers().all(Answer::is_complete);
    let mut view = AnswerView {
        start: ask.start,
        end: ask.end,
        as_of: as_of.into(),
        cursor,
        complete,
        bitmap: None,
        busy: None,
        unknown: None,
        evidence: None,
        resources: BTreeMap::new(),
        calendars: BTreeMap::new(),
        errors: found.errors,
    };
    match ask.format {
        Format::Merged => {
            let (busy, unknown) = merged(answers());
            view.busy = Some(busy.into_iter().map(busy_view).collect());
            view.unknown = Some(unknown.iter().map(joint_view).collect());
            let all = answers().flat_map(|answer| &answer.evidence);
            view.evidence = proof(ask.evidence, all);
        }
        Format::Bitmap => {
            let scale = Bitmap::new(question.window.start_us(), question.window.end_us());
            view.bitmap = Some(Scale {
                start: Micros(scale.origin_us()),
                step: "PT5M",
                steps: scale.steps(),
            });
            let bits = |(text, answer): (String, Answer)| (text, bits_view(ask, &scale, &answer));
            view.resources = resources.into_iter().map(bits).collect();
            view.calendars = calendars.into_iter().map(bits).collect();
        }
        Format::Intervals => {
            let lists = |(text, answer): (String, Answer)| (text, lists_view(ask, answer));
            view.resources = resources.into_iter().map(lists).collect();
            view.calendars = calendars.into_iter().map(lists).collect();
        }
    }
    view
}

pub(super) fn busy_view((start, end, kind): (i64, i64, Kind)) -> BusyView {
    BusyView { start: Micros(start), end: Micros(end), kind: kind.as_str() }
}

pub(super) fn unknown_view(unknown: &Unknown) -> UnknownView {
    UnknownView {
        start: Micros(unknown.start_us),
        end: Micros(unknown.end_us),
        reason: unknown.reason.as_str(),
        calendar_id: Some(unknown.calendar.to_string()),
        reasons: None,
    }
}

pub(super) fn joint_view(joint: &Joint) -> UnknownView {
    let reasons: Vec<_> = joint.reasons.iter().map(|reason| reason.as_str()).collect();
    UnknownView {
        start: Micros(joint.start_us),
        end: Micros(joint.end_us),
        reason: reasons.first().copied().unwrap_or("stale"),
        calendar_id: None,
        reasons: Some(reasons),
    }
}

pub(super) fn lists_view(ask: &Ask, answer: Answer) -> SubjectView {
    SubjectView {
        complete: answer.is_complete(),
        evidence: proof(ask.evidence, answer.evidence.iter()),
        busy: Spans::List(answer.busy.into_iter().map(busy_view).collect()),
        unknown: Spans::List(answer.unknown.iter().map(unknown_view).collect()),
    }
}

pub(super) fn bits_view(ask: &Ask, scale: &Bitmap, answer: &Answer) -> SubjectView {
    let mut busy = scale.clone();
    let mut unknown = scale.clone();
    for (start, end, _) in &answer.busy {
        busy.touch(*start, *end);
    }
    for span in &answer.unknown {
        unknown.touch(span.start_us, span.end_us);
    }
    SubjectView {
        complete: answer.is_complete(),
        evidence: proof(ask.evidence, answer.evidence.iter()),
        busy: Spans::Bits(STANDARD.encode(busy.as_bytes())),
        unknown: Spans::Bits(STANDARD.encode(unknown.as_bytes())),
    }
}

pub(super) fn proof<'a>(
    detail: Detail,
    evidence: impl Iterator<Item = &'a Evidence> + Clone,
) -> Option<Proof> {
    match detail {
        Detail::None => None,
        Detail::Summary => {
            let gravest = evidence.clone().filter_map(|one| one.silence).min();
            let oldest =
                evidence.clone().max_by_key(|one| one.age.map_or(i128::MAX, |age| age.as_nanos()));
            Some(Proof::Summary(SummaryView {
                calendars: evidence.count(),
                oldest_synced_at: oldest.and_then(|one| one.facts.synced).map(Into::into),
                oldest_age: oldest.and_then(|one| one.age).map(Iso),
                state: gravest.map_or("fresh", Reason::as_str),
            }))
        }
        Detail::Full => {
            let mut views: Vec<EvidenceView> = evidence.map(evidence_view).collect();
            views.sort_by(|a, b| a.calendar_id.cmp(&b.calendar_id));
            views.dedup_by(|a, b| a.calendar_id == b.calendar_id);
            Some(Proof::Full(views))
        }
    }
}

pub(super) fn evidence_view(one: &Evidence) -> EvidenceView {
    EvidenceView {
        calendar_id: one.calendar.to_string(),
        synced_at: one.facts.synced.map(Into::into),
        age: one.age.map(Iso),
        source_lag: source_lag(one.facts.source_is_live),
        published_at: one.facts.published.map(Into::into),
        covered_from: one.facts.covered_from.map(Into::into),
        covered_until: one.facts.covered_until.map(Into::into),
        state: one.silence.map_or("fresh", Reason::as_str),
        push: "none",
    }
}
