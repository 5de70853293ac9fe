//! What the client of an OAuth server sends, and where to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response};

use super::*;
use crate::{
    error::RetryAfter,
    transport::{Cut, Service, Settings},
};

/// Gives one answer again and again, and keeps what was asked.
#[derive(Debug)]
struct Server {
    answer: Response<Bytes>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Service for Server {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        self.asked.lock().unwrap().push(request);
        Ok(self.answer.clone())
    }
}

fn reply(status: u16, location: Option<&str>, body: &str) -> Response<Bytes> {
    let mut reply = Response::builder().status(status);
    if let Some(location) = location {
        reply = reply.header("location", location);
    }
    reply.body(Bytes::from(body.to_owned())).unwrap()
}

fn asking(answer: Response<Bytes>) -> (OAuth, Arc<Server>) {
    let server = Arc::new(Server { answer, asked: Mutex::default() });
    let transport = Transport::in_process(Arc::clone(&server) as _, Settings::default());
    (OAuth::new("google", Endpoints::google(None), transport), server)
}

fn app() -> App {
    App { client_id: "1234".to_owned(), secret: "GOCSPX-x".into(), realm: Realm::default() }
}

#[tokio::test]
async fn a_form_with_secrets_goes_to_no_other_address() {
    for (status, to) in [
        (307, "https://elsewhere.example/token"),
        (308, "https://elsewhere.example/token"),
        (307, "/other"),
        (302, "https://elsewhere.example/token"),
    ] {
        let (oauth, server) = asking(reply(status, Some(to), ""));
        let redirect = Url::parse("https://hub.example/oauth/google/callback").unwrap();
        let refused = [
            oauth.refresh(&app(), &"1//refresh".into()).await.unwrap_err(),
            oauth
                .exchange(&app(), &redirect, &"4/code".into(), &"verifier".into())
                .await
                .unwrap_err(),
            oauth.revoke(&"1//refresh".into()).await.unwrap_err(),
        ];
        // Nothing is said about the grant: it is kept, and tried again.
        for error in &refused {
            let is_dead = matches!(error.kind, Kind::Unauthorized | Kind::WrongClient | Kind::Gone);
            assert!(!is_dead, "{status}: {error:?}");
        }
        let asked = server.asked.lock().unwrap();
        let hosts: Vec<_> = asked.iter().map(|it| it.uri().host().unwrap()).collect();
        assert_eq!(hosts, ["oauth2.googleapis.com"; 3], "{status}");
    }
}

#[tokio::test]
async fn whoever_names_a_time_is_left_alone_until_then() {
    for status in [400, 403, 429, 500, 503] {
        let mut answer = reply(status, None, "rateLimitExceeded");
        answer.headers_mut().insert("retry-after", http::HeaderValue::from_static("435"));
        let (oauth, _) = asking(answer);
        let error = oauth.refresh(&app(), &"1//refresh".into()).await.unwrap_err();
        let Kind::Throttled { retry_after: Some(asked), .. } = error.kind else {
            panic!("{status}: {error:?}")
        };
        assert_eq!(asked, RetryAfter::In(std::time::Duration::from_secs(435)), "{status}");
    }
}

#[tokio::test]
async fn how_long_a_grant_lasts_is_read_where_it_is_told() {
    for (field, expected) in [
        (r#","refresh_token_expires_in":604799"#, Some(604_799)),
        (r#","refresh_token_expires_in":"soon""#, None),
        ("", None),
    ] {
        let body = format!(
            r#"{{"access_token":"ya29.a","token_type":"Bearer","expires_in":3599{field}}}"#
        );
        let (oauth, _) = asking(reply(200, None, &body));
        let granted = oauth.refresh(&app(), &"1//refresh".into()).await.unwrap();
        assert_eq!(granted.grant_lives, expected.map(Duration::from_secs));
    }
}

#[tokio::test]
async fn a_redirect_that_is_not_the_clients_is_the_operators_matter() {
    let body = r#"{"error":"redirect_uri_mismatch","error_description":"Bad Request"}"#;
    let (oauth, _) = asking(reply(400, None, body));
    let refused = oauth.refresh(&app(), &"1//refresh".into()).await.unwrap_err();
    assert_eq!(refused.kind, Kind::WrongClient);
}

#[tokio::test]
async fn a_consent_page_says_what_it_has_against_a_client() {
    let packed = |word: &str| {
        let text = format!("\n\u{15}{word}\u{12}\u{1}You cannot sign in to this app");
        format!("/signin/oauth/error?authError={}&client_id=1234", URL_SAFE_NO_PAD.encode(text))
    };
    let page = |word: &str| format!("<p>Access blocked<p>Error 400: <code>{word}</code>");
    let mismatch = packed("redirect_uri_mismatch");
    let deleted = packed("deleted_client");
    let odd = packed("something_new");
    for (answer, expected) in [
        (reply(200, None, "<p>Sign in"), None),
        (reply(302, Some("/v3/signin/identifier?continue=redirect_uri_mismatch"), ""), None),
        (reply(302, Some(&mismatch), ""), Some(Refusal::Redirect)),
        (reply(302, Some(&deleted), ""), Some(Refusal::Client)),
        (reply(302, Some(&odd), ""), Some(Refusal::Other)),
        (reply(400, None, &page("redirect_uri_mismatch")), Some(Refusal::Redirect)),
        (reply(401, None, &page("invalid_client")), Some(Refusal::Client)),
        (reply(400, None, &page("invalid_scope")), Some(Refusal::Scope)),
    ] {
        let told = format!("{answer:?}");
        let (oauth, server) = asking(answer);
        let redirect = Url::parse("https://hub.example/oauth/google/callback").unwrap();
        let consent = Consent {
            client_id: "1234",
            redirect: &redirect,
            scopes: &["openid"],
            state: &"s".into(),
            verifier: &"v".repeat(43).into(),
            login_hint: None,
        };
        assert_eq!(oauth.knock(&consent).await.unwrap(), expected, "{told}");
        assert_eq!(server.asked.lock().unwrap().len(), 1, "it is not followed");
    }
}

#[tokio::test]
async fn a_client_is_tried_without_a_grant() {
    for (status, word, expected) in [
        (400, "invalid_grant", true),
        (401, "invalid_client", false),
        (401, "unauthorized_client", false),
    ] {
        let (oauth, _) = asking(reply(status, None, &format!(r#"{{"error":"{word}"}}"#)));
        assert_eq!(oauth.takes(&app()).await.unwrap(), expected, "{word}");
    }
    let (oauth, _) = asking(reply(503, None, ""));
    assert!(oauth.takes(&app()).await.is_err());
}
