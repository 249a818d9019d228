//! What the owner of a plane says as plain data from JSON: where to listen, what goes where, how much is too much.

use std::net::IpAddr;

use serde::Deserialize;

use crate::error::{EngineError, Result};

/// `HttpListenOptions` of `binding.d.ts`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ListenOptions {
    /// Address, or `localhost`.
    pub host: String,
    /// 0: any free port.
    pub port: u16,
    /// Several processes listen on one port.
    pub reuse_port: bool,
    /// Empty: no TLS.
    pub tls: Vec<Certificate>,
    /// What a listener holds and waits for.
    pub limits: HttpLimits,
    /// Addresses and networks whose requests may name their version on public routes.
    pub trusted_proxies: Vec<String>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            reuse_port: false,
            tls: Vec::new(),
            limits: HttpLimits::default(),
            trusted_proxies: Vec::new(),
        }
    }
}

impl ListenOptions {
    pub(crate) fn address(&self) -> Result<IpAddr> {
        let host = if self.host == "localhost" { "127.0.0.1" } else { &self.host };
        host.parse().map_err(|_| EngineError::argument("host", "an IP address, or localhost"))
    }
}

/// A certificate chain with its key.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Certificate {
    /// The chain, leaf first.
    pub cert_pem: String,
    /// Its private key.
    pub key_pem: String,
    /// Names it is shown for; empty: those that no other certificate names.
    #[serde(default)]
    pub server_names: Vec<String>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Certificate").field("server_names", &self.server_names).finish_non_exhaustive()
    }
}

/// Bounds of one listener. Units are in the names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "described in @hotswap/core, where users of the fields read it")]
pub struct HttpLimits {
    pub max_connections: usize,
    pub max_in_flight: usize,
    pub max_header_bytes: usize,
    pub max_uri_bytes: usize,
    pub max_body_bytes: u64,
    pub header_timeout_ms: u64,
    pub body_idle_timeout_ms: u64,
    pub keep_alive_timeout_ms: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_in_flight: 5_000,
            max_header_bytes: 16_384,
            max_uri_bytes: 8_192,
            max_body_bytes: 10_485_760,
            header_timeout_ms: 10_000,
            body_idle_timeout_ms: 30_000,
            keep_alive_timeout_ms: 75_000,
        }
    }
}

impl HttpLimits {
    pub(crate) fn check(&self) -> Result<()> {
        let day = 24 * 3_600_000;
        let bounds = [
            ("maxConnections", self.max_connections as u64, 1, 1_000_000),
            ("maxInFlight", self.max_in_flight as u64, 1, 1_000_000),
            ("maxHeaderBytes", self.max_header_bytes as u64, 256, 1_048_576),
            ("maxUriBytes", self.max_uri_bytes as u64, 16, 65_534),
            ("headerTimeoutMs", self.header_timeout_ms, 1, day),
            ("bodyIdleTimeoutMs", self.body_idle_timeout_ms, 1, day),
            ("keepAliveTimeoutMs", self.keep_alive_timeout_ms, 1, day),
        ];
        for (name, value, min, max) in bounds {
            if value < min || value > max {
                return Err(EngineError::argument(format!("limits.{name}"), format!("{min} to {max}")));
            }
        }
        Ok(())
    }
}

/// `HttpRoute` of `binding.d.ts`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Route {
    /// Slot that answers. `None`: the fallback.
    pub slot: Option<String>,
    /// Names, `*.name` for all below; empty: any host.
    pub hosts: Vec<String>,
    /// Whole segments; the longest that fits wins.
    pub path_prefix: String,
    /// The guest sees the rest of the path only.
    #[serde(default)]
    pub strip_prefix: bool,
    /// Who may use it.
    pub access: Access,
    /// What makes requests stay with one version. `None`: the client's address.
    #[serde(default)]
    pub affinity: Option<Affinity>,
    /// Bounds of this route.
    #[serde(default)]
    pub limits: RouteLimits,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Anyone.
    Public,
    /// Whom the owner of the plane lets in.
    Authorized,
}

/// What names a client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum Affinity {
    /// A header's value.
    Header(String),
    /// A cookie's value.
    Cookie(String),
}

/// Bounds of one route; what is absent follows the listener and the module.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "described in @hotswap/core, where users of the fields read it")]
pub struct RouteLimits {
    pub max_body_bytes: Option<u64>,
    pub timeout_ms: Option<u64>,
    pub max_in_flight: Option<usize>,
}

/// How many requests ended by themselves until a deadline, and how many were cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Ended by themselves.
    pub finished: usize,
    /// Cut at the deadline.
    pub cut: usize,
}
