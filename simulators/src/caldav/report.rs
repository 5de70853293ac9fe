//! The REPORTs: sync-collection, calendar-multiget, calendar-query and free-busy-query.

use bytes::Bytes;
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use super::{
    Call, Place, Reply, Target, properties,
    propfind::{self, Wanted},
    reply::{self, Row},
    xml::{CAL, DAV, Element},
};
use crate::{
    profile::{
        DepthZero, InvalidToken, LimitPolicy, Multiget, Profile, Refusal, Sync, TimeRange,
        TokenForm,
    },
    span::{self, Range},
    spec::Access,
    state::Change,
};

pub(super) fn answer(call: &mut Call<'_>, calendar: &str) -> Reply {
    let profile = call.profile();
    let body = call.request.body().clone();
    let Some(request) = Element::parse(&body) else {
        return reply::text(400, "The body is not XML.");
    };
    let Some(access) = call.calendar(calendar).map(|found| found.spec.access) else {
        return reply::status(404);
    };
    let is_busy_query = request.is(CAL, "free-busy-query");
    if access == Access::FreeBusyOnly && !is_busy_query {
        return reply::refuse(&Refusal::told(403, "D:need-privileges"), &profile.xml, None);
    }
    if is_busy_query {
        return free_busy(call, calendar, &request, &profile);
    }
    if request.is(DAV, "sync-collection") && profile.sync.token != TokenForm::None {
        return sync(call, calendar, &request, &profile);
    }
    if request.is(CAL, "calendar-multiget") && profile.query.multiget != Multiget::Absent {
        return multiget(call, &request, &profile);
    }
    if request.is(CAL, "calendar-query") {
        return query(call, calendar, &request, &profile);
    }
    reply::refuse(&Refusal::told(403, "D:supported-report"), &profile.xml, None)
}

fn sync(call: &mut Call<'_>, calendar: &str, request: &Element, profile: &Profile) -> Reply {
    let knobs = &profile.sync;
    let text = |name| {
        request.child(DAV, name).map(|element| element.text.trim().to_owned()).unwrap_or_default()
    };
    if knobs.strict_level && text("sync-level") != "1" {
        return reply::text(400, "sync-level must be 1");
    }
    let since = match starting_point(call, calendar, &text("sync-token"), profile) {
        Ok(since) => since,
        Err(refusal) => return *refusal,
    };
    let asked = request.find(DAV, "nresults").map(|n| n.text.trim().parse::<usize>());
    let asked = match asked {
        Some(Ok(n)) => Some(n),
        Some(Err(_)) => return reply::status(403),
        None => None,
    };
    if asked.is_some() && since.is_none() && knobs.limit == LimitPolicy::InitialFails {
        let too_many = Refusal::told(507, "D:number-of-matches-within-limits");
        return reply::refuse(&too_many, &profile.xml, None);
    }
    let Some(found) = call.calendar(calendar) else { return reply::status(404) };
    let upto = found.visible(knobs.lag_s, call.now);
    let rows = remembered(found.diff(repeated(since, knobs), upto), since, upto, knobs);
    let page = page(rows, asked, (since, upto), knobs);
    let wanted = propfind::wanted(Some(request));
    page_reply(call, calendar, page, &wanted, knobs)
}

/// The change that a sync starts after (`None`: from nothing), or the refusal of its token.
fn starting_point(
    call: &Call<'_>,
    calendar: &str,
    token: &str,
    profile: &Profile,
) -> Result<Option<u64>, Box<Reply>> {
    if token.is_empty() {
        return Ok(None);
    }
    let Some(found) = call.calendar(calendar) else { return Err(Box::new(reply::status(404))) };
    match (found.since(token, profile.sync.token), &profile.sync.invalid) {
        (Some(since), _) => Ok(Some(since)),
        (None, InvalidToken::Accepted) => Ok(Some(found.changes)),
        (None, InvalidToken::Refused { status, told: true }) => {
            let refusal = Refusal::told(*status, "D:valid-sync-token");
            Err(Box::new(reply::refuse(&refusal, &profile.xml, None)))
        }
        (None, InvalidToken::Refused { status, told: false }) => {
            Err(Box::new(reply::status(*status)))
        }
    }
}

fn repeated(since: Option<u64>, knobs: &Sync) -> u64 {
    since.unwrap_or(0).saturating_sub(u64::from(knobs.repeats_last))
}

/// Leaves tombstones out of an initial listing, and what a pruned history has forgotten out of a later one.
fn remembered(rows: Vec<Change>, since: Option<u64>, upto: u64, knobs: &Sync) -> Vec<Change> {
    let oldest =
        knobs.remembers.filter(|_| since.is_some()).map_or(0, |kept| upto.saturating_sub(kept));
    rows.into_iter().filter(|row| row.at > oldest && (since.is_some() || !row.is_gone)).collect()
}

/// The rows of one answer, the change its token covers, and whether a 507 row says that more follows.
#[derive(Debug)]
struct Page {
    rows: Vec<Change>,
    covers: u64,
    has_more: bool,
}

/// A row that is only told again takes no room in a page, or a page of one would never end.
fn page(
    mut rows: Vec<Change>,
    asked: Option<usize>,
    (since, upto): (Option<u64>, u64),
    knobs: &Sync,
) -> Page {
    let asked = asked.filter(|_| knobs.limit != LimitPolicy::Ignored);
    let Some(most) = [asked, knobs.page].into_iter().flatten().min().map(|most| most.max(1)) else {
        return Page { rows, covers: upto, has_more: false };
    };
    let told_again = rows.iter().filter(|row| Some(row.at) <= since).count();
    let most = most + told_again;
    let is_cut = rows.len() > most;
    rows.truncate(most);
    let last = rows.last().map_or(upto, |row| row.at);
    let is_told = is_cut && knobs.limit != LimitPolicy::Truncated;
    Page { rows, covers: if is_told { last } else { upto }, has_more: is_told }
}

fn page_reply(
    call: &mut Call<'_>,
    calendar: &str,
    page: Page,
    wanted: &Wanted,
    knobs: &Sync,
) -> Reply {
    let collection = call.collection_path(calendar);
    let mut rows = Vec::new();
    if knobs.collection_row {
        rows.extend(properties::collection(call, calendar, wanted));
    }
    let unwanted = Some(Vec::new());
    let wanted = if knobs.bare_rows { &unwanted } else { wanted };
    for change in page.rows {
        let member = (!change.is_gone)
            .then(|| properties::object(call, calendar, &change.name, wanted))
            .flatten();
        let href = call.href(&format!("{collection}{}", change.name));
        rows.push(member.unwrap_or(Row::Status { href, status: 404, error: None }));
    }
    if page.has_more {
        let error = Some(Element::new(DAV, "number-of-matches-within-limits"));
        rows.push(Row::Status { href: call.href(&collection), status: 507, error });
    }
    let now = call.now;
    let token =
        call.calendar_mut(calendar).and_then(|found| found.token(page.covers, knobs.token, now));
    reply::multistatus(call, rows, token)
}

fn multiget(call: &Call<'_>, request: &Element, profile: &Profile) -> Reply {
    let wanted = propfind::wanted(Some(request));
    let asked = request.children.iter().filter(|child| child.is(DAV, "href"));
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    for (n, element) in asked.enumerate() {
        if profile.query.multiget == Multiget::FewerRows && n % 3 == 2 {
            continue;
        }
        let place = Place::of_href(&element.text);
        let found = match &place.target {
            Target::Object(calendar, name) if place.user.as_deref() == Some(call.user.as_str()) => {
                properties::object(call, calendar, name, &wanted)
            }
            _ => None,
        };
        let href = element.text.trim().to_owned();
        let gone = Row::Status { href, status: 404, error: None };
        match (found, profile.query.multiget == Multiget::MissingFirst) {
            (Some(row), _) => rows.push(row),
            (None, true) => missing.push(gone),
            (None, false) => rows.push(gone),
        }
    }
    missing.extend(rows);
    reply::multistatus(call, missing, None)
}

fn range_of(element: Option<&Element>) -> Option<Range> {
    let bound = |name, open| element.map(|e| e.attribute(name).map_or(Some(open), span::utc));
    Some((bound("start", Timestamp::MIN)??, bound("end", Timestamp::MAX)??))
}

fn query(call: &Call<'_>, calendar: &str, request: &Element, profile: &Profile) -> Reply {
    let is_flat = call.header("depth").is_none_or(|depth| depth == "0");
    match (is_flat, profile.query.depth_zero) {
        (true, DepthZero::Refused) => return reply::text(400, "A calendar-query needs Depth: 1."),
        (true, DepthZero::Empty) => return reply::multistatus(call, Vec::new(), None),
        (true, DepthZero::AsOne) | (false, _) => {}
    }
    let Some(filter) = request.find(CAL, "comp-filter") else { return reply::status(400) };
    let kind = filter
        .child(CAL, "comp-filter")
        .and_then(|inner| inner.attribute("name"))
        .map(str::to_owned);
    let asked = filter.find(CAL, "time-range");
    let range = range_of(asked);
    if asked.is_some() && range.is_none() {
        return reply::refuse(&Refusal::told(403, "C:valid-filter"), &profile.xml, None);
    }
    if profile.query.time_range == TimeRange::NeedsCompFilter && kind.is_none() {
        return reply::multistatus(call, Vec::new(), None);
    }
    let Some(found) = call.calendar(calendar) else { return reply::status(404) };
    let uid = uid_filter(filter);
    let range = effective(range, profile.query.time_range, call.now);
    let wanted = propfind::wanted(Some(request));
    let rows = found
        .listed(profile.sync.lag_s, call.now)
        .filter(|resource| uid.as_deref().is_none_or(|uid| resource.uid.as_deref() == Some(uid)))
        .filter(|resource| {
            let text = resource.text();
            let has_kind =
                kind.as_deref().is_none_or(|kind| text.contains(&format!("BEGIN:{kind}")));
            has_kind && range.is_none_or(|range| matches(&text, range, profile.query.time_range))
        })
        .filter_map(|resource| properties::object(call, calendar, &resource.name, &wanted))
        .collect();
    reply::multistatus(call, rows, None)
}

/// The text of a `prop-filter` on UID.
fn uid_filter(filter: &Element) -> Option<String> {
    let property = filter
        .find(CAL, "prop-filter")
        .filter(|property| property.attribute("name") == Some("UID"))?;
    property.child(CAL, "text-match").map(|text| text.text.trim().to_owned())
}

fn effective(range: Option<Range>, mode: TimeRange, now: Timestamp) -> Option<Range> {
    let year = |years: i64| now.to_zoned(TimeZone::UTC).saturating_add(years.years()).timestamp();
    match mode {
        TimeRange::Ignored => None,
        TimeRange::WithinAYear => range.or(Some((year(-1), year(1)))),
        TimeRange::Right
        | TimeRange::NeedsCompFilter
        | TimeRange::LosesAllDaySeries
        | TimeRange::LosesLaterInstances => range,
    }
}

fn matches(body: &str, range: Range, mode: TimeRange) -> bool {
    match mode {
        TimeRange::LosesAllDaySeries if span::is_all_day_series(body) => false,
        TimeRange::LosesLaterInstances => span::first_overlaps(body, range),
        _ => span::may_overlap(body, range),
    }
}

fn free_busy(call: &Call<'_>, calendar: &str, request: &Element, profile: &Profile) -> Reply {
    if !profile.query.free_busy {
        return reply::status(501);
    }
    let Some(range) = range_of(request.find(CAL, "time-range")) else { return reply::status(400) };
    let Some(found) = call.calendar(calendar) else { return reply::status(404) };
    let mut spans: Vec<(Range, bool)> =
        found.resources.values().flat_map(|r| span::busy(&r.text(), range)).collect();
    spans.sort();
    if !profile.query.unmerged {
        spans = merged(spans);
    }
    let text = |at| span::utc_text(at);
    let lines: String = spans
        .iter()
        .map(|((from, to), tentative)| {
            let kind = if *tentative { "FBTYPE=BUSY-TENTATIVE" } else { "FBTYPE=BUSY" };
            let kind = if profile.query.unmerged { "VALUE=PERIOD" } else { kind };
            format!("FREEBUSY;{kind}:{}/{}\r\n", text(*from), text(*to))
        })
        .collect();
    let body = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//calhub//simulator//EN\r\nBEGIN:VFREEBUSY\r\nDTSTAMP:{}\r\n\
         DTSTART:{}\r\nDTEND:{}\r\n{lines}END:VFREEBUSY\r\nEND:VCALENDAR\r\n",
        text(call.now),
        text(range.0),
        text(range.1)
    );
    reply::body(200, &profile.query.free_busy_type, Bytes::from(body))
}

/// Joins touching spans of the same kind.
fn merged(spans: Vec<(Range, bool)>) -> Vec<(Range, bool)> {
    let mut joined: Vec<(Range, bool)> = Vec::new();
    for (span, tentative) in spans {
        match joined.iter_mut().rev().find(|(_, kind)| *kind == tentative) {
            Some((last, _)) if span.0 <= last.1 => last.1 = last.1.max(span.1),
            _ => joined.push((span, tentative)),
        }
    }
    joined
}
