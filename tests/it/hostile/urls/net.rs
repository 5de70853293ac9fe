//! A world of one machine: every address is local, and every packet is seen.

use std::{
    collections::BTreeMap,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket,
    socket_with, sockopt,
};

/// Where the luring server is: the one network that the hub may reach.
pub const LURE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
/// Where the name server is.
pub const NAMES: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);

const REQUEST_ACK: u16 = 1 | 4;
const CREATE: u16 = 0x400;

/// Brings the loopback device up, routes the whole world to it, and has names asked of [`NAMES`].
pub fn arrange(dir: &std::path::Path) {
    assert!(std::env::var_os(super::INSIDE).is_some(), "only inside a namespace");
    let kernel = socket(AddressFamily::NETLINK, SocketType::RAW, None).unwrap();
    let ask = |kind: u16, flags: u16, body: &[u8]| {
        let mut message = Vec::new();
        let long = u32::try_from(16 + body.len()).unwrap();
        message.extend(long.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((REQUEST_ACK | flags).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        send(&kernel, &message, SendFlags::empty()).unwrap();
        let mut answer = [0; 4096];
        recv(&kernel, &mut answer[..], RecvFlags::empty()).unwrap();
        let code = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
        assert_eq!(code, 0, "the kernel refuses request {kind}");
    };
    // RTM_NEWLINK: index 1 is up.
    let mut link = vec![0; 4];
    link.extend(1_i32.to_ne_bytes());
    link.extend([1_u32.to_ne_bytes(), 1_u32.to_ne_bytes()].concat());
    ask(16, 0, &link);
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        // RTM_NEWROUTE: everything is local (table 255, scope host, type local), by device 1.
        let mut route = vec![u8::try_from(family.as_raw()).unwrap(), 0, 0, 0, 255, 3, 254, 2];
        route.extend([0; 4]);
        route.extend([8_u16.to_ne_bytes(), 4_u16.to_ne_bytes()].concat());
        route.extend(1_u32.to_ne_bytes());
        ask(24, CREATE, &route);
    }
    for (name, text) in [
        ("resolv.conf", format!("nameserver {NAMES}\noptions timeout:1 attempts:2\n")),
        ("nsswitch.conf", "hosts: files dns\n".to_owned()),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n".to_owned()),
    ] {
        let file = dir.join(name);
        std::fs::File::create(&file).unwrap().write_all(text.as_bytes()).unwrap();
        let place = format!("/etc/{name}");
        let mounted = Command::new("mount").arg("--bind").arg(&file).arg(&place).status().unwrap();
        assert!(mounted.success(), "{place} cannot be replaced");
    }
}

/// Sees every packet of the namespace.
#[derive(Clone, Default)]
pub struct Canaries(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Packets seen at all.
    seen: AtomicU64,
    /// Packets that are nobody's business, by where they went.
    strayed: Mutex<BTreeMap<(IpAddr, u16), usize>>,
    /// Where packets may go.
    expected: Mutex<Vec<SocketAddr>>,
}

impl Canaries {
    /// Watches from now on.
    pub fn watch() -> Self {
        // ETH_P_ALL, in network order.
        let all = Protocol::from_raw(NonZeroU32::new(u32::from(3_u16.to_be())).unwrap());
        let tap =
            socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, Some(all))
                .unwrap();
        let _ = sockopt::set_socket_recv_buffer_size_force(&tap, 256 << 20);
        let canaries = Self::default();
        let ours = canaries.clone();
        std::thread::spawn(move || {
            let mut frame = vec![0; 256];
            while let Ok((long, _)) = recv(&tap, &mut frame[..], RecvFlags::empty()) {
                ours.see(&frame[..long]);
            }
        });
        canaries
    }

    /// Lets packets from and to this address be; port 0 stands for all.
    pub fn expect(&self, address: SocketAddr) {
        self.0.expected.lock().unwrap().push(address);
    }

    fn see(&self, frame: &[u8]) {
        if let Some((from, to)) = ends(frame) {
            let expected = self.0.expected.lock().unwrap();
            let is = |end: &SocketAddr| {
                expected
                    .iter()
                    .any(|e| e.ip() == end.ip() && (e.port() == 0 || e.port() == end.port()))
            };
            if !is(&from) && !is(&to) {
                let mut strayed = self.0.strayed.lock().unwrap();
                *strayed.entry((to.ip(), to.port())).or_default() += 1;
            }
        }
        self.0.seen.fetch_add(1, Ordering::SeqCst);
    }

    /// Where packets went that should not have, since the last time this was asked. Waits until every packet that the
    /// device has counted was seen: none is lost to a full buffer.
    pub async fn strayed(&self) -> Vec<(IpAddr, u16)> {
        crate::support::hub::until("every packet to be seen", || async {
            // Each is seen when it leaves and when it arrives.
            (self.0.seen.load(Ordering::SeqCst) >= counted()).then_some(())
        })
        .await;
        std::mem::take(&mut *self.0.strayed.lock().unwrap()).into_keys().collect()
    }

    pub fn seen(&self) -> u64 {
        self.0.seen.load(Ordering::SeqCst)
    }
}

/// Packets that the loopback device has received and sent.
fn counted() -> u64 {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("lo:")).unwrap();
    let numbers: Vec<u64> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
    numbers[1] + numbers[9]
}

/// From where to where an IP packet goes; ports are 0 where there are none.
fn ends(frame: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let packet = frame.get(14..)?;
    let (from, to, rest): (IpAddr, IpAddr, &[u8]) = match frame.get(12..14)? {
        [0x08, 0x00] => {
            let octets = |at: usize| <[u8; 4]>::try_from(&packet[at..at + 4]).unwrap();
            let head = usize::from(packet.first()? & 15) * 4;
            (Ipv4Addr::from(octets(12)).into(), Ipv4Addr::from(octets(16)).into(), &packet[head..])
        }
        [0x86, 0xdd] => {
            let octets = |at: usize| <[u8; 16]>::try_from(&packet[at..at + 16]).unwrap();
            (Ipv6Addr::from(octets(8)).into(), Ipv6Addr::from(octets(24)).into(), &packet[40..])
        }
        _ => return None,
    };
    let port =
        |at: usize| rest.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
    Some((SocketAddr::new(from, port(0)), SocketAddr::new(to, port(2))))
}
