//! The Google part of the page at `/`.

use std::fmt::Write as _;

use serde_json::Value;

use super::{account::GoogleAccount, person::title};
use crate::{caldav::xml::escape, world::World};

pub(crate) fn section(world: &World, html: &mut String) {
    let clients = world.google_clients();
    if !clients.is_empty() {
        html.push_str("<h2>Google</h2><table><tr><th>OAuth client<th>Secret<th>Redirect URIs");
        for client in clients {
            let _ = write!(
                html,
                "<tr><td><code>{}</code><td><code>{}</code><td>{}",
                escape(&client.client_id),
                escape(&client.client_secret),
                escape(&client.redirect_uris.join(" "))
            );
        }
        html.push_str("</table>");
    }
    for account in world.google_accounts() {
        account_section(&account, html);
    }
    let channels = world.channels();
    if !channels.is_empty() {
        let _ = write!(html, "<p>{} push channels are open.", channels.len());
    }
}

fn account_section(account: &GoogleAccount, html: &mut String) {
    let _ = write!(html, "<h2>{}</h2>", escape(account.email()));
    for calendar in account.calendars() {
        let role = calendar.role().map_or("not shared any more", super::spec::Role::word);
        let _ = write!(
            html,
            "<h3>{} <span class=quiet>{role}, <code>{}</code></span></h3><table><tr><th>Starts<th>Event<th>Repeats<th>Id",
            escape(&calendar.summary()),
            escape(calendar.id())
        );
        for (id, event) in calendar.events() {
            let start = event.get("start").or_else(|| event.get("originalStartTime"));
            let start = start.and_then(|start| start.get("dateTime").or_else(|| start.get("date")));
            let rules = event.get("recurrence").and_then(Value::as_array).into_iter().flatten();
            let rules: Vec<&str> = rules.filter_map(Value::as_str).collect();
            let is_cancelled = event.get("status").and_then(Value::as_str) == Some("cancelled");
            let _ = write!(
                html,
                "<tr><td>{}<td>{}{}<td>{}<td><code>{}</code>",
                escape(start.and_then(Value::as_str).unwrap_or_default()),
                escape(event.as_object().map_or("", title)),
                if is_cancelled { " (cancelled)" } else { "" },
                escape(&rules.join(" ")),
                escape(&id)
            );
        }
        html.push_str("</table>");
    }
}
