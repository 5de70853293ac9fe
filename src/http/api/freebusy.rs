//! `POST /v1/freebusy`: when are they busy, what is unknown, and on what does the answer rest.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{events::settle, render::source_lag};
use crate::{
    http::{
        Api, Problem, Scope,
        auth::Caller,
        extract::{Body, preferred_wait},
        wire::{Instant, Iso, Micros},
    },
    index::{
        Index, Link, Reason,
        query::{Answer, Basis, Evidence, Question, Unknown, answer, merged},
    },
    model::{
        bitmap::Bitmap,
        busy::Kind,
        ids::{CalendarId, TenantId},
        interval::Span,
    },
};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(ask))
}

const MOST_IDS: usize = 500;
const MOST_ID_DAYS: i64 = 20_000;
const DAY_US: i64 = 86_400 * 1_000_000;

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"start": "2026-03-02T00:00:00Z", "end": "2026-03-09T00:00:00Z",
    "resources": ["res_0198c1", "ext:doctor_482"], "calendars": [], "max_staleness": "PT20M",
    "refresh": "never", "format": "intervals", "evidence": "full"}))]
struct Ask {
    start: Instant,
    end: Instant,
    /// `res_..`, or `ext:` and an external id.
    #[serde(default)]
    resources: Vec<String>,
    /// `cal_..`.
    #[serde(default)]
    calendars: Vec<String>,
    /// What is older is unknown; without it each calendar's `expected_max_age` decides.
    max_staleness: Option<Iso>,
    #[serde(default)]
    refresh: Refresh,
    /// Bookings whose own time is left out.
    #[serde(default)]
    exclude_bookings: Vec<String>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    evidence: Detail,
}

/// Whether stale calendars are pulled first, within `Prefer: wait=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Refresh {
    #[default]
    Never,
    IfStale,
}

/// The shape of `busy` and `unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
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
enum Detail {
    None,
    Summary,
    #[default]
    Full,
}

/// A busy span.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct BusyView {
    start: Micros,
    end: Micros,
    /// `out_of_office`, `busy` or `tentative`.
    kind: &'static str,
}

/// A span about which the hub may not speak.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct UnknownView {
    start: Micros,
    end: Micros,
    /// `stale`, `beyond_window`, `needs_reauth`, `never_synced`, `unexpandable` or `quarantined`.
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar_id: Option<String>,
    /// In merged answers: every reason that touches the span, the gravest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<&'static str>>,
}

/// Spans as a list, or as base64 bits.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Spans<T> {
    List(Vec<T>),
    Bits(String),
}

/// What the answer rests on for one calendar.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct EvidenceView {
    calendar_id: String,
    synced_at: Option<Instant>,
    age: Option<Iso>,
    /// How far the source itself may be behind: a duration, or `unknown`.
    source_lag: &'static str,
    /// When the publisher of a feed made what was last read.
    #[serde(skip_serializing_if = "Option::is_none")]
    published_at: Option<Instant>,
    covered_from: Option<Instant>,
    covered_until: Option<Instant>,
    /// `fresh`, or why the calendar is unknown.
    state: &'static str,
    /// `healthy`, `pending`, `stale` or `none`.
    push: &'static str,
}

/// The evidence in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SummaryView {
    calendars: usize,
    oldest_synced_at: Option<Instant>,
    oldest_age: Option<Iso>,
    /// `fresh`, or the gravest reason of any calendar.
    state: &'static str,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Proof {
    Full(Vec<EvidenceView>),
    Summary(SummaryView),
}

/// The answer for one resource or calendar.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SubjectView {
    /// Whether no unknown span touches the window.
    complete: bool,
    busy: Spans<BusyView>,
    unknown: Spans<UnknownView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Proof>,
}

/// Why one id has no answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Missing {
    code: &'static str,
}

/// The bits' scale.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Scale {
    /// Where the first bit begins: `start`, floored to the step.
    start: Micros,
    step: &'static str,
    steps: usize,
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
struct AnswerView {
    start: Instant,
    end: Instant,
    as_of: Instant,
    /// The place in the change log that the answer rests on.
    cursor: String,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bitmap: Option<Scale>,
    /// The union, with `format: merged`.
    #[serde(skip_serializing_if = "Option::is_none")]
    busy: Option<Vec<BusyView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<Vec<UnknownView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Proof>,
    resources: BTreeMap<String, SubjectView>,
    calendars: BTreeMap<String, SubjectView>,
    errors: BTreeMap<String, Missing>,
}

impl Ask {
    fn window(&self) -> Result<Span, Problem> {
        Span::new(self.start.0, self.end.0)
            .filter(|span| !span.is_empty())
            .ok_or_else(|| Problem::field("/end", "invalid", "must be after start"))
    }

    fn check(&self) -> Result<Span, Problem> {
        let window = self.window()?;
        let ids = self.resources.len() + self.calendars.len();
        if ids == 0 {
            return Err(Problem::field(
                "/resources",
                "required",
                "name at least one resource or calendar",
            ));
        }
        if ids > MOST_IDS {
            return Err(Problem::field(
                "/resources",
                "too_many",
                format!("at most {MOST_IDS} ids in one question"),
            ));
        }
        let days =
            window.end_us().saturating_sub(window.start_us()).saturating_add(DAY_US - 1) / DAY_US;
        if days.saturating_mul(i64::try_from(ids).unwrap_or(i64::MAX)) > MOST_ID_DAYS {
            let detail = format!("ids times days may be at most {MOST_ID_DAYS}");
            return Err(Problem::field("/end", "too_large", detail));
        }
        if self.exclude_bookings.len() > MOST_IDS {
            let detail = format!("at most {MOST_IDS} bookings");
            return Err(Problem::field("/exclude_bookings", "too_many", detail));
        }
        if self.max_staleness.is_some_and(|age| age.0.is_negative()) {
            return Err(Problem::field("/max_staleness", "invalid", "must not be negative"));
        }
        Ok(window)
    }
}

/// What was asked for, looked up once.
struct Found {
    resources: Vec<(String, Basis)>,
    calendars: Vec<(String, Basis)>,
    errors: BTreeMap<String, Missing>,
}

impl Found {
    fn of(index: &Index, tenant: &TenantId, ask: &Ask) -> Self {
        let mut found =
            Self { resources: Vec::new(), calendars: Vec::new(), errors: BTreeMap::new() };
        let missing = || Missing { code: "not_found" };
        let looked = index.read(tenant, |part| {
            for text in &ask.resources {
                let resource = match text.strip_prefix("ext:") {
                    Some(external_id) => part.resource_by_external_id(external_id),
                    None => text.parse().ok().and_then(|id| part.resource(&id)),
                };
                match resource {
                    Some(resource) => {
                        found.resources.push((text.clone(), Basis::of(part, &resource.links)));
                    }
                    None => {
                        found.errors.insert(text.clone(), missing());
                    }
                }
            }
            for text in &ask.calendars {
                let id: Option<CalendarId> = text.parse().ok();
                match id.filter(|id| part.calendar(id).is_some()) {
                    Some(calendar) => {
                        let link = Link { calendar, rules: part.rules };
                        found.calendars.push((text.clone(), Basis::of(part, &[link])));
                    }
                    None => {
                        found.errors.insert(text.clone(), missing());
                    }
                }
            }
        });
        if looked.is_none() {
            let asked = ask.resources.iter().chain(&ask.calendars);
            found.errors.extend(asked.map(|text| (text.clone(), missing())));
        }
        found
    }

    fn bases(&self) -> impl Iterator<Item = &Basis> {
        self.resources.iter().chain(&self.calendars).map(|(_, basis)| basis)
    }
}

/// Answers when resources and calendars are busy.
///
/// Time may be busy and unknown at once; unknown is never free. A bad id never fails the others: it stands
/// under `errors`. With `refresh: if_stale` and `Prefer: wait=2`, stale calendars are pulled first, within that time.
#[utoipa::path(post, path = "/v1/freebusy", tag = "Free/busy", request_body = Ask,
    params(("Prefer" = Option<String>, Header, description = "`wait=2`: how long a refresh may take, in seconds.")),
    responses((status = 200, body = AnswerView), (status = "default", body = Problem)))]
async fn ask(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Body(ask): Body<Ask>,
) -> Result<Response, Problem> {
    caller.need(&[Scope::AvailabilityRead])?;
    let window = ask.check()?;
    let waited = if ask.refresh == Refresh::IfStale {
        freshen(&api, &caller, &ask, &headers).await?
    } else {
        None
    };
    let progress = api.hub.index.progress();
    let now = api.hub.clock.now();
    let question = Question {
        window,
        max_staleness: ask.max_staleness.map(|age| age.0),
        now,
        is_current: api.hub.index.is_current(now),
    };
    let found = Found::of(&api.hub.index, &caller.tenant, &ask);
    let as_of = progress.current_at.unwrap_or(now);
    let view = render(&ask, &question, found, as_of, progress.cursor);
    let mut response = Json(view).into_response();
    if let Some(seconds) = waited {
        let value =
            HeaderValue::from_str(&format!("wait={seconds}")).expect("digits are a header value");
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), value);
    }
    Ok(response)
}

/// Nudges what is stale and waits, as long as the caller wants, until it is not.
async fn freshen(
    api: &Api,
    caller: &Caller,
    ask: &Ask,
    headers: &HeaderMap,
) -> Result<Option<u64>, Problem> {
    let max_staleness = ask.max_staleness.map(|age| age.0);
    let stale = |found: &Found| -> Vec<CalendarId> {
        let now = api.hub.clock.now();
        let calendars = found.bases().flat_map(Basis::calendars);
        let mut ids: Vec<_> = calendars
            .filter(|calendar| {
                let silence = calendar.facts.silence(now, max_staleness);
                matches!(silence, Some(Reason::Stale | Reason::NeverSynced))
            })
            .map(|calendar| calendar.calendar.clone())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let asked = stale(&Found::of(&api.hub.index, &caller.tenant, ask));
    let Some(wait) = preferred_wait(headers) else {
        for calendar in &asked {
            api.hub.engine.refresh(&caller.tenant, calendar).await?;
        }
        return Ok(None);
    };
    if !asked.is_empty() {
        // What is still stale when the time is up is told as unknown.
        api.hub.engine.pull_now(&caller.tenant, &asked, wait).await;
        settle(api).await;
    }
    Ok(Some(wait.as_secs()))
}

fn render(
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

fn busy_view((start, end, kind): (i64, i64, Kind)) -> BusyView {
    BusyView { start: Micros(start), end: Micros(end), kind: kind.as_str() }
}

fn unknown_view(unknown: &Unknown) -> UnknownView {
    UnknownView {
        start: Micros(unknown.start_us),
        end: Micros(unknown.end_us),
        reason: unknown.reason.as_str(),
        calendar_id: Some(unknown.calendar.to_string()),
        reasons: None,
    }
}

fn joint_view(joint: &crate::index::query::Joint) -> UnknownView {
    let reasons: Vec<_> = joint.reasons.iter().map(|reason| reason.as_str()).collect();
    UnknownView {
        start: Micros(joint.start_us),
        end: Micros(joint.end_us),
        reason: reasons.first().copied().unwrap_or("stale"),
        calendar_id: None,
        reasons: Some(reasons),
    }
}

fn lists_view(ask: &Ask, answer: Answer) -> SubjectView {
    SubjectView {
        complete: answer.is_complete(),
        evidence: proof(ask.evidence, answer.evidence.iter()),
        busy: Spans::List(answer.busy.into_iter().map(busy_view).collect()),
        unknown: Spans::List(answer.unknown.iter().map(unknown_view).collect()),
    }
}

fn bits_view(ask: &Ask, scale: &Bitmap, answer: &Answer) -> SubjectView {
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

fn proof<'a>(
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

fn evidence_view(one: &Evidence) -> EvidenceView {
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
