//! GET and DELETE of one resource, and the preconditions that all methods share.

use super::{
    Call, Reply, properties,
    reply::{self, Row},
    schedule,
};
use crate::{
    profile::{DeleteReply, EtagForm, Refusal},
    spec::{Access, Resource},
};

/// Compares etags as a careful server behind a compressing proxy does.
pub(super) fn same_etag(a: &str, b: &str) -> bool {
    let core = |text: &str| {
        let text = text.trim().trim_start_matches("W/").trim_matches('"');
        text.strip_suffix("-gzip").unwrap_or(text).to_owned()
    };
    core(a) == core(b)
}

/// Whether one of the etags in a header names this version; `*` names any.
pub(super) fn names(header: &str, resource: Option<&Resource>) -> bool {
    resource.is_some_and(|there| {
        header.split(',').any(|tag| tag.trim() == "*" || same_etag(tag, &there.etag))
    })
}

pub(super) fn get(call: &Call<'_>, calendar: &str, name: &str) -> Reply {
    let Some(found) = call.calendar(calendar) else { return reply::status(404) };
    let profile = call.profile();
    if found.spec.access == Access::FreeBusyOnly {
        return reply::refuse(&Refusal::told(403, "D:need-privileges"), &profile.xml, None);
    }
    let Some(resource) = found.resources.get(name) else { return reply::status(404) };
    let is_known = call.header("if-none-match").is_some_and(|header| names(header, Some(resource)));
    let mut answer = if is_known && profile.write.conditional_get {
        reply::status(304)
    } else {
        reply::body(200, "text/calendar; charset=utf-8", resource.body.clone())
    };
    let etag = match profile.write.etag {
        EtagForm::GzipSuffix => format!("\"{}-gzip\"", resource.etag.trim_matches('"')),
        EtagForm::Counter | EtagForm::ContentHash | EtagForm::Weak => resource.etag.clone(),
    };
    reply::set(&mut answer, "etag", &etag);
    if let Some(tag) = properties::schedule_tag(resource, profile.write.schedule_tag) {
        reply::set(&mut answer, "schedule-tag", &tag);
    }
    answer
}

pub(super) fn delete(call: &mut Call<'_>, calendar: &str, name: &str) -> Reply {
    let profile = call.profile();
    let Some(found) = call.calendar(calendar) else { return reply::status(404) };
    if found.spec.access != Access::Owner {
        return reply::refuse(&Refusal::told(403, "D:need-privileges"), &profile.xml, None);
    }
    let Some(resource) = found.resources.get(name) else { return reply::status(404) };
    let wanted = call.header("if-match").filter(|_| profile.write.delete_honours_if_match);
    if wanted.is_some_and(|header| !names(header, Some(resource))) {
        return reply::text(412, &profile.write.precondition_text);
    }
    let (href, now) = (call.href(call.request.uri().path()), call.now);
    let gone = call.calendar_mut(calendar).and_then(|found| found.remove(name, now));
    if let Some(gone) =
        gone.filter(|_| profile.write.schedules && call.header("schedule-reply") != Some("F"))
    {
        schedule::send(call, &gone.text(), "CANCEL");
    }
    match profile.write.delete {
        DeleteReply::NoContent => reply::status(204),
        DeleteReply::Plain => reply::status(200),
        DeleteReply::Multistatus => {
            let mut answer = reply::multistatus(
                call,
                vec![Row::Status { href, status: 200, error: None }],
                None,
            );
            *answer.status_mut() = http::StatusCode::OK;
            answer
        }
    }
}
