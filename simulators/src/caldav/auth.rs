//! Logins: Basic, Digest and Bearer, brute-force protection, and the well-known redirect.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Request;
use md5::{Digest as _, Md5};

use super::{Call, Place, Reply, place, propfind, reply};
use crate::{
    profile::Scheme,
    state::{AccountState, digest, hex},
};

const REALM: &str = "calhub simulator";

/// What an `Authorization` header claims.
#[derive(Debug)]
enum Login {
    Basic { user: String, password: String },
    Digest(Vec<(String, String)>),
    Bearer(String),
    None,
}

fn login(call: &Call<'_>) -> Login {
    let Some((scheme, rest)) =
        call.header("authorization").and_then(|header| header.split_once(' '))
    else {
        return Login::None;
    };
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => basic(rest).unwrap_or(Login::None),
        "digest" => Login::Digest(fields(rest)),
        "bearer" => Login::Bearer(rest.trim().to_owned()),
        _ => Login::None,
    }
}

fn basic(encoded: &str) -> Option<Login> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Login::Basic { user: user.into(), password: password.into() })
}

/// The account that a request's login names, true or not.
pub(crate) fn claimed_user(request: &Request<Bytes>) -> Option<String> {
    let (scheme, rest) = request.headers().get("authorization")?.to_str().ok()?.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => match basic(rest)? {
            Login::Basic { user, .. } => Some(user),
            Login::Digest(_) | Login::Bearer(_) | Login::None => None,
        },
        "digest" => Some(field(&fields(rest), "username").to_owned()),
        _ => None,
    }
}

/// Splits `a="b, c", d=e`.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut quoted = false;
    text.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .filter_map(|part| part.trim().split_once('='))
    .map(|(key, value)| {
        (key.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_owned())
    })
    .collect()
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

/// Finds the account a request is about: the path's, else the login's, else the first.
fn account_of(call: &Call<'_>, login: &Login, of_path: Option<&str>) -> Option<String> {
    if let Some(user) = of_path {
        return call.state.accounts.contains_key(user).then(|| user.to_owned());
    }
    let claimed = match login {
        Login::Basic { user, .. } => Some(user.clone()),
        Login::Digest(fields) => Some(field(fields, "username").to_owned()),
        Login::Bearer(token) => {
            let owner =
                call.state.accounts.values().find(|a| a.spec.bearer.as_ref() == Some(token));
            owner.map(|account| account.spec.user.clone())
        }
        Login::None => None,
    };
    claimed.filter(|user| call.state.accounts.contains_key(user)).or_else(|| of_label(call))
}

/// The first account of the profile whose label is in the path, else the first of all.
fn of_label(call: &Call<'_>) -> Option<String> {
    let label = call.request.uri().path().split('/').filter(|s| !s.is_empty()).nth(1);
    let mut accounts = call.state.accounts.values();
    let of_label = accounts.find(|account| Some(account.profile().name.as_str()) == label);
    of_label
        .or_else(|| call.state.accounts.values().next())
        .map(|account| account.spec.user.clone())
}

/// Checks the login and returns the account, or the refusal.
pub(super) fn check(call: &mut Call<'_>, of_path: Option<&str>) -> Result<String, Box<Reply>> {
    let login = login(call);
    let Some(user) = account_of(call, &login, of_path) else {
        return Err(Box::new(reply::status(404)));
    };
    let (method, seen) = (call.request.method().as_str().to_owned(), call.state.requests);
    let Some(account) = call.state.accounts.get_mut(&user) else {
        return Err(Box::new(reply::status(404)));
    };
    if account.profile().auth.schemes.contains(&Scheme::Open) {
        return Ok(user);
    }
    if account.profile().auth.brute_force_after.is_some_and(|most| account.wrong_passwords >= most)
    {
        let mut refusal = reply::text(429, "Too many wrong passwords.");
        reply::set(&mut refusal, "retry-after", "1800");
        return Err(Box::new(refusal));
    }
    match verdict(account, &login, &method) {
        Verdict::Good => {
            account.wrong_passwords = 0;
            Ok(user)
        }
        Verdict::Stale => Err(Box::new(challenge(account, seen, true))),
        Verdict::Wrong => {
            account.wrong_passwords += 1;
            Err(Box::new(challenge(account, seen, false)))
        }
        Verdict::Absent => Err(Box::new(challenge(account, seen, false))),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Wrong,
    Stale,
    Absent,
}

fn verdict(account: &mut AccountState, login: &Login, method: &str) -> Verdict {
    let offers = |scheme| account.profile().auth.schemes.contains(&scheme);
    let of =
        |is_right: bool| if is_right && !account.revoked { Verdict::Good } else { Verdict::Wrong };
    match login {
        Login::None => Verdict::Absent,
        Login::Basic { user, password } => of(offers(Scheme::Basic)
            && *user == account.spec.user
            && *password == account.spec.password),
        Login::Bearer(token) => {
            of(offers(Scheme::Bearer) && account.spec.bearer.as_ref() == Some(token))
        }
        Login::Digest(fields) => digest_verdict(account, fields, method),
    }
}

fn digest_verdict(
    account: &mut AccountState,
    fields: &[(String, String)],
    method: &str,
) -> Verdict {
    let get = |name| field(fields, name);
    let (is_offered, hash): (bool, fn(&str) -> String) =
        if get("algorithm").eq_ignore_ascii_case("SHA-256") {
            (account.profile().auth.schemes.contains(&Scheme::DigestSha256), |text| {
                digest(text.as_bytes())
            })
        } else {
            (account.profile().auth.schemes.contains(&Scheme::DigestMd5), |text| {
                hex(&Md5::digest(text.as_bytes()))
            })
        };
    let secret = hash(&format!("{}:{REALM}:{}", account.spec.user, account.spec.password));
    let asked = hash(&format!("{method}:{}", get("uri")));
    let (nonce, nc) = (get("nonce"), get("nc"));
    let wanted = hash(&format!("{secret}:{nonce}:{nc}:{}:{}:{asked}", get("cnonce"), get("qop")));
    if !is_offered
        || account.revoked
        || get("username") != account.spec.user
        || get("response") != wanted
    {
        return Verdict::Wrong;
    }
    let most = account.profile().auth.nonce_uses.unwrap_or(u32::MAX);
    let count = u64::from_str_radix(nc, 16).unwrap_or(0);
    match account.nonces.get_mut(nonce) {
        Some((uses, highest)) if *uses < most && count > *highest => {
            *uses += 1;
            *highest = count;
            Verdict::Good
        }
        Some(_) | None => Verdict::Stale,
    }
}

fn challenge(account: &mut AccountState, seen: u64, is_stale: bool) -> Reply {
    let mut challenges = Vec::new();
    for scheme in account.profile().auth.schemes.clone() {
        let mut nonced = |algorithm: &str| {
            let nonce: String =
                digest(format!("{}/{seen}/{algorithm}", account.spec.user).as_bytes());
            account.nonces.insert(nonce.clone(), (0, 0));
            let stale = if is_stale { ", stale=true" } else { "" };
            format!(
                "Digest realm=\"{REALM}\", qop=\"auth\", algorithm={algorithm}, nonce=\"{nonce}\"{stale}"
            )
        };
        challenges.push(match scheme {
            Scheme::Open => continue,
            Scheme::Basic => format!("Basic realm=\"{REALM}\", charset=\"UTF-8\""),
            Scheme::DigestMd5 => nonced("MD5"),
            Scheme::DigestSha256 => nonced("SHA-256"),
            Scheme::Bearer => format!("Bearer realm=\"{REALM}\""),
            Scheme::Unusual => format!("x-mobileme-authtoken realm=\"{REALM}\""),
        });
    }
    let mut refusal = reply::text(401, "Log in.");
    if account.profile().auth.one_header {
        challenges = vec![challenges.join(", ")];
    }
    for challenge in challenges {
        reply::set(&mut refusal, "www-authenticate", &challenge);
    }
    refusal
}

/// Answers `/.well-known/caldav` for the account of the login, or else the first one.
pub(super) fn well_known(call: &mut Call<'_>) -> Reply {
    let login = login(call);
    let Some(user) = account_of(call, &login, None) else { return reply::status(404) };
    call.user = user;
    let profile = call.profile();
    let status = profile.discovery.well_known;
    if (profile.discovery.login_first || status == 207)
        && let Err(refusal) = check(call, None)
    {
        return *refusal;
    }
    match status {
        207 => propfind::answer(call, &Place { user: None, target: place::Target::Context }),
        300..=399 => {
            let origin = profile.discovery.redirect_origin.unwrap_or_default();
            reply::redirect(status, &format!("{origin}/dav/{}/", profile.name))
        }
        _ => reply::status(status),
    }
}
