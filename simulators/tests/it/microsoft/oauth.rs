//! The identity platform: codes, tokens that rotate, AADSTS errors, consent of persons and administrators.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use simulators::{MicrosoftAccountSpec, MicrosoftClientSpec};

use super::{
    Api,
    api::{Answer, CALLBACK, CLIENT, LEA},
};

/// The challenge of the verifier below, by RFC 7636.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn authorize(scope: &str, more: &str) -> String {
    let scope = scope.replace(' ', "%20");
    format!(
        "/common/oauth2/v2.0/authorize?client_id={CLIENT}&response_type=code&redirect_uri={CALLBACK}&scope={scope}\
         &state=s1&code_challenge={CHALLENGE}&code_challenge_method=S256{more}"
    )
}

async fn clicked(api: &Api, path: &str, form: &str) -> Answer {
    api.raw("POST", path, &[], form.to_owned()).await.unwrap()
}

/// A value of the query that the browser comes back with.
fn back(answer: &Answer, name: &str) -> String {
    let location = answer.header("location");
    let query = location.split(['?', '#']).nth(1).unwrap_or_else(|| panic!("{}", answer.text));
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    percent_encoding::percent_decode_str(found.unwrap_or("")).decode_utf8().unwrap().into_owned()
}

fn code(answer: &Answer) -> Option<u64> {
    answer.json["error_codes"][0].as_u64()
}

fn claims(token: &Value) -> Value {
    let part = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn redeemed(api: &Api, code: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    api.form(&fields).await
}

#[tokio::test]
async fn a_person_accepts_and_the_app_gets_its_tokens() {
    let api = Api::new().await;
    let path = authorize(
        "openid profile email offline_access https://graph.microsoft.com/Calendars.ReadWrite",
        "&nonce=n1",
    );
    let page = api.raw("GET", &path, &[], String::new()).await.unwrap();
    assert!(page.text.contains("Have full access to your calendars") && page.text.contains(LEA));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let sent = clicked(&api, &path, &format!("action=allow&account={LEA}")).await;
    assert_eq!((sent.status, back(&sent, "state").as_str()), (302, "s1"));
    let told = redeemed(&api, &back(&sent, "code")).await;
    assert_eq!(told.json["token_type"], "Bearer");
    assert_eq!(told.json["scope"], "Calendars.ReadWrite email openid profile");
    let lives = told.json["expires_in"].as_u64().unwrap();
    assert!((3_600..=5_400).contains(&lives), "{lives}");
    let claims = claims(&told.json["id_token"]);
    assert_eq!(
        (&claims["nonce"], &claims["aud"], &claims["preferred_username"]),
        (&json!("n1"), &json!(CLIENT), &json!(LEA))
    );
    assert_eq!(claims["oid"], api.lea.id());
    let again = redeemed(&api, &back(&sent, "code")).await;
    assert_eq!((again.status, code(&again)), (400, Some(54_005)), "a code is good for once");
    assert_eq!(again.json["error"], "invalid_grant");
    assert!(again.json["error_description"].as_str().unwrap().starts_with("AADSTS54005: "));
    let declined = clicked(&api, &path, "action=deny").await;
    assert_eq!(back(&declined, "error"), "access_denied");
    assert!(back(&declined, "error_description").contains("AADSTS65004"));
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let api = Api::new().await;
    let sent =
        clicked(&api, &authorize("Calendars.Read", ""), &format!("action=allow&account={LEA}"))
            .await;
    let told = redeemed(&api, &back(&sent, "code")).await;
    assert!(told.json.get("access_token").is_some() && told.json.get("refresh_token").is_none());
}

#[tokio::test]
async fn the_proof_key_and_the_address_must_fit() {
    let api = Api::new().await;
    let path = authorize("Calendars.Read", "");
    let sent = clicked(&api, &path, &format!("action=allow&account={LEA}")).await;
    let wrong = [
        ("grant_type", "authorization_code"),
        ("code", &back(&sent, "code")),
        ("redirect_uri", CALLBACK),
        ("code_verifier", &"x".repeat(43)),
    ];
    assert_eq!(code(&api.form(&wrong).await), Some(501_481));
    let elsewhere = path.replace("hub.example", "evil.example");
    let page = api.raw("GET", &elsewhere, &[], String::new()).await.unwrap();
    assert!(
        page.status == 400
            && page.text.contains("AADSTS50011")
            && page.header("location").is_empty()
    );
    let scope =
        api.raw("GET", &authorize("Calendars.Everything", ""), &[], String::new()).await.unwrap();
    assert_eq!(back(&scope, "error"), "invalid_scope");
    let late = clicked(&api, &path, &format!("action=allow&account={LEA}")).await;
    api.world.advance(Duration::from_secs(601));
    assert_eq!(code(&redeemed(&api, &back(&late, "code")).await), Some(70_008));
}

#[tokio::test]
async fn answers_come_back_in_the_mode_that_was_asked_for() {
    let api = Api::new().await;
    let form = format!("action=allow&account={LEA}");
    let fragment =
        clicked(&api, &authorize("Calendars.Read", "&response_mode=fragment"), &form).await;
    assert!(fragment.header("location").starts_with(&format!("{CALLBACK}#code=")));
    let posted =
        clicked(&api, &authorize("Calendars.Read", "&response_mode=form_post"), &form).await;
    assert!(
        posted.status == 200
            && posted.text.contains("name='code'")
            && posted.text.contains("name='state' value='s1'")
    );
    let silent = api
        .raw("GET", &authorize("Calendars.Read", "&prompt=none"), &[], String::new())
        .await
        .unwrap();
    assert_eq!(back(&silent, "error"), "interaction_required");
}

#[tokio::test]
async fn refresh_tokens_rotate_and_the_old_one_goes_on() {
    let api = Api::new().await;
    let first = api.refreshed(&api.refresh).await;
    let second = first.json["refresh_token"].as_str().unwrap();
    assert_ne!(second, api.refresh);
    assert_eq!(api.refreshed(&api.refresh).await.status, 200, "a lost answer is survivable");
    assert_eq!(api.refreshed(second).await.status, 200);
    api.world.advance(Duration::from_secs(89 * 86_400));
    assert_eq!(api.refreshed(second).await.status, 200);
    api.world.advance(Duration::from_secs(2 * 86_400));
    let idle = api.refreshed(&api.refresh).await;
    assert_eq!((idle.status, code(&idle)), (400, Some(700_082)));
    assert_eq!(api.refreshed(second).await.status, 200, "this one was used");
}

#[tokio::test]
async fn refreshing_ends_for_many_reasons() {
    let api = Api::new().await;
    for (aadsts, error) in [
        (50_076, "interaction_required"),
        (53_003, "invalid_grant"),
        (65_001, "invalid_grant"),
        (50_057, "invalid_grant"),
        (90_033, "temporarily_unavailable"),
    ] {
        api.lea.refuse_refreshes(Some(aadsts));
        let refused = api.refreshed(&api.refresh).await;
        assert_eq!(
            (code(&refused), refused.json["error"].as_str()),
            (Some(aadsts.into()), Some(error))
        );
    }
    api.lea.refuse_refreshes(None);
    assert_eq!(api.refreshed(&api.refresh).await.status, 200);
    let more = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &api.refresh),
        ("scope", "Calendars.ReadWrite Mail.Read"),
    ];
    assert_eq!(code(&api.form(&more).await), Some(65_001));
    api.lea.revoke_grants();
    assert_eq!(code(&api.refreshed(&api.refresh).await), Some(50_173));
    assert_eq!(api.get("me").await.code(), "InvalidAuthenticationToken");
}

#[tokio::test]
async fn a_wrong_secret_is_the_operators_business() {
    let api = Api::new().await;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*api.refresh),
        ("client_secret", "wrong"),
    ];
    let refused = api.form(&fields).await;
    assert_eq!(
        (refused.status, refused.json["error"].as_str(), code(&refused)),
        (401, Some("invalid_client"), Some(7_000_215))
    );
    let base = MicrosoftClientSpec::new(CLIENT, "secret");
    api.world.add_microsoft_client(MicrosoftClientSpec { secret_expired: true, ..base.clone() });
    assert_eq!(code(&api.refreshed(&api.refresh).await), Some(7_000_222));
    api.world.add_microsoft_client(MicrosoftClientSpec { removed: true, ..base.clone() });
    let removed = api.refreshed(&api.refresh).await;
    assert_eq!(
        (removed.json["error"].as_str(), code(&removed)),
        (Some("unauthorized_client"), Some(700_016))
    );
    api.world.add_microsoft_client(MicrosoftClientSpec { spa: true, ..base });
    assert_eq!(api.refreshed(&api.refresh).await.status, 200);
    api.world.advance(Duration::from_secs(86_400));
    assert_eq!(code(&api.refreshed(&api.refresh).await), Some(700_084));
}

#[tokio::test]
async fn an_access_token_runs_out_or_is_challenged() {
    let api = Api::new().await;
    assert_eq!(api.raw("GET", "/v1.0/me", &[], String::new()).await.unwrap().status, 401);
    let wanted = "{\"access_token\":{\"nbf\":{\"essential\":true}}}";
    api.lea.challenge("eyJhY2Nlc3NfdG9rZW4iOnt9fQ==");
    let refused = api.get("me").await;
    assert_eq!((refused.status, refused.code()), (401, "InvalidAuthenticationToken"));
    assert!(refused.header("www-authenticate").contains("insufficient_claims"), "{wanted}");
    let plain = api.refreshed(&api.refresh).await.json["access_token"].as_str().unwrap().to_owned();
    let api = Api { token: plain, ..api };
    assert_eq!(api.get("me").await.status, 401, "without the claims nothing changes");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*api.refresh),
        ("claims", "eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="),
    ];
    let token = api.form(&fields).await.json["access_token"].as_str().unwrap().to_owned();
    let api = Api { token, ..api };
    assert_eq!(api.get("me").await.status, 200);
    api.world.advance(Duration::from_secs(5_401));
    assert!(api.get("me").await.text.contains("expired"));
}

#[tokio::test]
async fn accounts_sign_in_where_they_belong() {
    let api = Api::new().await;
    api.world.add_microsoft_account(MicrosoftAccountSpec {
        personal: true,
        ..MicrosoftAccountSpec::new("kim@outlook.example")
    });
    let ask =
        |tenant: &str| authorize("Calendars.Read", "").replace("/common/", &format!("/{tenant}/"));
    for (tenant, account, status) in [
        ("organizations", LEA, 302),
        ("contoso.example", LEA, 302),
        ("consumers", LEA, 400),
        ("fabrikam.example", LEA, 400),
        ("organizations", "kim@outlook.example", 400),
        ("consumers", "kim@outlook.example", 302),
    ] {
        let answer = clicked(&api, &ask(tenant), &format!("action=allow&account={account}")).await;
        assert_eq!(answer.status, status, "{tenant} {account}");
        assert_eq!(answer.text.contains("AADSTS50020"), status == 400);
    }
    let metadata = api
        .raw("GET", "/common/v2.0/.well-known/openid-configuration", &[], String::new())
        .await
        .unwrap();
    assert_eq!(metadata.json["token_endpoint"], "http://sim.example/common/oauth2/v2.0/token");
}

#[tokio::test]
async fn an_administrator_agrees_for_those_who_may_not() {
    let api = Api::new().await;
    let strict = "max@strict.example";
    api.world.add_microsoft_account(MicrosoftAccountSpec {
        needs_admin: true,
        ..MicrosoftAccountSpec::new(strict)
    });
    let form = format!("action=allow&account={strict}");
    let refused = clicked(&api, &authorize("Calendars.Read", ""), &form).await;
    assert!(
        refused.status == 400
            && refused.text.contains("Need admin approval")
            && refused.text.contains("AADSTS90094")
    );
    assert!(refused.text.contains("?error=access%5Fdenied&amp;error_description=AADSTS90094%3A"));
    let path = format!(
        "/strict.example/v2.0/adminconsent?client_id={CLIENT}&redirect_uri={CALLBACK}&state=s2&scope=Calendars.Read"
    );
    let page = api.raw("GET", &path, &[], String::new()).await.unwrap();
    assert!(page.text.contains("for your organization"));
    let denied = clicked(&api, &path, "action=deny").await;
    assert_eq!(back(&denied, "error"), "access_denied");
    let agreed = clicked(&api, &path, "action=allow").await;
    assert_eq!(
        (back(&agreed, "admin_consent").as_str(), back(&agreed, "state").as_str()),
        ("True", "s2")
    );
    assert_eq!(clicked(&api, &authorize("Calendars.Read", ""), &form).await.status, 302);
}
