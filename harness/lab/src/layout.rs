//! Where the data of a command lies, and the PRPs that say so: pure arithmetic on symbolic places.

use log::Perm;
use spec::{Addr, prp};

use crate::action::{Action, BufferId, Place, Word};

/// How the data of a command lies in memory, and how its PRPs describe it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shape {
    /// Offset of the first byte in its page.
    pub offset: u32,
    /// Pages lie apart and in descending order, instead of one after the other.
    pub scattered: bool,
    /// How many entries fit from the start of the PRP list to the end of its page; `None`: the list
    /// starts with a page. With 1 the first list page holds nothing but the pointer to the next.
    pub list_slots: Option<u32>,
}

/// Data of a command: what makes it, and what points to it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Layout {
    /// The buffer of the data, and that of the PRP list if there is one, with its entries.
    pub actions: Vec<Action>,
    /// What PRP Entry 1 points to.
    pub prp1: (BufferId, u64),
    /// What PRP Entry 2 points to, if it is used.
    pub prp2: Option<(BufferId, u64)>,
    /// The pieces, in the order of the data: each is contiguous.
    pub pieces: Vec<(Place, u64)>,
    /// The buffers.
    pub buffers: Vec<BufferId>,
}

/// Lays `bytes` bytes out. The buffers get the label `first` and the next.
pub(crate) fn lay_out(first: BufferId, bytes: u64, perm: Perm, shape: Shape, page: u64) -> Layout {
    let offset = u64::from(shape.offset) & (page - 1);
    let pages = (offset + bytes).div_ceil(page).max(1);
    let fill = if perm == Perm::FromController { 0xa5 } else { 0 };
    let scattered = shape.scattered && pages > 1;
    let (size, start) = if scattered { ((2 * pages - 1) * page, 0) } else { (bytes, offset) };
    let page_u32 = page as u32;
    let data =
        Action::Buffer { id: first, bytes: size, offset: start as u32, page: page_u32, perm, fill };
    let pieces: Vec<(u64, u64)> =
        if scattered { scatter(bytes, offset, pages, page) } else { vec![(0, bytes)] };
    let entries = entries(first, &pieces, start, page);
    let mut layout = Layout {
        actions: vec![data],
        prp1: (first, pieces[0].0),
        prp2: None,
        pieces: pieces.iter().map(|(at, len)| (Place::In(first, *at), *len)).collect(),
        buffers: vec![first],
    };
    match entries[..] {
        [] => {}
        [Word::At(id, at)] => layout.prp2 = Some((id, at)),
        _ => {
            let list = BufferId(first.0 + 1);
            layout.actions.extend(list_actions(list, &entries, shape.list_slots, page));
            layout.prp2 = Some((list, 0));
            layout.buffers.push(list);
        }
    }
    layout
}

/// Every second page of a buffer, last one first: (offset, length).
fn scatter(bytes: u64, offset: u64, pages: u64, page: u64) -> Vec<(u64, u64)> {
    let (mut left, mut skip) = (bytes, offset);
    let piece = |n: u64| {
        let len = left.min(page - skip);
        let at = 2 * (pages - 1 - n) * page + skip;
        left -= len;
        skip = 0;
        (at, len)
    };
    (0..pages).map(piece).collect()
}

/// PRP entries for every page but the first. `start` is the offset of the buffer in its page.
fn entries(id: BufferId, pieces: &[(u64, u64)], start: u64, page: u64) -> Vec<Word> {
    let mut all = Vec::new();
    for (at, len) in pieces {
        let mut offset = 0;
        while offset < *len {
            all.push(Word::At(id, at + offset));
            offset += page - (start + at + offset) % page;
        }
    }
    all.split_off(1.min(all.len()))
}

/// A PRP list of these entries: its buffer and its words. `slots` are left in its first page.
pub(crate) fn list_actions(
    id: BufferId,
    entries: &[Word],
    slots: Option<u32>,
    page: u64,
) -> [Action; 2] {
    let per_page = page / prp::ENTRY_BYTES;
    let first = slots.map_or(per_page, u64::from).clamp(1, per_page);
    let start = page - first * prp::ENTRY_BYTES;
    let pages = prp::list_pages(Addr(start), entries.len() as u64, page);
    let mut words = Vec::new();
    let (mut left, mut room) = (entries, first as usize);
    // The last entry of a list page points to the next one, unless all that is left fits.
    while left.len() > room {
        let (now, later) = left.split_at(room - 1);
        words.extend_from_slice(now);
        words.push(Word::At(id, prp::ENTRY_BYTES * (words.len() as u64 + 1)));
        (left, room) = (later, per_page as usize);
    }
    words.extend_from_slice(left);
    let buffer = Action::Buffer {
        id,
        bytes: (pages * page).saturating_sub(start).max(prp::ENTRY_BYTES),
        offset: start as u32,
        page: page as u32,
        perm: Perm::ToController,
        fill: 0,
    };
    [buffer, Action::List { at: Place::In(id, 0), entries: words }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(layout: &Layout) -> Vec<u64> {
        let list = layout.actions.iter().find_map(|action| match action {
            Action::List { entries, .. } => Some(entries),
            _ => None,
        });
        let offset = |word: &Word| match word {
            Word::At(id, offset) => u64::from(id.0) << 32 | offset,
            Word::Raw(raw) => *raw,
        };
        list.map_or(Vec::new(), |entries| entries.iter().map(offset).collect())
    }

    const B: BufferId = BufferId(0);

    #[test]
    fn one_page_two_pages_and_a_list() {
        let small = lay_out(B, 4096, Perm::Both, Shape::default(), 4096);
        assert_eq!((small.prp1, small.prp2), ((B, 0), None));
        let offset = Shape { offset: 512, ..Shape::default() };
        let two = lay_out(B, 4096, Perm::Both, offset, 4096);
        // The buffer starts 512 bytes into a page, so the next page is 3584 bytes on.
        assert_eq!((two.prp1, two.prp2), ((B, 0), Some((B, 3584))));
        let three = lay_out(B, 8193, Perm::Both, Shape::default(), 4096);
        assert_eq!(three.prp2, Some((BufferId(1), 0)));
        assert_eq!(words(&three), [4096, 8192]);
    }

    #[test]
    fn scattered_pages_lie_apart_and_backwards() {
        let shape = Shape { scattered: true, offset: 1024, ..Shape::default() };
        let layout = lay_out(B, 8192, Perm::Both, shape, 4096);
        let place = |at| Place::In(B, at);
        let pieces = [(place(16384 + 1024), 3072), (place(8192), 4096), (place(0), 1024)];
        assert_eq!(layout.pieces, pieces);
        assert_eq!(words(&layout), [8192, 0]);
    }

    #[test]
    fn a_list_goes_on_in_the_next_page_only_if_it_must() {
        let list = 1_u64 << 32;
        let fits = Shape { list_slots: Some(2), ..Shape::default() };
        assert_eq!(words(&lay_out(B, 3 * 4096, Perm::Both, fits, 4096)), [4096, 8192]);
        // Three entries in two slots: the second slot points to the next page of the list.
        let chained = lay_out(B, 4 * 4096, Perm::Both, fits, 4096);
        assert_eq!(words(&chained), [4096, list | 16, 8192, 12288]);
        let one = Shape { list_slots: Some(1), ..Shape::default() };
        let layout = lay_out(B, 3 * 4096, Perm::Both, one, 4096);
        assert_eq!(words(&layout), [list | 8, 4096, 8192]);
    }
}
