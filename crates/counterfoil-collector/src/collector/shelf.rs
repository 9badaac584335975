//! What the routes for readers ask of the collector.

use counterfoil::audit::AccessAction;
use counterfoil::{ChainId, Head};

use crate::routes::read::{KeptChain, Shelf};
use crate::{Caller, ChainEntry, Collector, Refusal};

impl Shelf for Collector {
    async fn chains(&self, caller: &Caller) -> Result<Vec<KeptChain>, Refusal> {
        let all = Self::chains(self, caller)?;
        let kept = all
            .into_iter()
            .map(|it| self.kept(caller, &it.entry, it.durable));
        kept.collect()
    }

    async fn chain(&self, caller: &Caller, chain: &ChainId) -> Result<KeptChain, Refusal> {
        if chain == self.meta_chain() {
            // Its keys are in its `log_opened`.
            let head = self.meta_head();
            return self
                .log_dir(caller, chain)
                .map(|dir| KeptChain::new(chain.clone(), dir, head, None));
        }
        let status = Self::chain(self, caller, chain)?;
        // Opens the chain where nobody has used it yet.
        let durable = self.head(caller, chain).await?;
        self.kept(caller, &status.entry, durable)
    }

    fn note_access(&self, caller: &Caller, chain: &ChainId, action: AccessAction) {
        Self::note_access(self, caller, chain, action);
    }
}

impl Collector {
    fn kept(
        &self,
        caller: &Caller,
        entry: &ChainEntry,
        durable: Option<Head>,
    ) -> Result<KeptChain, Refusal> {
        let dir = self.log_dir(caller, &entry.chain)?;
        let key = entry.verifier_key.as_ref().map(ToString::to_string);
        Ok(KeptChain::new(entry.chain.clone(), dir, durable, key))
    }
}
