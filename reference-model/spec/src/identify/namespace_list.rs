//! Namespace list.

use std::borrow::Borrow;
use std::fmt;

use crate::Nsid;

/// Namespace List, as the Active Namespace ID List (CNS 02h) has it: identifiers in rising order,
/// then zeroes. Base-2.3 figure 139.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NamespaceList<B = [u8; 4096]>(pub B);

impl NamespaceList {
    /// How many identifiers a list holds at most.
    pub const CAPACITY: usize = 1024;

    /// The list of `nsids`; those beyond [`Self::CAPACITY`] are left out.
    pub fn of(nsids: impl IntoIterator<Item = Nsid>) -> Self {
        let mut bytes = [0; 4096];
        for (raw, nsid) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(nsids) {
            *raw = nsid.0.to_le_bytes();
        }
        Self(bytes)
    }
}

impl<B: Borrow<[u8; 4096]>> NamespaceList<B> {
    /// All 1,024 entries as they are: what follows the first 0 ought to be 0.
    pub fn entries(&self) -> impl Iterator<Item = Nsid> {
        self.0.borrow().as_chunks::<4>().0.iter().map(|raw| Nsid(u32::from_le_bytes(*raw)))
    }

    /// The identifiers up to the first 0.
    pub fn iter(&self) -> impl Iterator<Item = Nsid> {
        self.entries().take_while(|nsid| nsid.0 != 0)
    }
}

impl<B: Borrow<[u8; 4096]>> fmt::Display for NamespaceList<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<B: Borrow<[u8; 4096]>> fmt::Debug for NamespaceList<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
