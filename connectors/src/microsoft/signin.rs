//! What the sign-in server's refusals mean: `error` and the number of an AADSTS code, never its text.

use serde::Deserialize;

use crate::error::{Error, Kind};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: String,
    error_codes: Vec<u64>,
}

/// Sorts what a token endpoint refused with; `None` where the words of RFC 6749 say all there is.
pub fn at_token(body: &[u8]) -> Option<Error> {
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let code = refusal.error_codes.first().copied();
    let (kind, why) = code.and_then(by_code).or_else(|| by_word(&refusal.error))?;
    let number = code.map(|code| format!(" (AADSTS{code})")).unwrap_or_default();
    Some(kind.error(format!("the sign-in server of microsoft says that {why}{number}")))
}

fn by_code(code: u64) -> Option<(Kind, &'static str)> {
    Some(match code {
        70008 | 700_082 => (Kind::Unauthorized, "the grant has expired"),
        50173 => (Kind::Unauthorized, "the grant was revoked"),
        50076 | 50078 | 50079 => (Kind::Unauthorized, "another proof of identity is needed"),
        53000 | 53003 => {
            (Kind::Unauthorized, "a policy of the organisation does not let the person in")
        }
        65001 => (Kind::Unauthorized, "the person has not agreed, or not any more"),
        65004 => (Kind::Unauthorized, "the person did not agree"),
        50034 | 50057 => (Kind::Unauthorized, "the user is unknown or switched off"),
        90094 | 90095 => (Kind::AdminConsent, "an administrator has to agree first"),
        50020 => (Kind::Forbidden, "the account is of another directory or kind"),
        700_084 => {
            (Kind::WrongClient, "the redirect address is registered for a page in the browser")
        }
        7_000_215 | 7_000_222 => (Kind::WrongClient, "the client's secret is wrong or has expired"),
        700_016 => (Kind::WrongClient, "the directory does not know the OAuth client"),
        70011 => (Kind::Rejected, "a scope is wrong"),
        50011 | 9_002_313 => (Kind::Rejected, "the request is wrong"),
        90033 => (Kind::Unavailable, "it is busy"),
        _ => return None,
    })
}

fn by_word(error: &str) -> Option<(Kind, &'static str)> {
    Some(match error {
        "interaction_required" | "login_required" | "consent_required" => {
            (Kind::Unauthorized, "the person has to sign in again")
        }
        "temporarily_unavailable" | "server_error" => (Kind::Unavailable, "it is busy"),
        _ => return None,
    })
}

/// A word for what a consent page sent a browser back with.
pub fn at_consent(error: &str, description: Option<&str>) -> &'static str {
    let code = description.and_then(stated);
    match (code, error) {
        (Some(90094 | 90095), _) | (None, "consent_required") => "admin_consent_required",
        (Some(50020 | 50105), _) => "wrong_account",
        (Some(65004), _) | (_, "access_denied") => "denied",
        (_, "temporarily_unavailable" | "server_error") => "unavailable",
        _ => "provider_refused",
    }
}

/// The number of the first AADSTS code in a description: a redirect states it nowhere else.
fn stated(description: &str) -> Option<u64> {
    let (_, rest) = description.split_once("AADSTS")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(error: &str, code: u64) -> Option<Kind> {
        let body = serde_json::json!({
            "error": error, "error_description": format!("AADSTS{code}: anna@example.org did it."),
            "error_codes": [code], "trace_id": "x", "correlation_id": "y",
        });
        at_token(body.to_string().as_bytes()).map(|error| {
            assert!(!error.detail.contains("anna"), "{error}");
            error.kind
        })
    }

    #[test]
    fn a_code_says_who_has_to_act() {
        for code in
            [70008, 700_082, 50173, 50076, 50079, 50078, 53003, 53000, 65001, 65004, 50034, 50057]
        {
            assert_eq!(kind("invalid_grant", code), Some(Kind::Unauthorized), "{code}");
        }
        for code in [7_000_215, 7_000_222, 700_016, 700_084] {
            assert_eq!(kind("invalid_client", code), Some(Kind::WrongClient), "{code}");
        }
        assert_eq!(kind("invalid_grant", 90094), Some(Kind::AdminConsent));
        assert_eq!(kind("invalid_scope", 70011), Some(Kind::Rejected));
        assert_eq!(kind("invalid_request", 50011), Some(Kind::Rejected));
        assert_eq!(kind("invalid_request", 50020), Some(Kind::Forbidden));
        assert_eq!(kind("temporarily_unavailable", 90033), Some(Kind::Unavailable));
        assert_eq!(kind("interaction_required", 1), Some(Kind::Unauthorized), "a code of tomorrow");
        assert_eq!(kind("invalid_grant", 1), None, "RFC 6749 says it all");
        for body in ["", "<html>", "{}", "[]", "{\"error_codes\":\"70008\"}"] {
            assert!(at_token(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn a_browser_comes_back_with_a_word_for_the_person() {
        let word = |error, text: &str| at_consent(error, Some(text));
        assert_eq!(word("access_denied", "AADSTS65004: User declined to consent."), "denied");
        assert_eq!(word("access_denied", "AADSTS90094: Need admin."), "admin_consent_required");
        assert_eq!(word("invalid_request", "AADSTS50020: of another"), "wrong_account");
        assert_eq!(at_consent("access_denied", None), "denied");
        assert_eq!(at_consent("consent_required", None), "admin_consent_required");
        assert_eq!(word("server_error", "AADSTS: no number"), "unavailable");
        assert_eq!(at_consent("whatever", Some("AADSTS")), "provider_refused");
    }
}
