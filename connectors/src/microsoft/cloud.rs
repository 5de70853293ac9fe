//! Microsoft's clouds: each has a sign-in server and a Graph of its own, and an account lives in one of them.

use url::Url;

/// One of Microsoft's clouds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    #[default]
    Global,
    UsGov,
    UsGovDod,
    China,
}

impl Cloud {
    pub const ALL: [Cloud; 4] = [Cloud::Global, Cloud::UsGov, Cloud::UsGovDod, Cloud::China];

    /// The word that it is configured by.
    pub fn as_str(self) -> &'static str {
        match self {
            Cloud::Global => "global",
            Cloud::UsGov => "us_gov",
            Cloud::UsGovDod => "us_gov_dod",
            Cloud::China => "china",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.as_str() == word)
    }

    /// The root of its Graph, without `/v1.0`.
    pub fn api(self) -> Url {
        fixed(match self {
            Cloud::Global => "https://graph.microsoft.com",
            Cloud::UsGov => "https://graph.microsoft.us",
            Cloud::UsGovDod => "https://dod-graph.microsoft.us",
            Cloud::China => "https://microsoftgraph.chinacloudapi.cn",
        })
    }

    /// The root of its sign-in server, without a directory.
    pub fn authority(self) -> Url {
        fixed(match self {
            Cloud::Global => "https://login.microsoftonline.com",
            Cloud::UsGov | Cloud::UsGovDod => "https://login.microsoftonline.us",
            Cloud::China => "https://login.chinacloudapi.cn",
        })
    }
}

fn fixed(text: &str) -> Url {
    Url::parse(text).expect("it is an address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_is_its_own_place() {
        for cloud in Cloud::ALL {
            assert_eq!(Cloud::parse(cloud.as_str()), Some(cloud));
            assert_eq!((cloud.api().scheme(), cloud.authority().path()), ("https", "/"));
        }
        let apis: std::collections::BTreeSet<_> = Cloud::ALL.map(Cloud::api).into_iter().collect();
        assert_eq!(apis.len(), 4);
        assert_eq!(Cloud::parse("germany"), None);
    }
}
