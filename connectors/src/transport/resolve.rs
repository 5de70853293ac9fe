//! Names to addresses, and the DNS records of service discovery. A trait, so that tests can rebind names.

use std::{fmt, net::IpAddr};

use async_trait::async_trait;
use hickory_resolver::{TokioResolver, proto::rr::RData};
use tokio::sync::OnceCell;

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRecord {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    /// Without the final dot.
    pub target: String,
}

/// Why a name gave nothing.
#[derive(Debug, thiserror::Error)]
#[error("the name does not resolve")]
pub struct ResolveFailure(#[source] pub Option<Box<dyn std::error::Error + Send + Sync>>);

/// Looks names up.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync {
    /// Every address of a host, unfiltered.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ResolveFailure>;

    /// The SRV records of a name; empty when there are none.
    async fn services(&self, name: &str) -> Vec<ServiceRecord>;

    /// The TXT strings of a name; empty when there are none.
    async fn texts(&self, name: &str) -> Vec<String>;
}

/// The machine's own: addresses as every other program here sees them, SRV and TXT from its name servers.
#[derive(Default)]
pub struct SystemResolver {
    records: OnceCell<Option<TokioResolver>>,
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemResolver")
    }
}

impl SystemResolver {
    async fn records(&self) -> Option<&TokioResolver> {
        // Machines without name servers configured have no records to offer; addresses still work.
        self.records
            .get_or_init(|| async {
                TokioResolver::builder_tokio().ok().and_then(|builder| builder.build().ok())
            })
            .await
            .as_ref()
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ResolveFailure> {
        let found = tokio::net::lookup_host((host, 0))
            .await
            .map_err(|error| ResolveFailure(Some(Box::new(error))))?;
        Ok(found.map(|address| address.ip()).collect())
    }

    async fn services(&self, name: &str) -> Vec<ServiceRecord> {
        let Some(resolver) = self.records().await else { return Vec::new() };
        let Ok(found) = resolver.srv_lookup(name).await else { return Vec::new() };
        found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(srv) => Some(ServiceRecord {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: srv.target.to_ascii().trim_end_matches('.').to_owned(),
                }),
                _ => None,
            })
            .collect()
    }

    async fn texts(&self, name: &str) -> Vec<String> {
        let Some(resolver) = self.records().await else { return Vec::new() };
        let Ok(found) = resolver.txt_lookup(name).await else { return Vec::new() };
        found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::TXT(txt) => {
                    Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned())
                }
                _ => None,
            })
            .collect()
    }
}

/// Finds every name at the same addresses and knows no records. What an in-process backend uses, where
/// addresses mean nothing.
#[derive(Clone, Debug)]
pub struct Fixed(pub Vec<IpAddr>);

#[async_trait]
impl Resolver for Fixed {
    async fn addresses(&self, _host: &str) -> Result<Vec<IpAddr>, ResolveFailure> {
        Ok(self.0.clone())
    }

    async fn services(&self, _name: &str) -> Vec<ServiceRecord> {
        Vec::new()
    }

    async fn texts(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
}
