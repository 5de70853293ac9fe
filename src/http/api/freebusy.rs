//! `POST /v1/freebusy`: when are they busy, what is unknown, and on what does the answer rest.

mod bits;
mod view;
mod write;

use std::{collections::BTreeMap, mem, time::Duration};

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue},
    response::Response,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    view::{AnswerView, Detail, Format, Missing},
    write::Writer,
};
use super::{bookings::lookup, events::settle};
use crate::{
    http::{
        Api, Problem,
        auth::Caller,
        extract::{Body, PreferredWait},
        wire::{Instant, Iso},
    },
    index::{
        Index, Link, Reason, Tenant,
        query::{Basis, Question},
    },
    model::{
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

/// What was asked for, looked up at one moment in the order of the question.
struct Looked {
    resources: Vec<Option<Basis>>,
    calendars: Vec<Option<Basis>>,
}

impl Looked {
    fn up(index: &Index, tenant: &TenantId, ask: &Ask) -> Self {
        let looked = index.read(tenant, |part| Self {
            resources: ask.resources.iter().map(|text| resource(part, text)).collect(),
            calendars: ask.calendars.iter().map(|text| calendar(part, text)).collect(),
        });
        let looked = looked.unwrap_or_else(|| Self {
            resources: vec![None; ask.resources.len()],
            calendars: vec![None; ask.calendars.len()],
        });
        index.bring(tenant, looked.bases().flat_map(Basis::brought).collect());
        looked
    }

    fn bases(&self) -> impl Iterator<Item = &Basis> {
        self.resources.iter().chain(&self.calendars).flatten()
    }
}

fn resource(part: &Tenant, text: &str) -> Option<Basis> {
    let resource = match text.strip_prefix("ext:") {
        Some(external_id) => part.resource_by_external_id(external_id),
        None => text.parse().ok().and_then(|id| part.resource(&id)),
    };
    resource.map(|resource| Basis::of_resource(part, &resource))
}

fn calendar(part: &Tenant, text: &str) -> Option<Basis> {
    let calendar: CalendarId = text.parse().ok()?;
    part.calendar(&calendar)?;
    Some(Basis::of(part, &[Link { calendar, kinds: part.rules.into() }]))
}

/// What was found, under the names it was asked for by, and which names mean nothing.
struct Found {
    resources: Vec<(String, Basis)>,
    calendars: Vec<(String, Basis)>,
    errors: BTreeMap<String, Missing>,
}

impl Found {
    fn of(looked: Looked, resources: Vec<String>, calendars: Vec<String>) -> Self {
        let mut errors = BTreeMap::new();
        let mut named = |names: Vec<String>, bases: Vec<Option<Basis>>| {
            let both = names.into_iter().zip(bases);
            let found = both.filter_map(|(text, basis)| match basis {
                Some(basis) => Some((text, basis)),
                None => {
                    errors.insert(text, Missing { code: "not_found" });
                    None
                }
            });
            found.collect()
        };
        let resources = named(resources, looked.resources);
        let calendars = named(calendars, looked.calendars);
        Self { resources, calendars, errors }
    }
}

/// Answers when resources and calendars are busy.
///
/// Time may be busy and unknown at once; unknown is never free. A bad id never fails the others: it stands
/// under `errors`. With `refresh: if_stale` and `Prefer: wait=2`, stale calendars are pulled first, within that time.
#[utoipa::path(post, path = "/v1/freebusy", tag = "Free/busy",
    security(("key" = ["availability:read"])), request_body = Ask,
    params(("Prefer" = Option<String>, Header, description = "`wait=2`: how long a refresh may take, in seconds.")),
    responses((status = 200, body = AnswerView), (status = "default", body = Problem)))]
async fn ask(
    State(api): State<Api>,
    caller: Caller,
    PreferredWait(wait): PreferredWait,
    Body(mut ask): Body<Ask>,
) -> Result<Response, Problem> {
    let window = ask.check()?;
    let waited = if ask.refresh == Refresh::IfStale {
        Box::pin(freshen(&api, &caller, &ask, wait)).await?
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
    let mut looked = Looked::up(&api.hub.index, &caller.tenant, &ask);
    if !ask.exclude_bookings.is_empty() || looked.bases().any(Basis::is_shared) {
        Box::pin(leave_out(&api, &caller, &ask.exclude_bookings, &mut looked)).await?;
    }
    let found = Found::of(looked, mem::take(&mut ask.resources), mem::take(&mut ask.calendars));
    let as_of = progress.current_at.unwrap_or(now);
    let writer = Writer::new(&ask, question, found, as_of, progress.cursor);
    let mut response = writer.into_response();
    if let Some(seconds) = waited {
        let value =
            HeaderValue::from_str(&format!("wait={seconds}")).expect("digits are a header value");
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), value);
    }
    Ok(response)
}

/// Answers as if these bookings were not there. One that nobody knows takes nothing.
async fn leave_out(
    api: &Api,
    caller: &Caller,
    names: &[String],
    looked: &mut Looked,
) -> Result<(), Problem> {
    let mut tx = api.hub.store.read().await?;
    let mut bookings = Vec::with_capacity(names.len());
    for name in names {
        bookings.extend(lookup(&mut tx, caller, name).await?.map(|row| row.booking_id));
    }
    for part in [&mut looked.resources, &mut looked.calendars] {
        for basis in part.iter_mut() {
            let Some(basis) = basis else { continue };
            basis.leave_out(&mut tx, &caller.tenant, &bookings, &*api.hub.clock).await?;
        }
    }
    Ok(())
}

/// Nudges what is stale and waits, as long as the caller wants, until it is not.
async fn freshen(
    api: &Api,
    caller: &Caller,
    ask: &Ask,
    wait: Option<Duration>,
) -> Result<Option<u64>, Problem> {
    let max_staleness = ask.max_staleness.map(|age| age.0);
    let stale = |looked: &Looked| -> Vec<CalendarId> {
        let now = api.hub.clock.now();
        let calendars = looked.bases().flat_map(Basis::calendars);
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
    let asked = stale(&Looked::up(&api.hub.index, &caller.tenant, ask));
    let Some(wait) = wait else {
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
