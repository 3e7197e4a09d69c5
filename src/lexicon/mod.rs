//! stub
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Query,
    Procedure,
    Subscription,
}
pub struct Method {
    pub nsid: &'static str,
    pub kind: Kind,
}
pub const METHODS: &[Method] =
    &[Method { nsid: network::counterpart::replication::describe_service::NSID, kind: Kind::Query }];
pub fn method(nsid: &str) -> Option<&'static Method> {
    METHODS.iter().find(|m| m.nsid == nsid)
}
pub mod network {
    pub mod counterpart {
        pub mod replication {
            pub mod describe_service {
                pub const NSID: &str = "network.counterpart.replication.describeService";
                #[derive(serde::Serialize)]
                #[serde(rename_all = "camelCase")]
                pub struct Output {
                    pub version: String,
                    pub did: Option<String>,
                    pub methods: Vec<String>,
                    pub limits: Limits,
                }
                #[derive(serde::Serialize)]
                #[serde(rename_all = "camelCase")]
                pub struct Limits {
                    pub max_request_bytes: i64,
                }
            }
        }
    }
}
