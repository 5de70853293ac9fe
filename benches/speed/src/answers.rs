//! P1 to P3: free/busy over HTTP from the released hub, beside a bare handler that sends the same bytes.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Size,
    children::{self, HubOptions, KEY, Running, SERVER_CORE},
    load::{self, Pace},
    report::{Line, Report, figure, median},
    seed::{BASE, Database, Seed},
};

/// One question, and what its answer must reach.
struct Shape {
    name: &'static str,
    people: usize,
    format: &'static str,
    /// Of the bare handler's rate.
    share: Option<f64>,
    /// Answers a second on one core.
    rate: Option<f64>,
    /// The 50th and 99th percentile at half load, in milliseconds.
    within: Option<(f64, f64)>,
    target: &'static str,
}

const SHAPES: [Shape; 9] = [
    Shape {
        name: "P1 one person, lists",
        people: 1,
        format: "intervals",
        share: Some(0.8),
        rate: None,
        within: Some((0.3, 1.0)),
        target: ">= 0.8 of the limit; half load: p50 <= 0.3 ms, p99 <= 1 ms",
    },
    Shape {
        name: "P2 50 people, lists",
        people: 50,
        format: "intervals",
        share: Some(0.6),
        rate: None,
        within: None,
        target: ">= 0.6 of the limit",
    },
    Shape {
        name: "P2 50 people, merged",
        people: 50,
        format: "merged",
        share: None,
        rate: Some(3_000.0),
        within: None,
        target: ">= 3,000/s a core",
    },
    Shape {
        name: "P2 50 people, one bitmap of all",
        people: 50,
        format: "merged_bitmap",
        share: None,
        rate: Some(12_000.0),
        within: None,
        target: ">= 12,000/s a core",
    },
    Shape {
        name: "P2 50 people, a bitmap each",
        people: 50,
        format: "bitmap",
        share: None,
        rate: None,
        within: None,
        target: "none: the limit itself is near it",
    },
    Shape {
        name: "P3 500 people, lists",
        people: 500,
        format: "intervals",
        share: Some(0.6),
        rate: None,
        within: Some((f64::MAX, 20.0)),
        target: ">= 0.6 of the limit; half load: p99 <= 20 ms",
    },
    Shape {
        name: "P3 500 people, merged",
        people: 500,
        format: "merged",
        share: None,
        rate: Some(300.0),
        within: None,
        target: ">= 300/s a core",
    },
    Shape {
        name: "P3 500 people, one bitmap of all",
        people: 500,
        format: "merged_bitmap",
        share: None,
        rate: Some(1_800.0),
        within: Some((f64::MAX, 5.0)),
        target: ">= 1,800/s a core; half load: p99 <= 5 ms",
    },
    Shape {
        name: "P3 500 people, a bitmap each",
        people: 500,
        format: "bitmap",
        share: None,
        rate: None,
        within: None,
        target: "none: the limit itself is near it",
    },
];

pub(crate) fn measure(size: Size, runtime: &Runtime, report: &mut Report) -> Result<()> {
    report.part(
        "P1 to P3: free/busy over HTTP, 30 days, 228 intervals a person, one core for the server",
    );
    let dir = tempfile::tempdir()?;
    let options = HubOptions { dir: dir.path(), database: None, cores: Some(SERVER_CORE) };
    children::hub(options)?.0.stop()?;
    let seed = Seed { calendars: (0, 500), series: 19, times: 12, days: 30 };
    runtime.block_on(async {
        let url = format!("sqlite:{}", dir.path().join("calhub.db").display());
        Database::open(&url).await?.seed(seed).await
    })?;
    let (hub, _) = children::hub(options)?;
    for shape in SHAPES {
        one(&shape, size, &hub, dir.path(), report)?;
    }
    report.note("The bars for bitmaps are for the union of all who are asked, in one row (`merged_bitmap`); a row each is measured beside it.");
    report.note("The bare handler is an axum route with nothing around it that reads the same request and sends the very bytes the hub sent, from memory.");
    report.note("The hub is the released binary on SQLite with everything on: keys, limits, tracing, metrics, evidence in full (in short for one bitmap of all). Requests are kept alive, 8 connections (4 for 500 people).");
    report.note("Rates are the medians of rounds that alternate between the two; CPU is that of the serving process, which noise on the machine hardly moves.");
    Ok(())
}

/// Asks a running hub the question in a file, for a profiler to watch: `speed ask 127.0.0.1:8420 question.json 8 10`.
pub(crate) fn ask(address: &str, body: &str, connections: usize, seconds: f64) -> Result<()> {
    let request = post(&std::fs::read_to_string(body)?);
    let span = Duration::from_secs_f64(seconds);
    let outcome = load::run(address.parse()?, &request, connections, Pace::Closed, span)?;
    println!("{} answers, {:.0}/s", outcome.answers, outcome.rate());
    Ok(())
}

fn request(shape: &Shape) -> Vec<u8> {
    let end = "2027-03-31T00:00:00Z";
    let people: Vec<String> = (0..shape.people).map(|n| format!("ext:person-{n}")).collect();
    let body = json!({"start": BASE, "end": end, "resources": people, "format": shape.format,
            "evidence": if shape.format == "merged_bitmap" { "summary" } else { "full" }})
    .to_string();
    post(&body)
}

fn post(body: &str) -> Vec<u8> {
    let head = format!(
        "POST /v1/freebusy HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head + body).into_bytes()
}

fn one(shape: &Shape, size: Size, hub: &Running, dir: &Path, report: &mut Report) -> Result<()> {
    let request = request(shape);
    let body = load::ask(hub.address, &request)?;
    check(shape, &serde_json::from_slice(&body)?)?;
    let sample = dir.join("answer");
    std::fs::write(&sample, &body)?;
    let bare = children::limit(&sample)?;
    let connections = if shape.people > 100 { 4 } else { 8 };
    let span = Duration::from_millis(size.pick(800, 60));
    let mut seen: [Vec<(f64, f64)>; 2] = [Vec::new(), Vec::new()];
    for round in 0..size.pick(6, 2) {
        for (which, server) in [&bare, hub].into_iter().enumerate() {
            let before = server.cpu();
            let outcome = load::run(server.address, &request, connections, Pace::Closed, span)?;
            let cpu = (server.cpu() - before) / outcome.answers as f64;
            // The first round warms up.
            if round > 0 {
                seen[which].push((outcome.rate(), cpu));
            }
        }
    }
    let middle = |which: usize, of: fn(&(f64, f64)) -> f64| {
        median(&seen[which].iter().map(of).collect::<Vec<_>>())
    };
    let (limit, ours) = (middle(0, |s| s.0), middle(1, |s| s.0));
    let (limit_cpu, our_cpu) = (middle(0, |s| s.1), middle(1, |s| s.1));
    let spread = {
        let ratios: Vec<f64> = seen[0].iter().zip(&seen[1]).map(|(l, o)| o.0 / l.0).collect();
        let least = ratios.iter().copied().fold(f64::MAX, f64::min);
        let most = ratios.iter().copied().fold(f64::MIN, f64::max);
        format!("{least:.2} to {most:.2}")
    };
    let share = ours / limit;
    let mut met = shape.share.is_none_or(|target| share >= target)
        && shape.rate.is_none_or(|target| ours >= target);
    let mut half = String::new();
    if let Some((p50, p99)) = shape.within {
        let span = Duration::from_millis(size.pick(2_500, 100));
        let outcome = load::run(hub.address, &request, connections, Pace::Open(ours / 2.0), span)?;
        let (a, b) = (outcome.percentile(50.0) * 1e3, outcome.percentile(99.0) * 1e3);
        met &= a <= p50 && b <= p99;
        half = format!("; half load p50 {a:.2} ms, p99 {b:.2} ms");
    }
    report.add(Line {
        name: format!("{} ({:.1} KB)", shape.name, body.len() as f64 / 1e3),
        limit: format!("{}/s, {:.1} µs CPU", figure(limit), limit_cpu * 1e6),
        ours: format!("{}/s, {:.1} µs CPU{half}", figure(ours), our_cpu * 1e6),
        ratio: format!("{share:.2} ({spread}); CPU {:.2}", limit_cpu / our_cpu),
        target: shape.target,
        met: Some(met),
    });
    Ok(())
}

/// The answer is whole, complete and of the expected size.
fn check(shape: &Shape, answer: &Value) -> Result<()> {
    ensure!(
        answer["complete"] == true,
        "not complete: {}",
        answer.to_string().chars().take(2000).collect::<String>()
    );
    ensure!(answer["errors"] == json!({}), "errors: {}", answer["errors"]);
    let people = answer["resources"].as_object().map_or(0, serde_json::Map::len);
    let lists = if shape.format.starts_with("merged") { 0 } else { shape.people };
    ensure!(people == lists, "{people} people");
    if shape.format == "intervals" {
        for person in answer["resources"].as_object().into_iter().flatten() {
            let busy = person.1["busy"].as_array().map_or(0, Vec::len);
            ensure!(busy == 228, "{busy} intervals");
        }
    }
    Ok(())
}
