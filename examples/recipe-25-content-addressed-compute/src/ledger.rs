//! What is sealed: leaves and recipes that are put, and functions that broke their promise.

use counterfoil::audit::{Object, Outcome};
use counterfoil::tower::ErrorCode;
use counterfoil::{Current, Digest, DomainRecord, ExtensionKind, Observer};

use crate::errors::NOT_SEALED;
use crate::{CAddr, Recipe};

/// Writes records into the audit chain of an observer.
#[derive(Debug)]
pub(crate) struct Ledger {
    observer: Observer,
    leaf_put: ExtensionKind,
    recipe_put: ExtensionKind,
    violation: ExtensionKind,
}

impl Ledger {
    pub(crate) fn new(observer: Observer) -> Result<Self, Box<dyn std::error::Error>> {
        let kind = |name: &str| name.parse::<ExtensionKind>();
        Ok(Self {
            observer,
            leaf_put: kind("deriva.leaf_put")?,
            recipe_put: kind("deriva.recipe_put")?,
            violation: kind("deriva.determinism_violation")?,
        })
    }

    /// Seals that a leaf is put, and waits until that is durable.
    pub(crate) async fn leaf_put(&self, address: CAddr, size: u64) -> Result<(), ErrorCode> {
        let data = object([("addr", address.to_string()), ("bytes", size.to_string())])?;
        self.seal(DomainRecord::new(&self.leaf_put, data).value(size))
            .await
    }

    /// Seals that a recipe is put, and waits until that is durable.
    pub(crate) async fn recipe_put(
        &self,
        address: CAddr,
        recipe: &Recipe,
    ) -> Result<(), ErrorCode> {
        let inputs = recipe.inputs.len();
        let data = object([
            ("addr", address.to_string()),
            ("function", recipe.function.clone()),
            ("inputs", inputs.to_string()),
        ])?;
        self.seal(DomainRecord::new(&self.recipe_put, data).value(inputs as u64))
            .await
    }

    /// Seals that an address came to something else than it stands for, and waits until that is durable.
    pub(crate) async fn violation(
        &self,
        address: CAddr,
        function: &str,
        expected: Digest,
        actual: Digest,
    ) -> Result<(), ErrorCode> {
        let data = object([
            ("addr", address.to_string()),
            ("function", function.to_owned()),
            ("expected", expected.to_string()),
            ("actual", actual.to_string()),
        ])?;
        self.seal(DomainRecord::new(&self.violation, data).outcome(Outcome::Failure))
            .await
    }

    async fn seal(&self, record: DomainRecord<'_>) -> Result<(), ErrorCode> {
        let sealed = self.observer.record(&Current, record).durable().await;
        sealed.map_err(|error| {
            tracing::error!(%error, "a record could not be sealed");
            NOT_SEALED
        })
    }
}

fn object<const N: usize>(members: [(&str, String); N]) -> Result<Object, ErrorCode> {
    let mut object = Object::new();
    for (key, value) in members {
        object.insert(key, value).map_err(|error| {
            tracing::error!(%error, "a record could not be made");
            NOT_SEALED
        })?;
    }
    Ok(object)
}
