//! The token endpoint of the identity platform, and grants as they live and die.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    route::Around,
    spec::MicrosoftClientSpec,
    state::{Access, Code, Grant, Microsoft, Refresh, guid},
};
use crate::{
    oauth::{self, answer, credentials, later, proves},
    query::Query,
    reply::Reply,
};

/// A refusal of the token endpoint, by its AADSTS code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenError(pub(crate) u32);

impl TokenError {
    /// The status, the word, and what is said.
    fn told(self) -> (u16, &'static str, &'static str) {
        match self.0 {
            70_008 | 700_082 => {
                (400, "invalid_grant", "The refresh token has expired due to inactivity.")
            }
            700_084 => (
                400,
                "invalid_grant",
                "The refresh token was issued to a single page app (SPA), and therefore \
                         has a fixed, limited lifetime, which cannot be extended.",
            ),
            50_173 => (
                400,
                "invalid_grant",
                "The provided grant has expired due to it being revoked, a fresh auth \
                        token is needed.",
            ),
            50_076 | 50_079 | 50_078 => (
                400,
                "interaction_required",
                "Due to a configuration change made by your \
                                          administrator, you must use multi-factor authentication.",
            ),
            53_003 | 53_000 => {
                (400, "invalid_grant", "Access has been blocked by Conditional Access policies.")
            }
            65_001 => (
                400,
                "invalid_grant",
                "The user or administrator has not consented to use the application.",
            ),
            65_004 => (400, "access_denied", "The user declined to consent to access the app."),
            90_094 => (400, "access_denied", "An administrator has to agree to this app."),
            70_011 => (
                400,
                "invalid_scope",
                "The provided value for the input parameter 'scope' is not valid.",
            ),
            7_000_215 => (401, "invalid_client", "Invalid client secret provided."),
            7_000_222 => (401, "invalid_client", "The provided client secret keys are expired."),
            700_016 => {
                (400, "unauthorized_client", "The application was not found in the directory.")
            }
            50_011 => (
                400,
                "invalid_request",
                "The redirect URI does not match those of the application.",
            ),
            9_002_313 => {
                (400, "invalid_request", "Invalid request. Request is malformed or invalid.")
            }
            50_020 => (400, "invalid_grant", "The user account does not exist in the tenant."),
            50_034 => (400, "invalid_grant", "The user account does not exist in the directory."),
            50_057 => (400, "invalid_grant", "The user account is disabled."),
            50_196 => (
                400,
                "invalid_grant",
                "The server terminated an operation because it encountered a client \
                        request loop.",
            ),
            70_000 => {
                (400, "invalid_grant", "The provided value for the code or the grant is not valid.")
            }
            54_005 => (400, "invalid_grant", "OAuth2 Authorization code was already redeemed."),
            501_481 => {
                (400, "invalid_grant", "The Code_Verifier does not match the code_challenge.")
            }
            70_003 => {
                (400, "unsupported_grant_type", "The app requested an unsupported grant type.")
            }
            90_033 => (
                503,
                "temporarily_unavailable",
                "A transient error has occurred. Please try again.",
            ),
            _ => (400, "invalid_grant", "The request was refused."),
        }
    }

    pub(crate) fn word(self) -> &'static str {
        self.told().1
    }

    pub(crate) fn description(self) -> String {
        format!("AADSTS{}: {}", self.0, self.told().2)
    }

    fn reply(self, trace: &str, now: Timestamp) -> Reply {
        let (status, error, _) = self.told();
        let timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let description = format!(
            "{} Trace ID: {trace} Correlation ID: {trace} Timestamp: {timestamp}",
            self.description()
        );
        let mut body = json!({ "error": error, "error_description": description, "error_codes": [self.0],
            "timestamp": timestamp, "trace_id": trace, "correlation_id": trace,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.0) });
        if let (50_076 | 50_078 | 50_079, Some(fields)) = (self.0, body.as_object_mut()) {
            fields.insert("suberror".into(), json!("basic_action"));
        }
        answer(status, &body)
    }
}

/// Scopes without the address that the full form begins with.
pub(crate) fn short(scope: &str) -> &str {
    scope.strip_prefix("https://graph.microsoft.com/").unwrap_or(scope)
}

fn read_scopes(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(|scope| short(scope).to_owned()).collect()
}

pub(crate) fn metadata(tenant: &str, origin: &str) -> Reply {
    let base = format!("{origin}/{tenant}");
    answer(
        200,
        &json!({ "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "subject_types_supported": ["pairwise"], "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"] }),
    )
}

impl Microsoft {
    /// `POST /{tenant}/oauth2/v2.0/token`.
    pub(crate) fn token(
        &mut self,
        request: &Request<Bytes>,
        tenant: &str,
        around: &Around<'_>,
    ) -> Reply {
        let form = Query::parse(&String::from_utf8_lossy(request.body()));
        match self.exchange(request, &form, tenant, around) {
            Ok(body) => answer(200, &body),
            Err(error) => {
                let serial = self.next();
                error.reply(&guid(&format!("trace/{}/{serial}", around.n)), around.now)
            }
        }
    }

    fn exchange(
        &mut self,
        request: &Request<Bytes>,
        form: &Query,
        tenant: &str,
        around: &Around<'_>,
    ) -> Result<Value, TokenError> {
        let (id, secret) = credentials(request, form);
        let client = self.clients.get(&id).filter(|client| !client.removed).cloned();
        let client = client.ok_or(TokenError(700_016))?;
        if client.client_secret != secret {
            return Err(TokenError(7_000_215));
        }
        if client.secret_expired {
            return Err(TokenError(7_000_222));
        }
        match form.get("grant_type") {
            Some("authorization_code") => self.redeem(&client, form, tenant, around),
            Some("refresh_token") => self.refreshed(&client, form, tenant, around),
            Some(_) => Err(TokenError(70_003)),
            None => Err(TokenError(9_002_313)),
        }
    }

    fn redeem(
        &mut self,
        client: &MicrosoftClientSpec,
        form: &Query,
        tenant: &str,
        around: &Around<'_>,
    ) -> Result<Value, TokenError> {
        let told = form.get("code").ok_or(TokenError(9_002_313))?;
        let code = self.codes.get_mut(told).ok_or(TokenError(70_000))?;
        if code.client != client.client_id || code.expires_at <= around.now {
            return Err(TokenError(70_008));
        }
        if Some(code.redirect_uri.as_str()) != form.get("redirect_uri") {
            return Err(TokenError(50_011));
        }
        if std::mem::replace(&mut code.is_used, true) {
            return Err(TokenError(54_005));
        }
        if !proves(code.challenge.as_ref(), form.get("code_verifier")) {
            return Err(TokenError(501_481));
        }
        let code = code.clone();
        self.may_sign_in(&code.email, tenant)?;
        let n = self.add_grant(&code.email, &code.client, code.scopes.clone(), around.now);
        let mut body = self.told(n, &code.scopes, None, around.now);
        let id_token = code.scopes.contains("openid").then(|| self.id_token(&code, around));
        if let (Some(token), Some(fields)) = (id_token, body.as_object_mut()) {
            fields.insert("id_token".into(), json!(token));
        }
        Ok(body)
    }

    /// Whether an account belongs to what the path asks for.
    pub(crate) fn may_sign_in(&self, email: &str, tenant: &str) -> Result<(), TokenError> {
        let spec = &self.people.get(email).ok_or(TokenError(50_034))?.spec;
        let fits = match tenant {
            "common" => true,
            "organizations" => !spec.personal,
            "consumers" => spec.personal,
            tenant => tenant == spec.tenant() || tenant == guid(spec.tenant()),
        };
        if fits { Ok(()) } else { Err(TokenError(50_020)) }
    }

    pub(crate) fn add_grant(
        &mut self,
        email: &str,
        client: &str,
        scopes: BTreeSet<String>,
        since: Timestamp,
    ) -> u64 {
        let n = self.next();
        let (email, client) = (email.to_owned(), client.to_owned());
        let grant = Grant { email, client, scopes, since, ended: None };
        self.grants.insert(n, grant);
        n
    }

    /// A new refresh token of a grant.
    pub(crate) fn issue(&mut self, grant: u64, now: Timestamp) -> String {
        let token = format!("1.{}", self.secret("refresh"));
        self.refresh.insert(token.clone(), Refresh { grant, used_at: now });
        token
    }

    fn told(
        &mut self,
        grant: u64,
        scopes: &BTreeSet<String>,
        claims: Option<&str>,
        now: Timestamp,
    ) -> Value {
        let Some(found) = self.grants.get(&grant).cloned() else { return Value::Null };
        let token = format!("EwB{}", self.secret("access"));
        let spread = self.dice() % (u64::from(self.knobs.access_token_spread_s) + 1);
        let lives = self.knobs.access_token_s + u32::try_from(spread).unwrap_or(0);
        self.access.retain(|_, access| access.expires_at > now);
        let access = Access {
            email: found.email,
            client: found.client,
            scopes: scopes.clone(),
            expires_at: later(now, lives),
            claims: claims.map(str::to_owned),
        };
        self.access.insert(token.clone(), access);
        let is_basic = |scope: &&String| scope.as_str() != "offline_access";
        let told: Vec<&str> = scopes.iter().filter(is_basic).map(String::as_str).collect();
        let mut body = json!({ "token_type": "Bearer", "scope": told.join(" "), "expires_in": lives,
            "ext_expires_in": lives, "access_token": token });
        if let (true, Some(fields)) =
            (found.scopes.contains("offline_access"), body.as_object_mut())
        {
            fields.insert("refresh_token".into(), json!(self.issue(grant, now)));
        }
        body
    }

    fn refreshed(
        &mut self,
        client: &MicrosoftClientSpec,
        form: &Query,
        tenant: &str,
        around: &Around<'_>,
    ) -> Result<Value, TokenError> {
        let told = form.get("refresh_token").ok_or(TokenError(9_002_313))?;
        let refresh = self.refresh.get(told).cloned().ok_or(TokenError(70_000))?;
        let grant = self.grants.get(&refresh.grant).cloned().ok_or(TokenError(50_173))?;
        if grant.client != client.client_id {
            return Err(TokenError(70_000));
        }
        if let Some(code) = grant.ended {
            return Err(TokenError(code));
        }
        self.may_sign_in(&grant.email, tenant)?;
        if let Some(code) = self.people.get(&grant.email).and_then(|person| person.spec.refuses) {
            return Err(TokenError(code));
        }
        if client.spa && later(grant.since, 86_400) <= around.now {
            return Err(TokenError(700_084));
        }
        if later(refresh.used_at, self.knobs.refresh_token_s) <= around.now {
            return Err(TokenError(700_082));
        }
        let asked = form.get("scope").map(read_scopes);
        let scopes =
            asked.filter(|asked| !asked.is_empty()).unwrap_or_else(|| grant.scopes.clone());
        if !scopes.iter().all(|scope| scope == ".default" || grant.scopes.contains(scope)) {
            return Err(TokenError(65_001));
        }
        let scopes = if scopes.contains(".default") { grant.scopes } else { scopes };
        // The old one goes on working, for whoever did not hear of the new one.
        if let Some(old) = self.refresh.get_mut(told) {
            old.used_at = around.now;
        }
        Ok(self.told(refresh.grant, &scopes, form.get("claims"), around.now))
    }

    /// Ends what an account allowed, to one app or to all; refreshing answers `code`.
    pub(crate) fn end_grants(
        &mut self,
        email: &str,
        client: Option<&str>,
        code: u32,
        now: Timestamp,
    ) {
        let is_it = |of: &str, by: &str| of == email && client.is_none_or(|client| client == by);
        for grant in self.grants.values_mut().filter(|grant| is_it(&grant.email, &grant.client)) {
            grant.ended = Some(code);
        }
        self.access.retain(|_, access| !is_it(&access.email, &access.client));
        if self.knobs.revocation_removes {
            self.remove_subscriptions(|one| is_it(&one.email, &one.client), now);
        }
    }

    fn id_token(&self, code: &Code, around: &Around<'_>) -> String {
        let person = self.people.get(&code.email);
        let (id, name) =
            person.map(|p| (p.id(), p.spec.display_name().to_owned())).unwrap_or_default();
        let tenant = person.map(|p| guid(p.spec.tenant())).unwrap_or_default();
        let second = around.now.as_second();
        let mut claims = json!({ "iss": format!("{}/{tenant}/v2.0", around.origin), "aud": code.client,
            "sub": guid(&format!("{}/{}", code.client, code.email)), "oid": id, "tid": tenant, "ver": "2.0",
            "iat": second, "nbf": second, "exp": second + 3_600 });
        if let Some(fields) = claims.as_object_mut() {
            if code.scopes.contains("email") {
                fields.insert("email".into(), json!(code.email));
            }
            if code.scopes.contains("profile") {
                fields.insert("name".into(), json!(name));
                fields.insert("preferred_username".into(), json!(code.email));
            }
            if let Some(nonce) = &code.nonce {
                fields.insert("nonce".into(), json!(nonce));
            }
        }
        oauth::id_token(&claims)
    }
}
