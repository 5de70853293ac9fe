//! `WWW-Authenticate` (RFC 9110 11.6.1) and the answers to it: Basic (RFC 7617) and Digest (RFC 7616).

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header};
use md5::Md5;
use sha2::{Digest as _, Sha256};

/// One challenge of a 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer,
    Digest(DigestChallenge),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DigestChallenge {
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) opaque: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) has_qop: bool,
    /// The nonce is too old; the password may be right.
    pub(super) stale: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Algorithm {
    Md5,
    Md5Session,
    Sha256,
    Sha256Session,
}

/// Every challenge we can answer: several in one header or in several, in any order.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
    values.flat_map(|value| parse(&String::from_utf8_lossy(value.as_bytes()))).collect()
}

fn parse(text: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut current: Option<(String, Vec<(String, String)>)> = None;
    for part in split_outside_quotes(text) {
        let (head, rest) = part.split_once(char::is_whitespace).unwrap_or((&part, ""));
        let begins_challenge = !head.contains('=');
        if begins_challenge {
            found.extend(current.take().and_then(recognise));
            current = Some((head.to_ascii_lowercase(), Vec::new()));
        }
        let parameter = if begins_challenge { rest } else { part.as_str() };
        if let (Some((_, parameters)), Some((name, value))) =
            (&mut current, parameter.split_once('='))
        {
            parameters.push((name.trim().to_ascii_lowercase(), unquote(value.trim())));
        }
    }
    found.extend(current.and_then(recognise));
    found
}

fn split_outside_quotes(text: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for character in text.chars() {
        match character {
            ',' if !quoted => parts.push(std::mem::take(&mut part)),
            _ => {
                quoted ^= character == '"' && !escaped;
                escaped = quoted && character == '\\' && !escaped;
                part.push(character);
            }
        }
    }
    parts.push(part);
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

fn recognise((scheme, parameters): (String, Vec<(String, String)>)) -> Option<Challenge> {
    let value = |name: &str| {
        parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    match scheme.as_str() {
        "basic" => Some(Challenge::Basic),
        "bearer" => Some(Challenge::Bearer),
        "digest" => {
            let algorithm =
                match value("algorithm").map(|name| name.to_ascii_lowercase()).as_deref() {
                    None | Some("md5") => Algorithm::Md5,
                    Some("md5-sess") => Algorithm::Md5Session,
                    Some("sha-256") => Algorithm::Sha256,
                    Some("sha-256-sess") => Algorithm::Sha256Session,
                    Some(_) => return None,
                };
            let qop = value("qop");
            let offers_auth = qop
                .as_deref()
                .is_none_or(|qop| qop.split(',').any(|it| it.trim().eq_ignore_ascii_case("auth")));
            offers_auth.then_some(())?;
            Some(Challenge::Digest(DigestChallenge {
                realm: value("realm")?,
                nonce: value("nonce")?,
                opaque: value("opaque"),
                algorithm,
                has_qop: qop.is_some(),
                stale: value("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            }))
        }
        _ => None,
    }
}

/// The `Authorization` value for Basic, in UTF-8.
pub(super) fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")))
}

/// What one Digest answer is computed from.
#[derive(Clone, Copy, Debug)]
pub(super) struct DigestInput<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a str,
    pub(super) method: &'a str,
    /// Path and query as sent.
    pub(super) uri: &'a str,
    /// How often the nonce was used, this time included.
    pub(super) count: u32,
    pub(super) client_nonce: &'a str,
}

impl DigestChallenge {
    /// The `Authorization` value.
    pub(super) fn answer(&self, input: DigestInput<'_>) -> String {
        let DigestInput { username, password, method, uri, count, client_nonce } = input;
        let (realm, nonce) = (&self.realm, &self.nonce);
        let hash = |text: String| self.algorithm.hash(text.as_bytes());
        let mut first = hash(format!("{username}:{realm}:{password}"));
        if self.algorithm.is_session() {
            first = hash(format!("{first}:{nonce}:{client_nonce}"));
        }
        let second = hash(format!("{method}:{uri}"));
        let response = if self.has_qop {
            hash(format!("{first}:{nonce}:{count:08x}:{client_nonce}:auth:{second}"))
        } else {
            hash(format!("{first}:{nonce}:{second}"))
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\", algorithm={}",
            quote(username),
            quote(realm),
            quote(nonce),
            quote(uri),
            self.algorithm.name(),
        );
        if self.has_qop {
            value.push_str(&format!(", qop=auth, nc={count:08x}, cnonce=\"{client_nonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque={}", quote(opaque)));
        }
        value
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A client nonce that differs with every use and tells nothing: no randomness is needed, as it only has to
/// be out of the server's hands.
pub(super) fn client_nonce(password: &str, nonce: &str, count: u32) -> String {
    let digest = Sha256::digest(format!("calhub cnonce\n{password}\n{nonce}\n{count}"));
    hex(digest.iter().take(16).copied())
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Session => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Session => "SHA-256-sess",
        }
    }

    fn is_session(self) -> bool {
        matches!(self, Algorithm::Md5Session | Algorithm::Sha256Session)
    }

    fn hash(self, bytes: &[u8]) -> String {
        match self {
            Algorithm::Md5 | Algorithm::Md5Session => {
                hex(<Md5 as md5::Digest>::digest(bytes).iter().copied())
            }
            Algorithm::Sha256 | Algorithm::Sha256Session => {
                hex(Sha256::digest(bytes).iter().copied())
            }
        }
    }
}

fn hex(bytes: impl Iterator<Item = u8>) -> String {
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, http::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn challenges_are_found_in_one_header_and_in_several() {
        let one = headers(&[
            r#"Basic realm="a, b=\"c\"", Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=MD5, Bearer"#,
        ]);
        let several = headers(&[
            r#"Basic realm="x""#,
            r#"Digest realm="r", nonce="n", qop="auth", algorithm=MD5"#,
            "X-MobileMe-AuthToken realm=\"y\"",
            "Bearer",
        ]);
        let digest = Challenge::Digest(DigestChallenge {
            realm: "r".into(),
            nonce: "n".into(),
            opaque: None,
            algorithm: Algorithm::Md5,
            has_qop: true,
            stale: false,
        });
        let expected = vec![Challenge::Basic, digest, Challenge::Bearer];
        assert_eq!(challenges(&one), expected);
        assert_eq!(challenges(&several), expected);
    }

    /// The example of RFC 7616 3.9.1.
    #[test]
    fn digest_answers_equal_the_example_of_the_rfc() {
        let input = DigestInput {
            username: "Mufasa",
            password: "Circle of Life",
            method: "GET",
            uri: "/dir/index.html",
            count: 1,
            client_nonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        };
        for (algorithm, response) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let challenge = DigestChallenge {
                realm: "http-auth@example.org".into(),
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
                opaque: Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS".into()),
                algorithm,
                has_qop: true,
                stale: false,
            };
            let answer = challenge.answer(input);
            assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
        }
    }
}
