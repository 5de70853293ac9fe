//! Bodies, paths and queries that no client of good will sends, on every operation of the built hub's own document.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use futures::{StreamExt, stream};
use reqwest::{Body, Method};
use serde_json::{Value, json};

use crate::support::hub::{HubProcess, KEY};

/// Requests at once.
const AT_ONCE: usize = 4;
/// No answer may take longer, on a busy machine and unoptimised.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much the hub may grow by all of this.
const MOST_GROWN: u64 = 160 << 20;

/// One request that wants to hurt.
#[derive(Clone)]
struct Blow {
    what: String,
    method: Method,
    path: String,
    kind: Option<&'static str>,
    body: Vec<u8>,
    /// Sent in parts, without a stated length.
    in_parts: bool,
    /// The only statuses that may answer, where it is clear.
    only: Option<&'static [u16]>,
}

struct Operation {
    method: Method,
    path: String,
    example: Option<Value>,
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = operation.pointer("/requestBody/content/application~1json/schema/$ref");
            let example = schema.and_then(Value::as_str).and_then(|reference| {
                document.pointer(reference.trim_start_matches('#'))?.get("example").cloned()
            });
            let method = method.to_uppercase().parse().unwrap();
            all.push(Operation { method, path: path.clone(), example });
        }
    }
    all
}

/// The path with `id` for each of its parameters.
fn filled(path: &str, id: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { id } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// What it is, the bytes, and the answers that are right.
type Sent = (&'static str, Vec<u8>, Option<&'static [u16]>);

/// Bodies that are the same for every operation.
fn bodies() -> Vec<Sent> {
    let deep = |open: &str, close: &str| {
        (open.repeat(100_000) + "1" + &close.repeat(100_000)).into_bytes()
    };
    let refused: Option<&[u16]> = Some(&[400, 401, 404, 415, 422, 428]);
    vec![
        ("100,000 deep lists", deep("[", "]"), refused),
        ("100,000 deep objects", deep("{\"a\":", "}"), refused),
        ("lists that never close", b"[".repeat(500_000), refused),
        ("bad UTF-8 in a string", b"{\"name\":\"\xff\xfe\xc0\x80\"}".to_vec(), refused),
        ("bad UTF-8 everywhere", vec![0xff; 4096], refused),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec(), refused),
        ("a zero byte", b"{\"name\":\"a\0b\"}".to_vec(), refused),
        ("an escaped zero byte", b"{\"name\":\"a\\u0000b\"}".to_vec(), None),
        ("half a character", b"{\"name\":\"\\ud800\"}".to_vec(), refused),
        ("double keys", b"{\"name\":\"a\",\"name\":\"b\"}".to_vec(), None),
        (
            "a number without end",
            [b"{\"limit\":".as_slice(), &b"9".repeat(100_000), b"}"].concat(),
            None,
        ),
        ("a number beyond all numbers", b"{\"limit\":1e999999999}".to_vec(), None),
        ("a key of a megabyte", format!("{{\"{}\":1}}", "k".repeat(1_000_000)).into_bytes(), None),
        (
            "100,000 keys",
            format!(
                "{{{}\"z\":1}}",
                (0..100_000).map(|n| format!("\"{n}\":1,")).collect::<String>()
            )
            .into_bytes(),
            None,
        ),
        ("only spaces", vec![b' '; 1_000_000], refused),
        ("no object", b"[]".to_vec(), None),
        ("null", b"null".to_vec(), None),
        ("a string", b"\"x\"".to_vec(), None),
        ("two documents", b"{}{}".to_vec(), refused),
        ("a web page", b"<html></html>".to_vec(), refused),
    ]
}

/// What may stand in the place of any value of an example.
fn values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!([]),
        json!({}),
        json!(""),
        json!("\u{0}"),
        json!("\u{202e}\u{feff}\u{fffd}"),
        json!("'; DROP TABLE keys; --"),
        json!("x".repeat(300_000)),
        json!(vec![json!({}); 2_000]),
        json!("9999-12-31T23:59:60.999999999+23:59"),
        json!("-262143-01-01T00:00:00Z"),
    ]
}

/// The example with each of its values in turn replaced by something else.
fn spoiled(example: &Value) -> Vec<Value> {
    let mut places = Vec::new();
    collect(example, String::new(), &mut places);
    let mut all = Vec::new();
    for place in places {
        for value in values() {
            let mut body = peaceful(example);
            if let Some(here) = body.pointer_mut(&place) {
                *here = value;
                all.push(body);
            }
        }
    }
    all
}

fn collect(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{place}/{name}"), places);
            }
        }
        Value::Array(items) => {
            if let Some(first) = items.first() {
                collect(first, format!("{place}/0"), places);
            }
        }
        _ => {}
    }
    places.push(place);
}

/// Addresses lead nowhere: what is tested is the body.
fn peaceful(example: &Value) -> Value {
    match example {
        Value::String(text) if text.contains("://") || text.contains('@') => {
            json!("https://10.0.0.1/")
        }
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), peaceful(value))).collect()
        }
        Value::Array(items) => items.iter().map(peaceful).collect(),
        other => other.clone(),
    }
}

fn blows(operations: &[Operation]) -> Vec<Blow> {
    let mut all = Vec::new();
    let ten_megabytes = format!("{{\"name\":\"{}\"}}", "x".repeat(10_000_000)).into_bytes();
    for Operation { method, path, example } in operations {
        let base = Blow {
            what: String::new(),
            method: method.clone(),
            path: filled(path, "x_1"),
            kind: Some("application/json"),
            body: Vec::new(),
            in_parts: false,
            only: None,
        };
        let takes_body = example.is_some();
        for in_parts in [false, true] {
            let what = format!("10 MB of JSON, in parts: {in_parts}");
            let only: Option<&[u16]> = takes_body.then_some(&[413, 404, 428]);
            all.push(Blow { what, body: ten_megabytes.clone(), in_parts, only, ..base.clone() });
        }
        for (what, body, only) in bodies() {
            let only = only.filter(|_| takes_body);
            all.push(Blow { what: what.to_owned(), body, only, ..base.clone() });
        }
        for kind in [
            "text/xml",
            "multipart/form-data; boundary=x",
            "application/octet-stream",
            "\"",
            "application/json; charset=utf-7",
            "image/svg+xml",
        ] {
            let what = format!("as {kind}");
            all.push(Blow { what, kind: Some(kind), body: b"{}".to_vec(), ..base.clone() });
        }
        for body in example.iter().flat_map(spoiled) {
            let body = serde_json::to_vec(&body).unwrap();
            let what =
                format!("spoiled: {}", String::from_utf8_lossy(body.get(..300).unwrap_or(&body)));
            all.push(Blow { what, body, ..base.clone() });
        }
        for id in [
            "%00",
            "%ff%fe",
            "..%2f..%2fetc%2fpasswd",
            "%F0%9F%92%A3",
            "'%20OR%201=1",
            "%25s%25n",
            &"x".repeat(8_000),
        ] {
            let what = format!("at {}", id.get(..20).unwrap_or(id));
            all.push(Blow { what, path: filled(path, id), kind: None, ..base.clone() });
        }
        for query in [
            "limit=-1",
            "limit=99999999999999999999",
            "after=%00%ff",
            "limit=1&limit=2",
            "%ff=%fe",
            "start=x&end=y",
            &"a=b&".repeat(4_000),
        ] {
            let what = format!("asked {}", query.get(..20).unwrap_or(query));
            all.push(Blow {
                what,
                path: format!("{}?{query}", base.path),
                kind: None,
                ..base.clone()
            });
        }
    }
    all
}

/// Sends one; answers what is wrong with the answer, if anything.
async fn strike(hub: &HubProcess, blow: Blow) -> Option<String> {
    let url = format!("{}{}", hub.url, blow.path);
    let mut request =
        hub.client().request(blow.method.clone(), url).bearer_auth(KEY).header("if-match", "*");
    if let Some(kind) = blow.kind {
        request = request.header("content-type", kind);
    }
    if blow.in_parts {
        let parts: Vec<_> =
            blow.body.chunks(64 << 10).map(|part| Ok::<_, std::io::Error>(part.to_vec())).collect();
        request = request.body(Body::wrap_stream(stream::iter(parts)));
    } else if !blow.body.is_empty() {
        request = request.body(blow.body);
    }
    let told = async {
        let answer = request.send().await.map_err(|error| format!("no answer: {error:?}"))?;
        let status = answer.status().as_u16();
        let kind =
            answer.headers().get("content-type").map(|kind| kind.to_str().unwrap_or("").to_owned());
        if status >= 500 || blow.only.is_some_and(|only| !only.contains(&status)) {
            return Err(format!("{status} {}", answer.text().await.unwrap_or_default()));
        }
        if status < 400 {
            return Ok(());
        }
        let text = answer.text().await.map_err(|error| format!("half an answer: {error:?}"))?;
        // People's pages say it to people.
        let is_page = blow.path.starts_with("/link/") || blow.path.starts_with("/oauth/");
        if is_page && kind.as_deref() == Some("text/html; charset=utf-8") {
            return Ok(());
        }
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        if kind.as_deref() != Some("application/problem+json") || !problem["code"].is_string() {
            return Err(format!("{status} is no problem document: {kind:?} {text}"));
        }
        Ok(())
    };
    let outcome = tokio::time::timeout(PATIENCE, told)
        .await
        .unwrap_or_else(|_| Err("no answer in time".to_owned()));
    outcome.err().map(|wrong| {
        format!(
            "{} {} {}: {wrong}",
            blow.method,
            blow.path.get(..60).unwrap_or(&blow.path),
            blow.what
        )
    })
}

fn resident(hub: &HubProcess, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", hub.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_on_any_route_is_the_hubs_fault() {
    let hub = HubProcess::start().await;
    let (_, document) = hub.get("/openapi.json").await;
    let operations = operations(&document);
    assert!(operations.len() >= 30, "{}", operations.len());
    let blows = blows(&operations);
    println!("{} requests to {} operations", blows.len(), operations.len());
    let before = resident(&hub, "VmRSS");
    let wrong: Vec<String> = stream::iter(blows)
        .map(|blow| strike(&hub, blow))
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let grown = resident(&hub, "VmHWM").saturating_sub(before);
    println!("grown by {grown} bytes at most");
    assert!(wrong.is_empty(), "{} are wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    assert!(grown < MOST_GROWN, "{grown}");
    let (status, _) = hub.get("/healthz").await;
    assert_eq!(status, 200);
}

/// hyper answers an address of more than 64 KiB by itself, with an empty 414, and offers no say in it.
#[tokio::test]
async fn an_address_that_is_too_long_is_refused() {
    let hub = HubProcess::start().await;
    let address = hub.url.strip_prefix("http://").unwrap().to_owned();
    let answers = tokio::task::spawn_blocking(move || {
        [20_000, 60_000, 80_000, 300_000].map(|long| {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let after = "a".repeat(long);
            let head = format!(
                "GET /v1/resources?after={after} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        })
    })
    .await
    .unwrap();
    for (answer, problem) in answers.iter().zip([true, true, false, false]) {
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        assert!((400..500).contains(&status), "{answer}");
        assert_eq!(answer.contains("application/problem+json"), problem, "{answer}");
    }
}
