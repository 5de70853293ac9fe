//! A platform that books: many kept-alive connections, every request its own.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::children::KEY;

/// A kept-alive connection.
#[derive(Debug)]
pub(super) struct Line(TcpStream);

impl Line {
    pub(super) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self(stream))
    }

    /// Asks and reads the whole answer.
    pub(super) fn ask(
        &mut self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Result<(u16, Value)> {
        let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n{key}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let mut buffer = [0; 16_384];
        loop {
            let read = self.0.read(&mut buffer)?;
            ensure!(read > 0, "the connection was closed");
            answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
            let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let head = std::str::from_utf8(answer.get(..end).unwrap_or_default())?;
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.context("an answer without a length")?.trim().parse()?;
            let body = answer.get(end + 4..).unwrap_or_default();
            if body.len() >= length {
                let status = head.split(' ').nth(1).context("a status")?.parse()?;
                return Ok((status, serde_json::from_slice(body).unwrap_or_default()));
            }
        }
    }
}

/// What came of a load.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) yes: usize,
    pub(super) seconds: f64,
    /// Sorted, in seconds, from when a request was due.
    pub(super) latencies: Vec<f64>,
}

impl Outcome {
    pub(super) fn rate(&self) -> f64 {
        self.yes as f64 / self.seconds
    }

    pub(super) fn percentile(&self, percent: f64) -> f64 {
        let at = (self.latencies.len() as f64 * percent / 100.0) as usize;
        let at = at.min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// Books over `lines` connections until `duration` is over or `most` are booked, as fast as answers come or at `rate` a
/// second. `next` numbers the bookings; `body` says what is booked.
pub(super) fn book(
    address: SocketAddr,
    lines: usize,
    (duration, most): (Duration, u64),
    rate: Option<f64>,
    next: &AtomicU64,
    body: &(dyn Fn(u64) -> String + Sync),
) -> Result<Outcome> {
    let (began, first) = (Instant::now(), next.load(Ordering::SeqCst));
    let latencies = Mutex::new(Vec::new());
    let one = || -> Result<()> {
        let mut line = Line::open(address)?;
        let mut mine = Vec::new();
        loop {
            let nth = next.fetch_add(1, Ordering::SeqCst);
            let due = match rate {
                Some(rate) => began + Duration::from_secs_f64((nth - first) as f64 / rate),
                None => Instant::now(),
            };
            if due > began + duration || nth - first >= most {
                next.fetch_sub(1, Ordering::SeqCst);
                latencies.lock().unwrap().extend(mine);
                return Ok(());
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let key = format!("bench-{nth}");
            let (status, said) = line.ask("POST", "/v1/bookings", Some(&key), &body(nth))?;
            ensure!(status == 201, "{status} {said}");
            mine.push(due.elapsed().as_secs_f64());
        }
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..lines).map(|_| scope.spawn(one)).collect();
        all.into_iter().try_for_each(|thread| thread.join().unwrap())
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let mut latencies = latencies.into_inner().unwrap();
    latencies.sort_by(f64::total_cmp);
    Ok(Outcome { yes: latencies.len(), seconds, latencies })
}
