//! What no file may say.

use std::time::Duration;

use counterfoil::ChainId;

use super::Config;
use crate::server::ClientCertificates;
use crate::tail::TailSource;
use crate::{Error, ErrorKind};

/// Beyond, clocks run over.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Config {
    /// Whether the settings fit each other; [`read`](Self::read) has done it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] names the setting and what to do.
    pub fn check(&self) -> Result<(), Error> {
        self.check_name()?;
        self.check_reach()?;
        self.check_tls()?;
        self.tail.iter().try_for_each(TailSource::check)?;
        self.check_tenants()?;
        self.check_limits()
    }

    /// Its chain and its witness key are named after it.
    fn check_name(&self) -> Result<(), Error> {
        let name = &self.intake.name;
        match ChainId::first(&format!("{name}/meta")) {
            Ok(_) => Ok(()),
            Err(_) => refuse(format!(
                "intake.name is {name:?}, and has to be a DNS name with a dot, such as collector.example.com"
            )),
        }
    }

    /// Who can reach it, and what protects it from them.
    fn check_reach(&self) -> Result<(), Error> {
        let address = self.listen.address;
        if address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        if self.auth.is_none() {
            return refuse(format!(
                "listen.address is {address}, which others can reach, and nobody would have to say who it is; set [auth], or listen at 127.0.0.1"
            ));
        }
        if self.tls.is_none() && !self.listen.plaintext {
            return refuse(format!(
                "listen.address is {address}, which others can reach, and keys would go there in clear; set [tls], or listen.plaintext = true when something in front encrypts"
            ));
        }
        Ok(())
    }

    fn check_tls(&self) -> Result<(), Error> {
        let Some(tls) = &self.tls else {
            return Ok(());
        };
        if tls.clients.is_some() && self.auth.is_none() {
            return refuse("tls.clients is set, and no [auth] says whose the certificates are");
        }
        if tls.clients.is_none() && tls.client_certificates == ClientCertificates::Optional {
            return refuse(
                "tls.client_certificates is set without tls.clients, so none would be asked for",
            );
        }
        Ok(())
    }

    fn check_tenants(&self) -> Result<(), Error> {
        let own = self.tenants.iter();
        let own = own.map(|(name, section)| (format!("tenants.{name}"), section));
        for (table, section) in own.chain([("tenant_defaults".to_owned(), &self.tenant_defaults)]) {
            let names = section.chain_names.iter().flatten();
            if let Some(name) = names
                .into_iter()
                .find(|it| it.is_empty() || it.ends_with('/'))
            {
                return refuse(format!(
                    "{table}.chain_names has {name:?}, which no chain lies below; write it as audit.example.com/payments"
                ));
            }
            if section
                .retention_age
                .is_some_and(|age| !age.0.is_zero() && age.0.as_secs() == 0)
            {
                return refuse(format!("{table}.retention_age is less than a second"));
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Error> {
        let limits = &self.limits;
        if let Some((name, _)) = limits.spans().iter().find(|(_, span)| span.is_zero()) {
            return refuse(format!(
                "limits.{name} is 0, and nothing could be done in that time"
            ));
        }
        if let Some((name, _)) = limits.spans().iter().find(|(_, span)| *span > LONGEST) {
            return refuse(format!("limits.{name} is longer than a year"));
        }
        let counts = [
            ("limits.connections", limits.connections as u64),
            (
                "limits.connections_per_address",
                limits.connections_per_address as u64,
            ),
            ("limits.body_bytes", limits.body_bytes.0),
            ("limits.body_ratio", limits.body_ratio),
            ("intake.threads", self.intake.threads.unwrap_or(1) as u64),
            ("intake.memory", self.intake.memory.0),
            ("intake.memory_per_tenant", self.intake.memory_per_tenant.0),
            ("intake.segment", self.intake.segment.0),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return refuse(format!("{name} is 0, and nothing could be taken"));
        }
        if !(1..=1_000).contains(&limits.headers) {
            return refuse("limits.headers has to be from 1 to 1000");
        }
        if !(8_192..=1 << 20).contains(&limits.head_bytes.0) {
            return refuse("limits.head_bytes has to be from 8KiB to 1MiB");
        }
        if self.intake.retention_interval.0.is_zero() {
            return refuse("intake.retention_interval is 0, and nothing else would be done");
        }
        if self.intake.memory_per_tenant > self.intake.memory {
            return refuse("intake.memory_per_tenant is more than intake.memory");
        }
        Ok(())
    }
}

fn refuse(why: impl Into<String>) -> Result<(), Error> {
    Err(Error::new(
        ErrorKind::InvalidConfig,
        "use the configuration",
        why,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let config = Config::parse(text).unwrap();
        config.check().unwrap_err().to_string()
    }

    const AUTH: &str = "[auth]\ntenants = \"t.toml\"\nserver_key = \"s.key\"\n";

    #[test]
    fn without_auth_it_listens_on_the_loopback_interface_only() {
        for address in [
            "0.0.0.0:9468",
            "[::]:9468",
            "192.0.2.1:9468",
            "[::ffff:192.0.2.1]:9468",
        ] {
            let says = refused(&format!(
                "[listen]\naddress = \"{address}\"\nplaintext = true\n"
            ));
            assert!(says.contains("set [auth]"), "{says}");
        }
        for address in [
            "127.0.0.1:0",
            "127.8.8.8:1",
            "[::1]:9468",
            "[::ffff:127.0.0.1]:1",
        ] {
            let config = Config::parse(&format!("[listen]\naddress = \"{address}\"\n")).unwrap();
            config.check().unwrap();
        }
    }

    #[test]
    fn keys_do_not_go_in_clear_unless_the_operator_says_so() {
        let listen = "[listen]\naddress = \"0.0.0.0:9468\"\n";
        assert!(refused(&format!("{listen}{AUTH}")).contains("listen.plaintext"));
        let said = format!("{listen}plaintext = true\n{AUTH}");
        Config::parse(&said).unwrap().check().unwrap();
    }

    #[test]
    fn settings_that_contradict_each_other_are_named() {
        let tls = "[tls]\ncertificate = \"c\"\nkey = \"k\"\n";
        for (text, says) in [
            (format!("{tls}clients = \"a\"\n"), "[auth]"),
            (
                format!("{tls}client_certificates = \"optional\"\n"),
                "tls.clients",
            ),
            ("[limits]\nhead = \"0s\"\n".to_owned(), "limits.head"),
            (
                "[limits]\nhead = \"99999999999999d\"\n".to_owned(),
                "limits.head",
            ),
            (
                "[limits]\nheaders = 1000000000\n".to_owned(),
                "limits.headers",
            ),
            (
                "[tenants.acme]\nretention_age = \"500ms\"\n".to_owned(),
                "tenants.acme.retention_age",
            ),
            (
                "[tenant_defaults]\nchain_names = [\"audit.example.com/\"]\n".to_owned(),
                "tenant_defaults.chain_names",
            ),
            (
                "[limits]\nconnections = 0\n".to_owned(),
                "limits.connections",
            ),
            (
                "[limits]\nhead_bytes = \"1KiB\"\n".to_owned(),
                "limits.head_bytes",
            ),
            (
                "[intake]\nname = \"my collector\"\n".to_owned(),
                "intake.name",
            ),
            (
                "[intake]\nmemory = \"2MiB\"\n".to_owned(),
                "intake.memory_per_tenant",
            ),
        ] {
            let said = refused(&text);
            assert!(said.contains(says), "{said}");
        }
    }
}
