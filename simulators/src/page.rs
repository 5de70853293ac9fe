//! The page a person sees at `/`: accounts, calendars and their events, feeds, the last requests.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::{
    account::{Account, Calendar},
    caldav::xml::escape,
    google, ics,
    log::Entry,
    microsoft,
    reply::{self, Reply},
    world::World,
};

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Calendar simulators</title>\
<meta name=viewport content='width=device-width'><style>\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
h1,h2,h3{line-height:1.2}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}\
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #ddd;vertical-align:top}\
code{background:#f3f3f3;padding:0 .25rem}.quiet{color:#666}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}code{background:#2a2a2a}th,td{border-color:#444}}\
</style><h1>Calendar simulators</h1>\
<p>This program behaves as calendar servers and feeds. The control API is described at <a href='/_sim/'>/_sim/</a>.";

const LAST_REQUESTS: usize = 25;

pub(crate) fn answer(world: &World) -> Reply {
    let mut html = String::from(HEAD);
    let _ = write!(html, "<p class=quiet>It is {} here.", world.now());
    for account in world.accounts() {
        account_section(&account, &mut html);
    }
    google::section(world, &mut html);
    microsoft::section(world, &mut html);
    feeds_section(world, &mut html);
    log_section(&world.log(), &mut html);
    reply::body(200, "text/html; charset=utf-8", Bytes::from(html))
}

fn account_section(account: &Account, html: &mut String) {
    let spec = account.spec();
    let _ = write!(
        html,
        "<h2>{}</h2><p>CalDAV at <code>{}</code>, profile <code>{}</code>, password <code>{}</code>",
        escape(account.user()),
        escape(&account.path()),
        escape(&spec.profile.name),
        escape(&spec.password)
    );
    for calendar in account.calendars() {
        calendar_section(&calendar, html);
    }
}

fn calendar_section(calendar: &Calendar, html: &mut String) {
    let spec = calendar.spec().unwrap_or_default();
    let title = spec.display_name.unwrap_or_else(|| spec.name.clone());
    let notes = if spec.transparent { " (does not count as busy)" } else { "" };
    let _ = write!(
        html,
        "<h3>{}{notes}</h3><table><tr><th>Starts<th>Event<th>Repeats<th>Resource",
        escape(&title)
    );
    for (name, resource) in calendar.resources() {
        for entry in ics::entries(&resource.text()).0 {
            let start = entry.line("DTSTART").map(|line| {
                let zone = line.param("TZID").map(|zone| format!(" {zone}")).unwrap_or_default();
                format!("{}{zone}", line.value)
            });
            let kind = if entry.line("RECURRENCE-ID").is_some() { "override" } else { "" };
            let _ = write!(
                html,
                "<tr><td>{}<td>{}<td>{}{kind}<td><code>{}</code>",
                escape(&start.unwrap_or_default()),
                escape(entry.value("SUMMARY").unwrap_or("(no title)")),
                escape(entry.value("RRULE").unwrap_or("")),
                escape(&name)
            );
        }
    }
    html.push_str("</table>");
}

fn feeds_section(world: &World, html: &mut String) {
    let feeds = world.feeds();
    if feeds.is_empty() {
        return;
    }
    html.push_str("<h2>Feeds</h2><table><tr><th>Name<th>Address<th>Events<th>Fetches");
    for feed in feeds {
        let _ = write!(
            html,
            "<tr><td>{0}<td><a href='{1}'>{1}</a><td>{2}<td>{3}",
            escape(feed.name()),
            escape(&feed.path()),
            feed.body().matches("BEGIN:VEVENT").count(),
            feed.fetches()
        );
    }
    html.push_str("</table>");
}

fn log_section(log: &[Entry], html: &mut String) {
    let _ = write!(
        html,
        "<h2>Requests</h2><p>{} so far.<table><tr><th>#<th>Request<th>Status<th>Bytes",
        log.len()
    );
    for entry in log.iter().rev().take(LAST_REQUESTS) {
        let status = entry.status.map_or("cut".to_owned(), |status| status.to_string());
        let report =
            entry.report.as_deref().map(|report| format!(" ({report})")).unwrap_or_default();
        let _ = write!(
            html,
            "<tr><td>{}<td>{} <code>{}</code>{}<td>{status} {}<td>{}",
            entry.n,
            escape(&entry.method),
            escape(&entry.path),
            escape(&report),
            escape(&entry.faults.join(", ")),
            entry.bytes_out
        );
    }
    html.push_str("</table></html>");
}
