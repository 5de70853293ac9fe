//! Decides which addresses may be reached. Pure: a URL and the addresses of its host in, yes or no out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// Why a URL or an address may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    #[error("only https addresses may be reached")]
    Scheme,
    #[error("this port may not be reached")]
    Port,
    #[error("the address has no host")]
    NoHost,
    #[error("the address lies in a network that may not be reached")]
    Address,
}

/// Which addresses a URL may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses and the allowed networks.
    Anywhere,
    /// Only the allowed networks: the URL is plain http or uses another port.
    AllowedNetworks,
}

/// The rules of one hub.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allowed: Vec<IpNet>,
    ports: Vec<u16>,
}

impl Guard {
    pub fn new(allowed: Vec<IpNet>, extra_ports: Vec<u16>) -> Self {
        Self { allowed, ports: extra_ports }
    }

    /// The same rules, with only those of the allowed networks that lie in `nets` too.
    #[must_use]
    pub fn narrowed(&self, nets: &[IpNet]) -> Self {
        let common = |ours: &IpNet, theirs: &IpNet| {
            if ours.contains(theirs) {
                Some(*theirs)
            } else {
                theirs.contains(ours).then_some(*ours)
            }
        };
        let allowed = self
            .allowed
            .iter()
            .flat_map(|ours| nets.iter().filter_map(move |theirs| common(ours, theirs)));
        Self { allowed: allowed.collect(), ports: self.ports.clone() }
    }

    /// Judges everything about a URL that can be judged before its name is resolved. A host written as an
    /// address, in whatever spelling (`url` normalises octal, hexadecimal and integer forms), is judged at once.
    pub fn check(&self, url: &Url) -> Result<Reach, Blocked> {
        // What keeps the URL to the allowed networks, where something does.
        let (reach, narrowed) = match url.scheme() {
            "https" if self.is_usual_port(url) => (Reach::Anywhere, None),
            "https" => (Reach::AllowedNetworks, Some(Blocked::Port)),
            "http" => (Reach::AllowedNetworks, Some(Blocked::Scheme)),
            _ => return Err(Blocked::Scheme),
        };
        let address = match url.host() {
            None | Some(Host::Domain("")) => return Err(Blocked::NoHost),
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        };
        match address {
            Some(address) if self.admits(address, reach) => Ok(reach),
            Some(address) if self.admits(address, Reach::Anywhere) => {
                Err(narrowed.unwrap_or(Blocked::Address))
            }
            Some(_) => Err(Blocked::Address),
            // Without an allowed network there is nothing such a URL could lead to.
            None if self.allowed.is_empty() => narrowed.map_or(Ok(reach), Err),
            None => Ok(reach),
        }
    }

    /// Whether a connection to `address` may be opened for a URL of that reach.
    pub fn admits(&self, address: IpAddr, reach: Reach) -> bool {
        self.allowed.iter().any(|net| net.contains(&address))
            || (reach == Reach::Anywhere && is_public(address))
    }

    fn is_usual_port(&self, url: &Url) -> bool {
        url.port_or_known_default()
            .is_some_and(|port| matches!(port, 443 | 8443) || self.ports.contains(&port))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let special = match (a, b, c) {
        // This network, private, loopback.
        (0 | 10 | 127, _, _) => true,
        // Carrier-grade NAT (Alibaba's metadata address lies in it).
        (100, 64..=127, _) => true,
        // Link-local, with the metadata addresses of most clouds.
        (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => {
            true
        }
        // Multicast, reserved, broadcast.
        (224..=255, _, _) => true,
        _ => false,
    };
    // Azure's platform address is public by its number only.
    !special && (a, b, c, d) != (168, 63, 129, 16)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // Only 2000::/3 is routed. Loopback, unspecified, v4-mapped, NAT64 (64:ff9b::/96 and its local form), ULA,
    // link-local, site-local and multicast all lie outside.
    (0x2000..=0x3fff).contains(&a)
        // IETF assignments with Teredo, ORCHID and benchmarks; documentation.
        && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8))
        // 6to4 carries a v4 address that nobody has checked.
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_never_opens_what_was_closed() {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let hub = Guard::new(nets(&["10.0.0.0/8", "127.0.0.1/32"]), Vec::new());
        let tenant: Vec<IpNet> = nets(&["10.1.0.0/16", "127.0.0.0/8", "192.168.0.0/16"]);
        let narrow = hub.narrowed(&tenant);
        for (text, may) in [
            ("10.1.2.3", true),
            ("10.2.2.3", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("192.168.0.1", false),
            ("93.184.216.34", true),
        ] {
            assert_eq!(narrow.admits(address(text), Reach::Anywhere), may, "{text}");
        }
        assert!(!hub.narrowed(&[]).admits(address("10.1.2.3"), Reach::AllowedNetworks));
    }
}
