//! Physical Region Page (PRP) entries and lists: arithmetic only. Base-2.3 §4.3.1, figures 109 to
//! 112. `page` is the memory page size in bytes, 2^(12 + CC.MPS).

use crate::{Addr, Bytes};

/// Size of a PRP entry in bytes.
pub const ENTRY_BYTES: u64 = 8;

/// How many memory pages `bytes` bytes touch from `first` on.
pub const fn pages(first: Addr, bytes: Bytes, page: u64) -> u64 {
    if bytes.0 == 0 { 0 } else { (first.offset(page) + bytes.0).div_ceil(page) }
}

/// What PRP Entry 2 of a data transfer is. Base-2.3 figure 92 (DPTR).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prp2 {
    /// Reserved: the data is in one page.
    Unused,
    /// The second and last page of the data.
    Page,
    /// A pointer to a PRP list of that many entries that point to data.
    List {
        /// Entries that point to data; pointers to further list pages come on top.
        entries: u64,
    },
}

/// What PRP Entry 2 is when `bytes` bytes begin at `prp1`.
pub const fn prp2(prp1: Addr, bytes: Bytes, page: u64) -> Prp2 {
    match pages(prp1, bytes, page) {
        0 | 1 => Prp2::Unused,
        2 => Prp2::Page,
        n => Prp2::List { entries: n - 1 },
    }
}

/// How many entries there are from `list` to the end of its page.
pub const fn slots(list: Addr, page: u64) -> u64 {
    (page - list.offset(page)) / ENTRY_BYTES
}

/// Which entry of the list page at `list` is a pointer to the next list page, if `entries`
/// entries that point to data are still to come: the last of the page, unless they all fit.
pub const fn chain_slot(list: Addr, entries: u64, page: u64) -> Option<u64> {
    let slots = slots(list, page);
    if entries > slots { slots.checked_sub(1) } else { None }
}

/// How many list pages hold `entries` entries that point to data, if the first begins at `list`.
/// A list that begins in the last entry of its page holds nothing but the pointer to the next.
pub const fn list_pages(list: Addr, entries: u64, page: u64) -> u64 {
    let first = slots(list, page);
    if entries == 0 {
        return 0;
    }
    if entries <= first {
        return 1;
    }
    // Every page but the last spends one entry on the pointer to the next.
    let per_page = page / ENTRY_BYTES;
    let left = entries - first.saturating_sub(1);
    1 + if left <= per_page { 1 } else { 1 + (left - per_page).div_ceil(per_page - 1) }
}
