//! Whom a collector at `https` is trusted by.

use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::{ClientConfig, Error, ErrorKind};

pub(crate) fn config(config: &ClientConfig) -> Result<TlsConfig, Error> {
    let Some(pem) = &config.ca_certificate else {
        return Ok(TlsConfig::default());
    };
    let certificates: Vec<Certificate<'static>> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        let why = "what was given as certificate of its authority holds none; give a PEM file";
        return Err(Error::new(
            ErrorKind::InvalidConfig,
            "configure the way to a collector",
            why,
        ));
    }
    let roots = RootCerts::Specific(Arc::new(certificates));
    Ok(TlsConfig::builder().root_certs(roots).build())
}
