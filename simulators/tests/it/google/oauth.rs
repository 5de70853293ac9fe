//! Consent, codes, tokens, and how grants end.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use simulators::{GoogleAccountSpec, GoogleClientSpec, Publishing};

use super::{
    Answer, Api,
    api::{ANA, CALLBACK, CLIENT},
};

const VERIFIER: &str = "0123456789012345678901234567890123456789012345";
const READ: &str = "https://www.googleapis.com/auth/calendar.events.readonly";
const LISTS: &str = "https://www.googleapis.com/auth/calendar.calendarlist.readonly";

fn coded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// An authorization address; `more` comes last and wins where it repeats a name.
fn address(more: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let scope = format!("openid email {READ} {LISTS}");
    let base = [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", CALLBACK),
        ("scope", &scope),
        ("state", "s&t=1"),
        ("access_type", "offline"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let kept = base.iter().filter(|(name, _)| !more.iter().any(|(over, _)| over == name));
    let pairs: Vec<String> =
        kept.chain(more).map(|(name, value)| format!("{name}={}", coded(value))).collect();
    format!("/g/o/oauth2/v2/auth?{}", pairs.join("&"))
}

async fn page(api: &Api, more: &[(&str, &str)]) -> Answer {
    api.raw("GET", &address(more), &[], String::new()).await.unwrap()
}

/// What the redirect says: the address before the query, and the values in it.
async fn answered(
    api: &Api,
    more: &[(&str, &str)],
    form: &[(&str, &str)],
) -> (String, Vec<(String, String)>) {
    let body: Vec<String> =
        form.iter().map(|(name, value)| format!("{name}={}", coded(value))).collect();
    let answer = api.raw("POST", &address(more), &[], body.join("&")).await.unwrap();
    assert_eq!(answer.status, 302, "{}", answer.text);
    let (base, query) = answer.header("location").split_once('?').unwrap();
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    (base.to_owned(), pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
}

fn value(pairs: &[(String, String)], name: &str) -> String {
    pairs.iter().find(|(key, _)| key == name).map_or(String::new(), |(_, value)| value.clone())
}

const ALLOW: [(&str, &str); 4] =
    [("account", ANA), ("scope", READ), ("scope", LISTS), ("action", "allow")];

async fn code(api: &Api, more: &[(&str, &str)]) -> String {
    value(&answered(api, more, &ALLOW).await.1, "code")
}

async fn redeemed(api: &Api, code: &str) -> Answer {
    exchanged(api, code, CALLBACK, VERIFIER).await
}

async fn exchanged(api: &Api, code: &str, redirect: &str, verifier: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect),
        ("code_verifier", verifier),
    ];
    api.form("/g/token", &form).await
}

#[tokio::test]
async fn the_page_asks_who_and_what_and_needs_nothing_from_elsewhere() {
    let api = Api::new().await;
    api.world.add_google_account(GoogleAccountSpec::new("bo@example.com"));
    let page = page(&api, &[("login_hint", "bo@example.com")]).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    for part in [
        "id=allow",
        "id=deny",
        "for=scope-2",
        "id=scope-2",
        "id=scope-3",
        "value='bo@example.com' required checked",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert!(!page.text.contains("<script") && !page.text.contains("src="));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
}

#[tokio::test]
async fn a_code_is_exchanged_once_with_its_verifier() {
    let api = Api::new().await;
    api.ana.revoke_grants();
    let (base, pairs) = answered(&api, &[], &ALLOW).await;
    assert_eq!((base.as_str(), value(&pairs, "state").as_str()), (CALLBACK, "s&t=1"));
    let code = value(&pairs, "code");
    let tokens = redeemed(&api, &code).await;
    assert_eq!(
        (tokens.status, &tokens.json["token_type"], &tokens.json["expires_in"]),
        (200, &json!("Bearer"), &json!(3599))
    );
    assert!(tokens.json["refresh_token"].is_string(), "the first consent");
    assert_eq!(tokens.json["scope"], format!("email {LISTS} {READ} openid"));
    let claims = tokens.json["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(
        (&claims["email"], &claims["aud"], &claims["sub"]),
        (&json!(ANA), &json!(CLIENT), &json!(api.ana.sub()))
    );
    let again = redeemed(&api, &code).await;
    assert_eq!((again.status, &again.json["error"]), (400, &json!("invalid_grant")));
    let login = format!("Bearer {}", tokens.json["access_token"].as_str().unwrap());
    let who =
        api.raw("GET", "/g/userinfo", &[("authorization", &login)], String::new()).await.unwrap();
    assert_eq!((&who.json["sub"], &who.json["email"]), (&json!(api.ana.sub()), &json!(ANA)));
}

#[tokio::test]
async fn a_code_with_another_redirect_verifier_or_age_is_refused() {
    let api = Api::new().await;
    let other = "x".repeat(43);
    for (redirect, verifier) in
        [("https://hub.example/other", VERIFIER), (CALLBACK, other.as_str()), (CALLBACK, "")]
    {
        let refused = exchanged(&api, &code(&api, &[]).await, redirect, verifier).await;
        assert_eq!(
            (refused.status, &refused.json["error_description"]),
            (400, &json!("Bad Request"))
        );
    }
    let old = code(&api, &[]).await;
    api.world.advance(Duration::from_secs(601));
    assert_eq!(redeemed(&api, &old).await.json["error"], "invalid_grant");
    let never = redeemed(&api, "4/never").await;
    assert_eq!(never.json["error_description"], "Malformed auth code.");
    api.world.add_google_client(GoogleClientSpec::new("other", "other-secret"));
    let foreign = code(&api, &[]).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", foreign.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", "other"),
        ("client_secret", "other-secret"),
    ];
    let body: Vec<String> =
        form.iter().map(|(name, value)| format!("{name}={}", coded(value))).collect();
    let stolen = api.raw("POST", "/g/token", &[], body.join("&")).await.unwrap();
    assert_eq!((stolen.status, &stolen.json["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn denying_and_unticking_are_told() {
    let api = Api::new().await;
    let denied = answered(&api, &[], &[("account", ANA), ("action", "deny")]).await.1;
    assert_eq!(
        (value(&denied, "error").as_str(), value(&denied, "state").as_str()),
        ("access_denied", "s&t=1")
    );
    let part = [("account", ANA), ("scope", READ), ("action", "allow")];
    let pairs = answered(&api, &[("prompt", "consent")], &part).await.1;
    let tokens = redeemed(&api, &value(&pairs, "code")).await;
    assert_eq!(tokens.json["scope"], format!("email {READ} openid"), "what was really granted");
    let silent = api.raw("GET", &address(&[("prompt", "none")]), &[], String::new()).await.unwrap();
    assert!(silent.header("location").contains("error=interaction%5Frequired"));
}

#[tokio::test]
async fn wrong_requests_are_shown_and_not_sent_back() {
    let api = Api::new().await;
    for (more, error) in [
        (("redirect_uri", "https://evil.example/"), "redirect_uri_mismatch"),
        (("redirect_uri", "https://hub.example/oauth/google/"), "redirect_uri_mismatch"),
        (("client_id", "nobody"), "invalid_client"),
        (("scope", "calendar.everything"), "invalid_scope"),
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "S512"), "invalid_request"),
    ] {
        let shown = page(&api, &[more]).await;
        assert!(shown.status == 400 && shown.text.contains(error), "{error}: {}", shown.text);
        assert_eq!(shown.header("location"), "");
    }
    let mut spec = GoogleAccountSpec::new("cy@corp.example");
    spec.blocked_by_admin = true;
    api.world.add_google_account(spec);
    let body = "account=cy%40corp.example&action=allow".to_owned();
    let blocked = api.raw("POST", &address(&[]), &[], body).await.unwrap();
    assert!(blocked.text.contains("admin_policy_enforced"));
}

#[tokio::test]
async fn only_a_first_or_forced_consent_brings_a_refresh_token() {
    let api = Api::new().await;
    let second = redeemed(&api, &code(&api, &[]).await).await;
    assert_eq!(second.json.get("refresh_token"), None, "there was a grant before");
    let forced = redeemed(&api, &code(&api, &[("prompt", "consent")]).await).await;
    let new = forced.json["refresh_token"].as_str().unwrap();
    assert_ne!(new, api.refresh);
    assert_eq!(api.refreshed(&api.refresh).await.status, 200, "the old one lives on");
    let refreshed = api.refreshed(new).await;
    assert_eq!((refreshed.status, refreshed.json.get("refresh_token")), (200, None));
    let online =
        redeemed(&api, &code(&api, &[("access_type", "online"), ("prompt", "consent")]).await)
            .await;
    assert_eq!(online.json.get("refresh_token"), None);
}

#[tokio::test]
async fn granted_scopes_may_be_included() {
    let api = Api::with(&["calendar.events"]).await;
    let code = code(&api, &[("include_granted_scopes", "true"), ("prompt", "consent")]).await;
    let tokens = redeemed(&api, &code).await;
    assert!(
        tokens.json["scope"].as_str().unwrap().contains("auth/calendar.events "),
        "{}",
        tokens.text
    );
}

#[tokio::test]
async fn an_access_token_dies_of_age() {
    let api = Api::new().await;
    api.world.advance(Duration::from_secs(3_600));
    let refused = api.list("").await;
    assert_eq!((refused.status, refused.reason()), (401, "authError"));
    assert_eq!(refused.json["error"]["errors"][0]["location"], "Authorization");
    assert_eq!(refused.json["error"]["message"], "Invalid Credentials");
}

#[tokio::test]
async fn a_revoked_grant_takes_its_tokens_with_it() {
    let api = Api::new().await;
    assert_eq!(api.form("/g/revoke", &[("token", &api.token)]).await.status, 200);
    assert_eq!(api.list("").await.status, 401);
    let dead = api.refreshed(&api.refresh).await;
    assert_eq!((dead.status, &dead.json["error"]), (400, &json!("invalid_grant")));
    assert_eq!(dead.json["error_description"], "Token has been expired or revoked.");
    assert_eq!(
        api.form("/g/revoke", &[("token", &api.refresh)]).await.status,
        400,
        "unknown by now"
    );
    let other = Api::new().await;
    other.ana.revoke_grants();
    assert_eq!(other.refreshed(&other.refresh).await.json["error"], "invalid_grant");
}

#[tokio::test]
async fn the_101st_grant_ends_the_oldest_without_a_word() {
    let api = Api::new().await;
    let mut last = String::new();
    for _ in 0..99 {
        last = api.ana.grant(CLIENT, &["calendar"]);
    }
    assert_eq!(api.refreshed(&api.refresh).await.status, 200);
    api.ana.grant(CLIENT, &["calendar"]);
    assert_eq!(api.refreshed(&api.refresh).await.json["error"], "invalid_grant");
    assert_eq!(api.refreshed(&last).await.status, 200);
}

#[tokio::test]
async fn grants_of_an_app_in_testing_die_after_a_week() {
    let api = Api::new().await;
    let client = GoogleClientSpec::new(CLIENT, "secret")
        .redirect_uri(CALLBACK)
        .publishing(Publishing::Testing);
    api.world.add_google_client(client);
    let tokens = redeemed(&api, &code(&api, &[("prompt", "consent")]).await).await;
    assert_eq!(tokens.json["refresh_token_expires_in"], 604_800);
    let refresh = tokens.json["refresh_token"].as_str().unwrap();
    api.world.advance(Duration::from_secs(7 * 86_400 - 1));
    assert_eq!(api.refreshed(refresh).await.status, 200);
    api.world.advance(Duration::from_secs(1));
    assert_eq!(api.refreshed(refresh).await.json["error"], "invalid_grant");
    assert_eq!(api.refreshed(&api.refresh).await.status, 200, "those made in production live on");
}

#[tokio::test]
async fn a_wrong_client_is_no_dead_grant() {
    let api = Api::new().await;
    let body = |secret: &str| {
        format!(
            "grant_type=refresh_token&client_id={CLIENT}&client_secret={secret}&refresh_token={}",
            coded(&api.refresh)
        )
    };
    let wrong = api.raw("POST", "/g/token", &[], body("wrong")).await.unwrap();
    assert_eq!((wrong.status, &wrong.json["error"]), (401, &json!("invalid_client")));
    assert_eq!(api.raw("POST", "/g/token", &[], body("secret")).await.unwrap().status, 200);
    let mut client = GoogleClientSpec::new(CLIENT, "secret");
    client.unauthorized = true;
    api.world.add_google_client(client.clone());
    assert_eq!(api.refreshed(&api.refresh).await.json["error"], "unauthorized_client");
    client.unauthorized = false;
    client.api_disabled = true;
    api.world.add_google_client(client);
    let disabled = api.list("").await;
    assert_eq!((disabled.status, disabled.reason()), (403, "accessNotConfigured"));
    assert_eq!(disabled.json["error"]["details"][0]["reason"], "SERVICE_DISABLED");
}

#[tokio::test]
async fn a_grant_that_nobody_uses_dies_after_half_a_year() {
    let api = Api::new().await;
    let idle = api.ana.grant(CLIENT, &["calendar"]);
    for _ in 0..2 {
        api.world.advance(Duration::from_secs(100 * 86_400));
        assert_eq!(api.refreshed(&api.refresh).await.status, 200);
    }
    assert_eq!(api.refreshed(&idle).await.json["error"], "invalid_grant");
}
