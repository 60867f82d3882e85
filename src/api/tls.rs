//! TLS: the certificate and key in force, read again when their files change.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;
use crate::limits::TLS_FILE_BYTES_MAX;
use crate::stamp::Stamp;

/// The one protocol that is spoken inside.
const PROTOCOL: &[u8] = b"http/1.1";

/// Why no TLS can be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(
        "{what} cannot be read: {path}: {reason}\nhint: it must be there, in PEM, and readable by the daemon's user"
    )]
    Read {
        /// Which of the two.
        what: &'static str,
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The two do not belong together, or are no use.
    #[error(
        "certificate and key cannot be used: {path}: {reason}\nhint: the certificate comes first in its file, then those between it and the authority; the key must be that certificate's"
    )]
    Unusable {
        /// The certificate's file.
        path: String,
        /// Why.
        reason: String,
    },
}

/// What TLS is spoken with.
pub(super) struct Tls {
    files: TlsConfig,
    seen: Mutex<(Stamp, Stamp)>,
    acceptor: RwLock<TlsAcceptor>,
}

impl Tls {
    /// Reads both files.
    pub(super) fn open(files: &TlsConfig) -> Result<Self, TlsError> {
        // The stamps are taken first: what changes while the files are read is seen by the next look.
        let seen = Mutex::new(stamps(files));
        let acceptor = RwLock::new(acceptor(files)?);
        Ok(Self { files: files.clone(), seen, acceptor })
    }

    /// What the next connection is spoken to with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the files again if one changed since the last look; whether it did. If they are no use, what was read before
    /// stays: between the replacement of the one and of the other they do not fit.
    pub(super) fn look(&self) -> Result<bool, TlsError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = stamps(&self.files);
        if found == *seen {
            return Ok(false);
        }
        *seen = found;
        let acceptor = acceptor(&self.files)?;
        *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
        Ok(true)
    }
}

fn stamps(files: &TlsConfig) -> (Stamp, Stamp) {
    (Stamp::of(&files.certificate), Stamp::of(&files.key))
}

fn acceptor(files: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let certificates = read("certificate", &files.certificate)?;
    let unreadable =
        |what, path: &Path, reason: String| TlsError::Read { what, path: path.display().to_string(), reason };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&certificates)
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable("certificate", &files.certificate, error.to_string()))?;
    // The error of a key names what is wrong with its form, and nothing of what is in it.
    let key = PrivateKeyDer::from_pem_slice(&read("key", &files.key)?)
        .map_err(|error| unreadable("key", &files.key, error.to_string()))?;
    let unusable = |reason: String| TlsError::Unusable { path: files.certificate.display().to_string(), reason };
    if chain.is_empty() {
        return Err(unusable("the file holds no certificate".to_owned()));
    }
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| unusable(error.to_string()))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |reason: String| TlsError::Read { what, path: path.display().to_string(), reason };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(TLS_FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    match bytes.len() {
        length if length > TLS_FILE_BYTES_MAX => Err(failed(format!("longer than {TLS_FILE_BYTES_MAX} bytes"))),
        _ => Ok(bytes),
    }
}
