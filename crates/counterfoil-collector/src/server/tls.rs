//! Encryption, with certificates that are replaced while the server runs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::{Error, ErrorKind};

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ClientCertificates {
    /// A client without a certificate of the authority is refused in the handshake.
    #[default]
    Required,
    /// A client without one needs a key; a certificate of another authority is refused all the same.
    Optional,
}

/// The files of TLS, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The server's certificate and those between it and a root.
    pub certificate: PathBuf,
    /// The private key of the server's certificate.
    pub key: PathBuf,
    /// The authorities whose certificates clients show, and whether they have to; without it no client is asked for one.
    pub clients: Option<(PathBuf, ClientCertificates)>,
}

impl TlsFiles {
    /// The server's certificate and its key; no client is asked for one.
    #[must_use]
    pub const fn new(certificate: PathBuf, key: PathBuf) -> Self {
        Self {
            certificate,
            key,
            clients: None,
        }
    }

    /// Each of the files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let authority = self.clients.as_ref().map(|(path, _)| path);
        [&self.certificate, &self.key]
            .into_iter()
            .chain(authority)
            .map(PathBuf::as_path)
    }
}

/// TLS 1.2 and 1.3 by rustls, from files that are read anew with [`reload`](Self::reload).
pub struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`ErrorKind::Credential`] when a file cannot be read, holds nothing of what it should, or certificate and key do not
    /// belong together.
    pub fn open(files: TlsFiles) -> Result<Self, Error> {
        let config = RwLock::new(read(&files)?);
        Ok(Self { files, config })
    }

    /// Reads the files again. Connections that are open go on with what they began with; new ones get the new certificate, and
    /// sessions of before are not resumed.
    ///
    /// # Errors
    /// As [`open`](Self::open); then everything stays as it was.
    pub fn reload(&self) -> Result<(), Error> {
        let config = read(&self.files)?;
        *self.config.write() = config;
        Ok(())
    }

    /// The files that it reads.
    #[must_use]
    pub const fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// Shakes hands; gives the stream and the certificate that the client has proved to own.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Option<Arc<[u8]>>)> {
        let config = Arc::clone(&self.config.read());
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        let certificate = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(<[_]>::first)
            .map(|certificate| Arc::from(certificate.as_ref()));
        Ok((stream, certificate))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, Error> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|source| unusable(&files.key, "holds no private key in PEM", source))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|source| unusable(&files.certificate, "no version of TLS is known", source))?;
    let config = match &files.clients {
        None => config.with_no_client_auth(),
        Some((authority, wanted)) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(authority)? {
                roots
                    .add(certificate)
                    .map_err(|source| unusable(authority, "holds no authority", source))?;
            }
            let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let clients = match wanted {
                ClientCertificates::Required => clients,
                ClientCertificates::Optional => clients.allow_unauthenticated(),
            };
            let clients = clients
                .build()
                .map_err(|source| unusable(authority, "holds no authority", source))?;
            config.with_client_cert_verifier(clients)
        }
    };
    let mut config = config
        .with_single_cert(chain, key)
        .map_err(|source| unusable(&files.key, "does not fit the certificate", source))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| unusable(path, "cannot be read as PEM", source));
    match read? {
        certificates if certificates.is_empty() => Err(Error::new(
            ErrorKind::Credential,
            "read the certificates",
            format!("{} holds no certificate in PEM", path.display()),
        )),
        certificates => Ok(certificates),
    }
}

fn unusable(
    path: &Path,
    why: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    let context = format!("{} {why}", path.display());
    Error::new(ErrorKind::Credential, "read the certificates", context).with_source(source)
}
