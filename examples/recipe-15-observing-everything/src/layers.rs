//! The three layers, put together by hand: what one lifecycle event does in each.

use counterfoil::anchor::{Anchor, AnchorStore};
use counterfoil::audit::{
    AuditInput, AuditRecord, Instance, Lane, Prior, Src, SrcId, assemble_record,
};
use counterfoil::events::EventRingBuffer;
use counterfoil::metrics::FabricMetrics;
use counterfoil::signer::Signer;
use counterfoil::{ChainId, Context, FabricEvent, Timestamp, WorkloadIdentity};

use crate::Result;
use crate::block_on::block_on;

/// The chain of this recipe. Yours begins with a DNS name that you own.
pub(crate) const CHAIN: &str = "cookbook.example.com/recipe-15/1";

/// The layers that an event is recorded in, for one caller that numbers its records itself.
///
/// This is the long way, for a caller that wants the sealed record in its hand before it goes on. A service takes
/// `counterfoil::Observer`: one call, no numbers to keep, and the sealing off its threads.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Layers<'a> {
    metrics: &'a FabricMetrics,
    events: &'a EventRingBuffer,
    anchor: &'a dyn AnchorStore,
    signer: &'a dyn Signer,
}

impl<'a> Layers<'a> {
    /// Takes the layers together.
    #[must_use]
    pub const fn new(
        metrics: &'a FabricMetrics,
        events: &'a EventRingBuffer,
        anchor: &'a dyn AnchorStore,
        signer: &'a dyn Signer,
    ) -> Self {
        Self {
            metrics,
            events,
            anchor,
            signer,
        }
    }

    /// Records one event in all three layers and returns the sealed record, whose line the caller keeps
    /// (`audit::jsonl::write_record`).
    ///
    /// `sequence` is the number that the record is to have in the chain: one more than the anchor's. The chain comes first,
    /// because it is the layer that can refuse; then nothing was counted either.
    ///
    /// # Errors
    /// When `sequence` is not the next one, when the anchor store or the signer fails, or when another writer has moved the
    /// anchor meanwhile.
    pub fn record(
        &self,
        sequence: u64,
        time: Timestamp,
        identity: &WorkloadIdentity,
        event: &FabricEvent,
    ) -> Result<AuditRecord> {
        let context = Context::new(identity.clone());
        let record = self.seal(sequence, time, &context, event)?;
        self.metrics.record(event);
        self.events.push(event, &context);
        Ok(record)
    }

    /// Seals the record behind the anchored head and moves the anchor to it.
    fn seal(
        &self,
        sequence: u64,
        time: Timestamp,
        context: &Context,
        event: &FabricEvent,
    ) -> Result<AuditRecord> {
        let chain: ChainId = CHAIN.parse()?;
        let anchored = block_on(self.anchor.load(&chain))?.map(|anchor| anchor.head().clone());
        let prior = match &anchored {
            Some(head) => Prior::after(head.clone()),
            None => Prior::genesis(chain),
        };
        if sequence != prior.seq + 1 {
            let next = prior.seq + 1;
            return Err(format!(
                "cannot seal record {sequence} of {}: the anchor stands at {}, so the next one is {next}",
                prior.chain, prior.seq
            )
            .into());
        }
        // One producer with one lane, whose numbers are those of the chain.
        let src = Src {
            id: SrcId::new(Instance(1), Lane::thread(0)),
            n: sequence,
            time,
        };
        let input = AuditInput::from_event(event, context, src);
        let record = assemble_record(&prior, &input, self.signer)?;
        let next = Anchor::new(record.head())?;
        block_on(
            self.anchor
                .advance(record.chain(), anchored.as_ref(), &next),
        )?;
        Ok(record)
    }
}
