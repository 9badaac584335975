//! The graph below an address: every node that is needed to compute it, each once.

use std::collections::HashMap;

use counterfoil::tower::ErrorCode;

use crate::CAddr;
use crate::errors::{ADDRESS_UNKNOWN, GRAPH_INCOMPLETE, GRAPH_TOO_LARGE, TOO_DEEP};
use crate::limits::Limits;
use crate::store::{Node, Store};

/// What has to be known of the nodes before the first is computed.
#[derive(Debug)]
pub(crate) struct Plan {
    nodes: HashMap<CAddr, Node>,
    depth: u32,
}

impl Plan {
    /// Reads the graph below `root` from the store. No cycle can be in it: a recipe's address depends on those of its inputs.
    pub(crate) fn resolve(store: &Store, root: CAddr, limits: &Limits) -> Result<Self, ErrorCode> {
        let top = store.find(root)?.ok_or(ADDRESS_UNKNOWN)?;
        let depth = top.depth();
        if depth > limits.depth {
            return Err(TOO_DEEP);
        }
        let mut nodes = HashMap::from([(root, top.clone())]);
        let mut open = vec![top];
        while let Some(node) = open.pop() {
            let Node::Recipe(stored) = node else {
                continue;
            };
            for &input in &stored.recipe.inputs {
                if nodes.contains_key(&input) {
                    continue;
                }
                if nodes.len() >= limits.nodes {
                    return Err(GRAPH_TOO_LARGE);
                }
                let node = store.find(input)?.ok_or_else(|| {
                    tracing::error!(addr = %root, input = %input, "an input is no longer in the store");
                    GRAPH_INCOMPLETE
                })?;
                tracing::trace!(addr = %input, depth = node.depth(), "node was resolved");
                nodes.insert(input, node.clone());
                open.push(node);
            }
        }
        Ok(Self { nodes, depth })
    }

    pub(crate) fn node(&self, address: CAddr) -> Result<&Node, ErrorCode> {
        self.nodes.get(&address).ok_or(GRAPH_INCOMPLETE)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) const fn depth(&self) -> u32 {
        self.depth
    }
}
