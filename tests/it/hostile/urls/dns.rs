//! A name server that says what each name itself asks for.
//!
//! Under `lure.test`: `a10-0-0-1` and `both-10-0-0-1` are that address, `cname-10-0-0-1` by an alias,
//! `six-<32 hex digits>` that IPv6 address, `mix-10-0-0-1` that one and the luring server's, `turn<n>` the luring
//! server's at first and 10.66.0.1 ever after, `flip<n>` the two in turns, `srv-<name>` a service at `<name>.lure.test`.
//! Every other name there is the luring server; `<address>.nip.io` is that address, `.invalid` is nothing, and all
//! others are somewhere public.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::net::UdpSocket;

use super::net::{LURE, NAMES};

/// Where names that change their minds lead in the end.
pub const TURNED: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 1);
/// Where names lead that say nothing else.
pub const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);

const A: u16 = 1;
const CNAME: u16 = 5;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// The server, with how many addresses of changing names it gave out.
#[derive(Clone, Default)]
pub struct Names {
    pub turned: Arc<AtomicUsize>,
}

impl Names {
    pub async fn serve() -> Self {
        let names = Self::default();
        let ours = names.clone();
        let socket = UdpSocket::bind((NAMES, 53)).await.unwrap();
        tokio::spawn(async move {
            let mut asked_before: HashMap<String, usize> = HashMap::new();
            let mut question = [0; 1024];
            while let Ok((long, from)) = socket.recv_from(&mut question).await {
                if let Some(answer) = ours.answer(&question[..long], &mut asked_before) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        names
    }

    fn answer(&self, question: &[u8], asked: &mut HashMap<String, usize>) -> Option<Vec<u8>> {
        let (name, kind, end) = read(question)?;
        let records = self.records(&name.to_ascii_lowercase(), kind, asked);
        let mut answer = question.get(..2)?.to_vec();
        // A reply, recursion available; NXDOMAIN where there is nothing at all.
        let code = if name.ends_with("invalid") { 3 } else { 0 };
        answer.extend([0x81, 0x80 | code, 0, 1]);
        answer.extend(u16::try_from(records.len()).ok()?.to_be_bytes());
        answer.extend([0; 4]);
        answer.extend(question.get(12..end)?);
        for (owner, kind, body) in records {
            match owner {
                None => answer.extend([0xc0, 12]),
                Some(owner) => answer.extend(spelled(&owner)),
            }
            answer.extend(kind.to_be_bytes());
            // Class IN, and a time to live of nothing.
            answer.extend([0, 1, 0, 0, 0, 0]);
            answer.extend(u16::try_from(body.len()).ok()?.to_be_bytes());
            answer.extend(body);
        }
        Some(answer)
    }

    fn records(
        &self,
        name: &str,
        kind: u16,
        asked: &mut HashMap<String, usize>,
    ) -> Vec<(Option<String>, u16, Vec<u8>)> {
        let host = name.strip_suffix(".lure.test");
        if let Some(service) = host.and_then(|host| host.strip_prefix("_caldavs._tcp.srv-")) {
            return match kind {
                SRV => {
                    let (port, target) = service.split_once('-').unwrap();
                    let port: u16 = port.parse().unwrap();
                    let mut body = vec![0, 0, 0, 0];
                    body.extend(port.to_be_bytes());
                    body.extend(spelled(&format!("{target}.lure.test")));
                    vec![(None, SRV, body)]
                }
                TXT => vec![(None, TXT, b"\x0bpath=/lured/".to_vec())],
                _ => Vec::new(),
            };
        }
        if let Some(address) = host.and_then(|host| host.strip_prefix("cname-")) {
            let target = format!("a{address}.lure.test");
            let mut records = vec![(None, CNAME, spelled(&target))];
            let found = self.records(&target, kind, asked);
            records.extend(
                found.into_iter().map(|(_, kind, body)| (Some(target.clone()), kind, body)),
            );
            return records;
        }
        let addresses =
            if kind == A || kind == AAAA { self.addresses(name, kind, asked) } else { vec![] };
        let record = |address| match address {
            IpAddr::V4(v4) => (None, A, v4.octets().to_vec()),
            IpAddr::V6(v6) => (None, AAAA, v6.octets().to_vec()),
        };
        addresses.into_iter().map(record).filter(|(_, found, _)| *found == kind).collect()
    }

    fn addresses(&self, name: &str, kind: u16, asked: &mut HashMap<String, usize>) -> Vec<IpAddr> {
        let dashed = |text: &str| text.replace('-', ".").parse::<Ipv4Addr>().map(IpAddr::from);
        let Some(host) = name.strip_suffix(".lure.test") else {
            let spelled = name.strip_suffix(".nip.io").and_then(|name| name.parse().ok());
            return if name.ends_with("invalid") {
                vec![]
            } else {
                vec![spelled.unwrap_or(PUBLIC).into()]
            };
        };
        if host.starts_with("turn") || host.starts_with("flip") {
            let times = asked.entry(host.to_owned()).or_default();
            let is_turned =
                if host.starts_with("turn") { *times > 0 } else { !times.is_multiple_of(2) };
            if kind == A {
                *times += 1;
                self.turned.fetch_add(usize::from(is_turned), Ordering::SeqCst);
            }
            return vec![if is_turned { TURNED.into() } else { LURE.into() }];
        }
        if let Some(digits) = host.strip_prefix("six-") {
            return vec![Ipv6Addr::from(u128::from_str_radix(digits, 16).unwrap()).into()];
        }
        if let Some(both) = host.strip_prefix("both-") {
            return vec![dashed(both).unwrap(), Ipv4Addr::new(192, 168, 7, 7).into()];
        }
        if let Some(mixed) = host.strip_prefix("mix-") {
            return vec![dashed(mixed).unwrap(), LURE.into()];
        }
        let single = host.strip_prefix('a').and_then(|rest| dashed(rest).ok());
        vec![single.unwrap_or(LURE.into())]
    }
}

/// The name and the kind that are asked for, and where the question ends.
fn read(question: &[u8]) -> Option<(String, u16, usize)> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let long = usize::from(*question.get(at)?);
        at += 1;
        if long == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + long)?).into_owned());
        at += long;
    }
    let kind = u16::from_be_bytes([*question.get(at)?, *question.get(at + 1)?]);
    Some((labels.join("."), kind, at + 4))
}

fn spelled(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
