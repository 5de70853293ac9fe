//! What the stored words for failures mean, in a sentence for whoever runs the hub.

/// Says what happened and what to do about it.
pub fn in_words(code: &str) -> &'static str {
    match code {
        "unavailable" => {
            "the provider does not answer, or answers that it cannot: it is asked again; nothing to do unless it lasts"
        }
        "timeout" => {
            "the provider takes too long to answer: it is asked again; nothing to do unless it lasts"
        }
        "tls" => {
            "no safe connection: the provider's certificate is not accepted; it must be renewed there"
        }
        "dns" => {
            "the provider's name does not resolve: check the address, or the resolver of this machine"
        }
        "blocked_address" => {
            "the address lies in a network that this hub may not reach: allow it (--allow-net), or link another"
        }
        "throttled" => {
            "the provider asks us to slow down: it is left alone until then; nothing to do"
        }
        "cursor_expired" => {
            "the provider no longer knows our place in its changes: everything is listed again"
        }
        "calendar_gone" | "gone" => {
            "the provider says that the calendar is not there (404 or 410): was it deleted, moved or unshared?"
        }
        "unauthorized" | "needs_reauth" => {
            "the provider refuses the login: the person must give a new password (calhub connections update)"
        }
        "missing_scope" => {
            "the person did not allow all that this access needs: they must link again and leave every box ticked"
        }
        "admin_consent_required" => {
            "an administrator of the account's organisation has to allow this hub's OAuth client, then the person links again"
        }
        "wrong_client" => {
            "the provider refuses this hub's OAuth client: check its id and secret; no account is at fault"
        }
        "api_disabled" => {
            "the calendar API is switched off for this hub's OAuth client: switch it on in the provider's console"
        }
        "no_push" => {
            "the provider sends no notifications for this calendar: it is polled instead; nothing to do"
        }
        "forbidden" => {
            "the login works, and the provider does not let it read this calendar (403): was it unshared?"
        }
        "rejected" => {
            "the provider refuses what it is asked: this looks like a fault between it and the hub; tell us"
        }
        "bad_reply" => {
            "the answer is no calendar (a login page, cut or garbled XML or ICS): is the address still right?"
        }
        "not_caldav" => {
            "something answers at this address, but it speaks no CalDAV: check the address"
        }
        "version_conflict" | "already_exists" => {
            "somebody else changed the same thing meanwhile: it is read again"
        }
        "store" => "the hub's own database failed: see the hub's log",
        "login_unreadable" => {
            "the stored login cannot be opened: was the key file replaced? Restore it, or link again"
        }
        "panicked" => "the hub stumbled over this; its log has the place; tell us",
        _ => "see the operator's guide",
    }
}

#[cfg(test)]
mod tests {
    use connectors::Kind;

    use super::*;

    #[test]
    fn every_failure_of_a_provider_has_words() {
        let kinds = [
            Kind::Unavailable,
            Kind::Timeout,
            Kind::Tls,
            Kind::Dns,
            Kind::BlockedAddress,
            Kind::Throttled { retry_after: None, scope: connectors::Throttle::Host },
            Kind::CursorExpired,
            Kind::VersionConflict,
            Kind::AlreadyExists { at: None },
            Kind::Gone,
            Kind::CalendarGone,
            Kind::Unauthorized,
            Kind::MissingScope,
            Kind::AdminConsent,
            Kind::WrongClient,
            Kind::ApiDisabled,
            Kind::NoPush,
            Kind::Forbidden,
            Kind::Rejected,
            Kind::BadReply,
            Kind::NotCalDav,
        ];
        for kind in kinds {
            assert_ne!(in_words(kind.code()), in_words("?"), "{}", kind.code());
        }
    }
}
