//! The load generator: one thread, many kept-alive connections, one request under way on each.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// The next one as soon as the last is answered.
    Closed,
    /// So many a second, whether or not the earlier ones are answered.
    Open(f64),
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answers: u64,
    pub(crate) seconds: f64,
    /// From when a request was due until its answer was complete; sorted, in seconds.
    pub(crate) latencies: Vec<f64>,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let at = (self.latencies.len() as f64 * percent / 100.0) as usize;
        self.latencies
            .get(at.min(self.latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    }
}

struct Connection {
    stream: TcpStream,
    reading: Reading,
    since: Instant,
    busy: bool,
}

/// How far the answer under way has been read.
#[derive(Debug)]
enum Reading {
    Head(Vec<u8>),
    /// So many bytes are left.
    Sized(usize),
    /// Inside a chunk with so many bytes left, its line end included.
    Chunk(usize),
    /// The line that tells the size of the next chunk.
    ChunkSize(Vec<u8>),
    /// The empty line after the last chunk.
    Trailer(usize),
}

/// Asks the same question again and again.
pub(crate) fn run(
    address: SocketAddr,
    request: &[u8],
    connections: usize,
    pace: Pace,
    duration: Duration,
) -> Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(256);
    let mut buffer = vec![0; 1 << 18];
    let mut all: Vec<Connection> = Vec::new();
    for token in 0..connections {
        let blocking = std::net::TcpStream::connect(address)?;
        blocking.set_nodelay(true)?;
        blocking.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(blocking);
        poll.registry().register(&mut stream, Token(token), Interest::READABLE)?;
        all.push(Connection {
            stream,
            reading: Reading::Head(Vec::new()),
            since: Instant::now(),
            busy: false,
        });
    }
    let began = Instant::now();
    let ends = began + duration;
    let mut idle: VecDeque<usize> = (0..connections).collect();
    let mut sent = 0_u64;
    let mut under_way = 0;
    let mut latencies = Vec::new();
    let due = |sent: u64, rate: f64| began + Duration::from_secs_f64(sent as f64 / rate);
    let mut last = began;
    loop {
        let now = Instant::now();
        if now < ends {
            while let Some(&token) = idle.front() {
                let since = match pace {
                    Pace::Closed => now,
                    Pace::Open(rate) if due(sent, rate) <= now => due(sent, rate),
                    Pace::Open(_) => break,
                };
                idle.pop_front();
                let connection = &mut all[token];
                let written = connection.stream.write(request)?;
                ensure!(written == request.len(), "the request does not fit the socket");
                connection.since = since;
                connection.busy = true;
                sent += 1;
                under_way += 1;
            }
        } else if under_way == 0 || now > ends + Duration::from_secs(10) {
            break;
        }
        // Never sleeps: the server must not pay for waking who asks.
        poll.poll(&mut events, Some(Duration::ZERO))?;
        for event in &events {
            let Token(token) = event.token();
            let connection = &mut all[token];
            loop {
                match connection.stream.read(&mut buffer) {
                    Ok(0) => bail!("the server closed the connection"),
                    Ok(read) => {
                        if connection.take(&buffer[..read])? {
                            last = Instant::now();
                            latencies.push((last - connection.since).as_secs_f64());
                            connection.busy = false;
                            under_way -= 1;
                            idle.push_back(token);
                        }
                        if read < buffer.len() && !connection.busy {
                            break;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    let answers = latencies.len() as u64;
    latencies.sort_by(f64::total_cmp);
    Ok(Outcome { answers, seconds: (last - began).as_secs_f64(), latencies })
}

impl Connection {
    /// Reads on; answers whether the answer is complete.
    fn take(&mut self, mut bytes: &[u8]) -> Result<bool> {
        while !bytes.is_empty() {
            let (next, used, done) = step(&mut self.reading, bytes)?;
            bytes = &bytes[used..];
            if let Some(next) = next {
                self.reading = next;
            }
            if done {
                ensure!(bytes.is_empty(), "more than one answer");
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// One step: what is read next, how many bytes were used, and whether the answer ends there.
fn step(reading: &mut Reading, bytes: &[u8]) -> Result<(Option<Reading>, usize, bool)> {
    let fresh = || Some(Reading::Head(Vec::new()));
    Ok(match reading {
        Reading::Head(head) => {
            let before = head.len();
            head.extend_from_slice(&bytes[..bytes.len().min(2048)]);
            let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
                return Ok((None, head.len() - before, false));
            };
            let text = std::str::from_utf8(&head[..end])?.to_ascii_lowercase();
            ensure!(text.starts_with("http/1.1 200"), "{text}");
            let length = text.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
            let next = match length {
                Some(length) => Reading::Sized(length.trim().parse()?),
                None => Reading::ChunkSize(Vec::new()),
            };
            (Some(next), end + 4 - before, false)
        }
        Reading::Sized(left) => {
            let used = bytes.len().min(*left);
            *left -= used;
            if *left == 0 { (fresh(), used, true) } else { (None, used, false) }
        }
        Reading::Chunk(left) => {
            let used = bytes.len().min(*left);
            *left -= used;
            let next = (*left == 0).then(|| Reading::ChunkSize(Vec::new()));
            (next, used, false)
        }
        Reading::ChunkSize(line) => {
            let end = bytes.iter().position(|b| *b == b'\n');
            let used = end.map_or(bytes.len(), |end| end + 1);
            line.extend_from_slice(&bytes[..used]);
            if end.is_none() {
                return Ok((None, used, false));
            }
            let size = usize::from_str_radix(std::str::from_utf8(line)?.trim(), 16)?;
            let next = if size == 0 { Reading::Trailer(2) } else { Reading::Chunk(size + 2) };
            (Some(next), used, false)
        }
        Reading::Trailer(left) => {
            let used = bytes.len().min(*left);
            *left -= used;
            if *left == 0 { (fresh(), used, true) } else { (None, used, false) }
        }
    })
}

/// Asks once and reads the whole answer, chunks joined.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(request)?;
    let mut reading = Reading::Head(Vec::new());
    let mut body = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "the answer was cut off");
        let mut bytes = &buffer[..read];
        while !bytes.is_empty() {
            let content = match &reading {
                Reading::Sized(left) => bytes.len().min(*left),
                Reading::Chunk(left) => bytes.len().min(left.saturating_sub(2)),
                _ => 0,
            };
            body.extend_from_slice(&bytes[..content]);
            let (next, used, done) = step(&mut reading, bytes)?;
            bytes = &bytes[used..];
            reading = next.unwrap_or(reading);
            if done {
                return Ok(body);
            }
        }
    }
}
