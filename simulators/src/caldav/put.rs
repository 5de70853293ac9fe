//! PUT in all its variants, and MKCALENDAR.

use bytes::Bytes;

use super::{Call, Reply, object, place, properties, reply, schedule};
use crate::{
    ics,
    profile::{EtagForm, Profile, PutEtag, Refusal, Stored, UidScope, Write},
    spec::{Access, CalendarSpec},
    state::digest,
};

pub(super) fn answer(call: &mut Call<'_>, calendar: &str, name: &str) -> Reply {
    let profile = call.profile();
    if let Some(refusal) = parent_refusal(call, calendar, &profile)
        .or_else(|| precondition_refusal(call, calendar, name, &profile.write))
        .or_else(|| body_refusal(call, calendar, &profile))
        .or_else(|| uid_refusal(call, calendar, name, &profile))
    {
        return refusal;
    }
    store(call, calendar, name, &profile)
}

fn parent_refusal(call: &Call<'_>, calendar: &str, profile: &Profile) -> Option<Reply> {
    let Some(found) = call.calendar(calendar) else {
        return Some(reply::status(profile.write.missing_parent));
    };
    (found.spec.access != Access::Owner)
        .then(|| reply::refuse(&Refusal::told(403, "D:need-privileges"), &profile.xml, None))
}

fn precondition_refusal(
    call: &Call<'_>,
    calendar: &str,
    name: &str,
    knobs: &Write,
) -> Option<Reply> {
    let there = call.calendar(calendar)?.resources.get(name);
    let must_be_new = call.header("if-none-match").is_some_and(|tags| object::names(tags, there));
    let must_match = call.header("if-match");
    let tag_differs = call.header("if-schedule-tag-match").is_some_and(|wanted| {
        let tag = there.and_then(|there| properties::schedule_tag(there, knobs.schedule_tag));
        tag.is_none_or(|tag| tag != wanted)
    });
    let is_blind = knobs.strict && there.is_some() && must_match.is_none();
    let is_refused = (must_be_new && knobs.honours_if_none_match)
        || (knobs.honours_if_match
            && must_match.is_some_and(|wanted| !object::names(wanted, there)))
        || tag_differs
        || is_blind;
    is_refused.then(|| match knobs.precondition_text.as_str() {
        "" => reply::status(412),
        text => reply::text(412, text),
    })
}

fn body_refusal(call: &Call<'_>, calendar: &str, profile: &Profile) -> Option<Reply> {
    let body = call.request.body();
    let refuse = |refusal: &Refusal| Some(reply::refuse(refusal, &profile.xml, None));
    if profile.write.max_resource_size.is_some_and(|most| body.len() > most) {
        return refuse(&Refusal::told(403, "C:max-resource-size"));
    }
    if profile
        .write
        .quota
        .is_some_and(|most| call.account().map_or(0, |a| a.bytes()) + body.len() > most)
    {
        return refuse(&Refusal::told(507, "D:quota-not-exceeded"));
    }
    let text = String::from_utf8_lossy(body);
    if ics::fault_of(&text).is_some() {
        return refuse(&profile.write.invalid_body);
    }
    let (entries, _) = ics::entries(&text);
    let allowed = call.calendar(calendar)?.spec.components.clone();
    if allowed.is_some_and(|allowed| entries.iter().any(|entry| !allowed.contains(&entry.name))) {
        return refuse(&Refusal::told(403, "C:supported-calendar-component"));
    }
    let is_endless =
        |entry: &ics::Component| entry.line("DTEND").is_none() && entry.line("DURATION").is_none();
    if profile.write.requires_dtend && entries.iter().any(is_endless) {
        return refuse(&Refusal::told(403, "C:valid-calendar-data"));
    }
    None
}

fn uid_refusal(
    call: &mut Call<'_>,
    calendar: &str,
    name: &str,
    profile: &Profile,
) -> Option<Reply> {
    let uid = ics::uid(&String::from_utf8_lossy(call.request.body()))?;
    let found = call.calendar(calendar)?;
    let before = found.resources.get(name).and_then(|there| there.uid.clone());
    if let (Some(refusal), Some(before)) = (&profile.write.uid_changed, &before)
        && *before != uid
    {
        return Some(reply::refuse(
            refusal,
            &profile.xml,
            Some(&call.href(call.request.uri().path())),
        ));
    }
    if let Some(refusal) = &profile.write.trash
        && before.is_none()
        && found.trash.contains(&uid)
    {
        return Some(reply::refuse(refusal, &profile.xml, None));
    }
    let (other_calendar, other) = holder(call, calendar, name, &uid, profile.write.uid_scope)?;
    if profile.write.uid_scope == UidScope::Moves {
        let now = call.now;
        call.calendar_mut(&other_calendar)?.remove(&other, now);
        return None;
    }
    let href = call.href(&format!("{}{other}", call.collection_path(&other_calendar)));
    Some(reply::refuse(&profile.write.uid_taken, &profile.xml, Some(&href)))
}

/// Finds another resource with this UID within the scope.
fn holder(
    call: &Call<'_>,
    calendar: &str,
    name: &str,
    uid: &str,
    scope: UidScope,
) -> Option<(String, String)> {
    let is_in_scope = |other: &str| match scope {
        UidScope::None => false,
        UidScope::Collection => other == calendar,
        UidScope::Account | UidScope::Moves => true,
    };
    call.account()?.calendars.values().filter(|c| is_in_scope(&c.spec.name)).find_map(|c| {
        let mut others = c.resources.values().filter(|r| c.spec.name != calendar || r.name != name);
        others
            .find(|r| r.uid.as_deref() == Some(uid))
            .map(|r| (c.spec.name.clone(), r.name.clone()))
    })
}

fn store(call: &mut Call<'_>, calendar: &str, name: &str, profile: &Profile) -> Reply {
    let sent = call.request.body().clone();
    let text = String::from_utf8_lossy(&sent).into_owned();
    let stored = match profile.write.stored {
        Stored::AsSent => sent.clone(),
        Stored::Reserialised => Bytes::from(ics::reserialise(&text)),
        Stored::Adjusted => Bytes::from(ics::adjust(&text)),
    };
    let now = call.now;
    let before = call.calendar(calendar).and_then(|found| found.resources.get(name)).cloned();
    let name = match (&before, profile.write.renames) {
        (None, true) => {
            format!("{}.EML", digest(name.as_bytes()).chars().take(20).collect::<String>())
        }
        _ => name.to_owned(),
    };
    let is_identical = before.as_ref().is_some_and(|before| before.body == stored);
    if let Some(found) = call.calendar_mut(calendar) {
        found.store(&name, stored.clone(), profile.write.etag, now);
    }
    if profile.write.schedules && !is_identical {
        schedule::send(call, &text, "REQUEST");
    }
    let mut answer = reply::status(if before.is_some() { 204 } else { 201 });
    let tells_etag = match profile.write.put_etag {
        PutEtag::Always => true,
        PutEtag::IfUnchanged => stored == sent,
        PutEtag::Never => false,
        PutEtag::UnlessIdentical => !is_identical,
    };
    decorate(call, &mut answer, calendar, &name, tells_etag, &profile.write);
    if profile.write.renames && before.is_none() {
        let path = format!("{}{name}", call.collection_path(calendar));
        reply::set(&mut answer, "location", &place::href(&path, profile.xml.href, &call.origin));
    }
    answer
}

fn decorate(
    call: &Call<'_>,
    answer: &mut Reply,
    calendar: &str,
    name: &str,
    tells_etag: bool,
    knobs: &Write,
) {
    let Some(resource) = call.calendar(calendar).and_then(|found| found.resources.get(name)) else {
        return;
    };
    if tells_etag && knobs.etag != EtagForm::GzipSuffix {
        reply::set(answer, "etag", &resource.etag);
        if let Some(extra) = &knobs.extra_etag_header {
            reply::set(answer, extra, &resource.etag);
        }
    }
    if let Some(tag) = properties::schedule_tag(resource, knobs.schedule_tag) {
        reply::set(answer, "schedule-tag", &tag);
    }
}

pub(super) fn make_calendar(call: &mut Call<'_>, name: &str) -> Reply {
    if call.calendar(name).is_some() {
        return reply::status(405);
    }
    let Some(account) = call.state.accounts.get_mut(&call.user) else { return reply::status(404) };
    account
        .calendars
        .insert(name.to_owned(), crate::state::CalendarState::new(CalendarSpec::new(name)));
    reply::status(201)
}
