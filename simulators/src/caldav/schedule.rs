//! Server-side scheduling in its simple form: which mails a write would have sent.

use super::Call;
use crate::{ics, log::Mail};

/// Puts the mails of a stored or deleted event into the world's outbox, when the account is its organiser.
pub(super) fn send(call: &mut Call<'_>, body: &str, method: &str) {
    let Some(account) = call.account() else { return };
    let ours = account.spec.addresses.clone();
    let is_ours = |address: &str| ours.iter().any(|own| own.eq_ignore_ascii_case(address.trim()));
    let (entries, _) = ics::entries(body);
    let Some(event) = entries.iter().find(|entry| entry.value("ORGANIZER").is_some_and(is_ours))
    else {
        return;
    };
    let left_to_clients = ["CLIENT", "NONE"];
    let mails: Vec<Mail> = event
        .all("ATTENDEE")
        .filter(|line| !is_ours(&line.value))
        .filter(|line| {
            !line.param("SCHEDULE-AGENT").is_some_and(|agent| left_to_clients.contains(&agent))
        })
        .map(|line| Mail {
            account: call.user.clone(),
            to: line.value.clone(),
            method: method.to_owned(),
            uid: event.value("UID").unwrap_or_default().to_owned(),
        })
        .collect();
    call.state.outbox.extend(mails);
}
