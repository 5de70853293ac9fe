//! The Microsoft part of the page at `/`.

use std::fmt::Write as _;

use serde_json::Value;

use super::account::MicrosoftAccount;
use crate::{caldav::xml::escape, world::World};

pub(crate) fn section(world: &World, html: &mut String) {
    let clients = world.microsoft_clients();
    if !clients.is_empty() {
        html.push_str("<h2>Microsoft</h2><table><tr><th>App<th>Secret<th>Redirect URIs");
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
    for account in world.microsoft_accounts() {
        account_section(&account, html);
    }
    let subscriptions = world.microsoft_subscriptions();
    if !subscriptions.is_empty() {
        let _ = write!(html, "<p>{} subscriptions live.", subscriptions.len());
    }
}

fn account_section(account: &MicrosoftAccount, html: &mut String) {
    let _ = write!(html, "<h2>{}</h2>", escape(account.email()));
    for calendar in account.calendars() {
        let _ = write!(
            html,
            "<h3>{} <span class=quiet><code>{}</code></span></h3><table><tr><th>Starts (UTC)<th>Event<th>Repeats<th>Id",
            escape(&calendar.name()),
            escape(calendar.id())
        );
        for (id, event) in calendar.events() {
            let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
            let _ = write!(
                html,
                "<tr><td>{}<td>{}<td>{}<td><code>{}</code>",
                escape(text("/start/dateTime").split('.').next().unwrap_or_default()),
                escape(text("/subject")),
                escape(text("/recurrence/pattern/type")),
                escape(&id)
            );
        }
        html.push_str("</table>");
    }
}
