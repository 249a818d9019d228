//! One connection: look the name up once, check every address, connect to that very address, and speak TLS to the name.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

use crate::egress::address::permitted;
use crate::egress::hosts::{Host, Target};
use crate::egress::pool::Connection;
use crate::error::{EngineError, Result as EngineResult};
use crate::shared::lookups::Lookups;

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 6;
/// Bytes of a head that a server may send.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 200;
/// Opens connections under one module's rules.
pub(crate) struct Connector {
    lookups: Arc<Lookups>,
    allow_private: bool,
    tls: Arc<ClientConfig>,
}

impl Connector {
    pub(crate) fn new(lookups: Arc<Lookups>, allow_private: bool, extra_roots: &[String]) -> EngineResult<Self> {
        Ok(Self { lookups, allow_private, tls: Arc::new(tls_config(extra_roots)?) })
    }

    /// Connects within `limit`, name lookup and handshakes included.
    pub(crate) async fn connect(&self, target: &Target, limit: Duration) -> Result<Connection, Error> {
        let deadline = Instant::now() + limit;
        let addresses = self.addresses(target, deadline).await?;
        let stream = connect_first(&addresses, deadline).await?;
        let shake = async {
            if !target.tls {
                return http1_over(stream).await;
            }
            let name = match &target.host {
                Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Error::HttpRequestUriInvalid)?,
                Host::Address(address) => ServerName::from(*address),
            };
            let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await.map_err(|e| tls_error(&e))?;
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                http2_over(stream).await
            } else {
                http1_over(stream).await
            }
        };
        timeout_at(deadline, shake).await.map_err(|_| Error::ConnectionTimeout)?
    }

    /// The addresses that may be connected to. A name is looked up here and nowhere else: what was checked is what is used.
    async fn addresses(&self, target: &Target, deadline: Instant) -> Result<Vec<SocketAddr>, Error> {
        let found = match &target.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => timeout_at(deadline, self.lookups.find(name))
                .await
                .map_err(|_| Error::DnsTimeout)?
                .map_err(|_| Error::DnsError { rcode: None, info_code: None })?,
        };
        if found.is_empty() {
            return Err(Error::DnsError { rcode: None, info_code: None });
        }
        let allowed: Vec<_> = found
            .into_iter()
            .map(|address| address.to_canonical())
            .filter(|address| permitted(*address, self.allow_private))
            .take(MAX_ADDRESSES)
            .map(|address| SocketAddr::new(address, target.port))
            .collect();
        if allowed.is_empty() { Err(Error::DestinationIpProhibited) } else { Ok(allowed) }
    }
}

/// Tries the addresses one after another, each with its share of the time that is left.
async fn connect_first(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Error> {
    let mut last = Error::ConnectionTimeout;
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(1);
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A connection that cannot say "no delay" still works.
                drop(stream.set_nodelay(true));
                return Ok(stream);
            }
            Ok(Err(error)) => last = connect_error(&error),
            Err(_) => last = Error::ConnectionTimeout,
        }
    }
    Err(last)
}

/// What the guest is told names no address: it may have asked for a name to learn what is behind it.
fn connect_error(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        io::ErrorKind::TimedOut => Error::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Error::DestinationIpUnroutable,
        _ => Error::DestinationUnavailable,
    }
}

fn tls_error(error: &io::Error) -> Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: None }
        }
        Some(_) => Error::TlsProtocolError,
        None => Error::ConnectionTerminated,
    }
}

fn tls_config(extra_roots: &[String]) -> EngineResult<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    for (index, pem) in extra_roots.iter().enumerate() {
        let refused = || {
            EngineError::argument(
                format!("policy.network.extraRootsPem[{index}]"),
                "certificates in PEM that can be roots",
            )
        };
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.map_err(|_| refused())?).map_err(|_| refused())?;
            found = true;
        }
        if !found {
            return Err(refused());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(EngineError::internal)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn http1_over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Connection, Error> {
    let (sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Error::HttpProtocolError)?;
    // Ends when the last sender and the body it answers are gone; its error reaches the request that was on it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(Connection::Http1(sender))
}

async fn http2_over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Connection, Error> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .keep_alive_interval(Duration::from_secs(20))
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Error::HttpProtocolError)?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(Connection::Http2(sender))
}
