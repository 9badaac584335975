//! Encryption and certificates of clients, and who tries to do without.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_collector::auth::Authority;
use counterfoil_collector::routes::{authenticated, closed};
use counterfoil_collector::server::{ClientCertificates, ServerLimits, Tls, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sha2::{Digest as _, Sha256};

use super::keys::Tenants;
use super::serving::{Serving, routes};

/// An authority that issues certificates.
struct Issuing {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
struct Issued {
    certificate: String,
    key: String,
}

impl Issuing {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { pem, issuer }
    }

    fn issue(&self, names: &[&str]) -> Issued {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        Issued {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Issued {
    fn sha256(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let hash = Sha256::digest(&der);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A server with certificates, and the files behind it.
struct Encrypted {
    directory: tempfile::TempDir,
    servers: Issuing,
    clients: Issuing,
    tls: Arc<Tls>,
    authority: Arc<Authority>,
    serving: Serving,
}

impl Encrypted {
    fn start(tenants: &Tenants, wanted: ClientCertificates) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (servers, clients) = (Issuing::new(), Issuing::new());
        let path = |name: &str| directory.path().join(name);
        let mut files = TlsFiles::new(path("server.pem"), path("server.key"));
        files.clients = Some((path("clients.pem"), wanted));
        fs::write(path("clients.pem"), &clients.pem).unwrap();
        put(&files, &servers.issue(&["localhost"]));
        let tls = Arc::new(Tls::open(files).unwrap());
        let authority = tenants.authority();
        let router = closed(authenticated(routes(), Arc::clone(&authority)));
        let serving = Serving::start(router, ServerLimits::default(), Some(Arc::clone(&tls)));
        Self {
            directory,
            servers,
            clients,
            tls,
            authority,
            serving,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Connects with a certificate, or without.
    fn client(&self, own: Option<&Issued>) -> Encryption {
        Encryption::connect(self, &self.servers.pem, own)
    }

    fn who(&self, own: Option<&Issued>, headers: &str) -> Result<String, std::io::Error> {
        self.client(own).who(headers)
    }
}

fn put(files: &TlsFiles, issued: &Issued) {
    fs::write(&files.certificate, &issued.certificate).unwrap();
    fs::write(&files.key, &issued.key).unwrap();
}

/// The client's end of an encrypted connection.
struct Encryption(StreamOwned<ClientConnection, TcpStream>);

impl Encryption {
    fn connect(to: &Encrypted, authority: &str, own: Option<&Issued>) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some(own) => config
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        let name = "localhost".try_into().unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(to.serving.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self(StreamOwned::new(connection, stream))
    }

    /// Status and body of `GET /who`.
    fn who(&mut self, headers: &str) -> Result<String, std::io::Error> {
        write!(self.0, "GET /who HTTP/1.1\r\nhost: x\r\n{headers}\r\n")?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body)?;
        Ok(format!(
            "{} {}",
            &head[9..12],
            String::from_utf8(body).unwrap()
        ))
    }
}

fn add(tenants: &Tenants, entry: &str) {
    let path = tenants.files().tenants;
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n[[certificate]]\n{entry}\n")).unwrap();
}

#[test]
fn a_certificate_says_whose_it_is_by_name_and_by_fingerprint() {
    let tenants = Tenants::new();
    add(
        &tenants,
        "tenant = \"acme\"\nscopes = [\"ingest\"]\ndns = \"leases.acme.example\"",
    );
    let server = Encrypted::start(&tenants, ClientCertificates::Required);
    let named = server.clients.issue(&["leases.acme.example"]);
    let answer = server.who(Some(&named), "").unwrap();
    assert!(
        answer.starts_with("200 acme {\"ingest\"} sha256:"),
        "{answer}"
    );
    let other = server.clients.issue(&["anything.example"]);
    let mut client = server.client(Some(&other));
    assert!(client.who("").unwrap().starts_with("401 "));
    let pin = format!(
        "tenant = \"globex\"\nscopes = [\"read\"]\nsha256 = \"{}\"",
        other.sha256()
    );
    add(&tenants, &pin);
    server.authority.reload().unwrap();
    let answer = client.who("").unwrap();
    assert!(answer.starts_with("200 globex {\"read\"}"), "{answer}");
}

#[test]
fn no_certificate_and_one_of_another_authority_do_not_get_in() {
    let tenants = Tenants::new();
    add(
        &tenants,
        "tenant = \"acme\"\nscopes = [\"ingest\"]\ndns = \"leases.acme.example\"",
    );
    let server = Encrypted::start(&tenants, ClientCertificates::Required);
    assert!(server.who(None, "").is_err(), "no certificate");
    let forged = Issuing::new().issue(&["leases.acme.example"]);
    assert!(
        server.who(Some(&forged), "").is_err(),
        "of another authority"
    );
    let mut plain = server.serving.client();
    plain.send(b"GET /who HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(
        !plain.until_closed().contains("HTTP/1.1 200"),
        "not encrypted"
    );
}

#[test]
fn a_certificate_with_names_of_two_tenants_is_nobodys() {
    let tenants = Tenants::new();
    for (tenant, dns) in [
        ("acme", "acme.example.com"),
        ("globex", "globex.example.com"),
    ] {
        add(
            &tenants,
            &format!("tenant = \"{tenant}\"\nscopes = [\"ingest\"]\ndns = \"{dns}\""),
        );
    }
    let key = tenants.key("acme", counterfoil_collector::Scope::Ingest, |_| {});
    let key = format!("authorization: Bearer {key}\r\n");
    let server = Encrypted::start(&tenants, ClientCertificates::Required);
    for names in [
        &["*.example.com"][..],
        &["acme.example.com", "globex.example.com"],
    ] {
        for headers in ["", &key] {
            let certificate = server.clients.issue(names);
            let answer = server.who(Some(&certificate), headers).unwrap();
            assert!(answer.starts_with("403 "), "{answer}");
        }
    }
}

#[test]
fn a_key_comes_beside_a_certificate_only_if_both_are_of_one_tenant() {
    let tenants = Tenants::new();
    add(
        &tenants,
        "tenant = \"acme\"\nscopes = [\"verify\"]\ndns = \"leases.acme.example\"",
    );
    let of = |tenant: &str| {
        let key = tenants.key(tenant, counterfoil_collector::Scope::Ingest, |_| {});
        format!("authorization: Bearer {key}\r\n")
    };
    let (acme, globex) = (of("acme"), of("globex"));
    let server = Encrypted::start(&tenants, ClientCertificates::Optional);
    let certificate = server.clients.issue(&["leases.acme.example"]);
    let answer = server.who(Some(&certificate), &acme).unwrap();
    assert!(answer.starts_with("200 acme {\"ingest\"} cfk_"), "{answer}");
    let answer = server.who(Some(&certificate), &globex).unwrap();
    assert!(answer.starts_with("403 "), "{answer}");
    let answer = server.who(None, &globex).unwrap();
    assert!(answer.starts_with("200 globex"), "{answer}");
    assert!(server.who(None, "").unwrap().starts_with("401 "));
}

#[test]
fn certificates_are_replaced_while_connections_stay_open_and_broken_ones_are_not_taken() {
    let tenants = Tenants::new();
    add(
        &tenants,
        "tenant = \"acme\"\nscopes = [\"ingest\"]\ndns = \"leases.acme.example\"",
    );
    let server = Encrypted::start(&tenants, ClientCertificates::Required);
    let own = server.clients.issue(&["leases.acme.example"]);
    let mut before = server.client(Some(&own));
    assert!(before.who("").unwrap().starts_with("200 "));

    fs::write(server.path("server.pem"), "no certificate").unwrap();
    let error = server.tls.reload().unwrap_err().to_string();
    assert!(error.contains("server.pem"), "{error}");
    assert!(server.who(Some(&own), "").unwrap().starts_with("200 "));
    let of_another_key = server.servers.issue(&["localhost"]);
    fs::write(server.path("server.pem"), &of_another_key.certificate).unwrap();
    assert!(server.tls.reload().is_err(), "certificate and key differ");
    assert!(server.who(Some(&own), "").unwrap().starts_with("200 "));

    let next = Issuing::new();
    put(server.tls.files(), &next.issue(&["localhost"]));
    server.tls.reload().unwrap();
    assert!(before.who("").unwrap().starts_with("200 "), "still open");
    assert!(
        server.who(Some(&own), "").is_err(),
        "a client of the old authority sees the new certificate"
    );
    let mut after = Encryption::connect(&server, &next.pem, Some(&own));
    assert!(after.who("").unwrap().starts_with("200 "));
}

#[test]
fn a_handshake_that_stalls_is_closed() {
    let tenants = Tenants::new();
    let directory = tempfile::tempdir().unwrap();
    let files = TlsFiles::new(
        directory.path().join("server.pem"),
        directory.path().join("server.key"),
    );
    put(&files, &Issuing::new().issue(&["localhost"]));
    let mut limits = ServerLimits::default();
    limits.handshake = Duration::from_millis(100);
    let router = closed(authenticated(routes(), tenants.authority()));
    let serving = Serving::start(router, limits, Some(Arc::new(Tls::open(files).unwrap())));
    for begun in [&b""[..], &[0x16], &[0x16, 3, 1, 2]] {
        let mut client = serving.client();
        client.send(begun);
        assert_eq!(client.until_closed(), "");
    }
}
