//! Reads and Writes go to the first namespace.

use crate::config::{Config, NamespaceConfig};
use crate::seam::{Bound, Defect, Scene};

pub(super) struct NsidIgnored;

impl Defect for NsidIgnored {
    fn name(&self) -> &'static str {
        "nsid-ignored"
    }

    fn breaks(&self) -> &'static [&'static str] {
        &["data.last-written"]
    }

    fn story(&self) -> &'static str {
        "Firmware for one namespace in a product that has two."
    }

    fn configure(&self, config: &mut Config) {
        while config.namespaces.len() < 2 {
            config.namespaces.push(NamespaceConfig::default());
        }
    }

    fn on_bound(&self, _: &mut Scene, bound: Bound, value: u64) -> u64 {
        if bound == Bound::Nsid { 1 } else { value }
    }
}
