//! Certificates: chosen by the name a client asks for, replaced as a whole while connections live.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::{EngineError, Result};

use super::options::Certificate;

/// All certificates of a listener.
#[derive(Debug, Default)]
struct Certificates {
    by_name: HashMap<String, Arc<CertifiedKey>>,
    /// For names that no certificate is for.
    other: Option<Arc<CertifiedKey>>,
    /// For clients that ask for no name.
    first: Option<Arc<CertifiedKey>>,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct CertificateStore(ArcSwap<Certificates>);

impl CertificateStore {
    /// # Errors
    /// `INVALID_ARGUMENT`.
    pub(crate) fn new(certificates: &[Certificate]) -> Result<Arc<Self>> {
        Ok(Arc::new(Self(ArcSwap::from_pointee(read_all(certificates)?))))
    }

    /// Handshakes from now on use these.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`; then the old ones stay.
    pub(crate) fn replace(&self, certificates: &[Certificate]) -> Result<()> {
        self.0.store(Arc::new(read_all(certificates)?));
        Ok(())
    }

    /// A server's side of TLS with these certificates.
    ///
    /// # Errors
    /// `INTERNAL`.
    pub(crate) fn acceptor(self: &Arc<Self>) -> Result<tokio_rustls::TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(EngineError::internal)?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config).into())
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certificates = self.0.load();
        let Some(name) = hello.server_name() else {
            return certificates.other.clone().or_else(|| certificates.first.clone());
        };
        let name = name.to_ascii_lowercase();
        let pattern = || name.split_once('.').and_then(|(_, rest)| certificates.by_name.get(&format!("*.{rest}")));
        let named = certificates.by_name.get(&name).or_else(pattern).cloned();
        named.or_else(|| certificates.other.clone())
    }
}

fn read_all(certificates: &[Certificate]) -> Result<Certificates> {
    let mut out = Certificates::default();
    for (index, certificate) in certificates.iter().enumerate() {
        let key = Arc::new(read(index, certificate)?);
        for name in &certificate.server_names {
            out.by_name.entry(name.to_ascii_lowercase()).or_insert_with(|| key.clone());
        }
        if certificate.server_names.is_empty() {
            out.other.get_or_insert_with(|| key.clone());
        }
        out.first.get_or_insert(key);
    }
    if out.first.is_none() {
        return Err(EngineError::argument("tls", "at least one certificate"));
    }
    Ok(out)
}

fn read(index: usize, certificate: &Certificate) -> Result<CertifiedKey> {
    // Reasons of the parser are left out: they could quote the key.
    let refused = |field: &str, expected: &str| EngineError::argument(format!("tls[{index}].{field}"), expected);
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.cert_pem.as_bytes())
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| refused("certPem", "a chain of certificates in PEM"))?;
    if chain.is_empty() {
        return Err(refused("certPem", "a chain of certificates in PEM"));
    }
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes())
        .ok()
        .and_then(|key| ring::sign::any_supported_type(&key).ok())
        .ok_or_else(|| refused("keyPem", "a private key in PEM (RSA, ECDSA or Ed25519)"))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(refused("keyPem", "the key of the first certificate")),
        Err(_) => Err(refused("certPem", "certificates that can be read")),
    }
}
