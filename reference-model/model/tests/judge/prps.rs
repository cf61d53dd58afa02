//! How PRP entries were read shows in the data that went through them, and in nothing else.

use log::{BlockTag, Body};
use spec::command::{Identify, Read, Write};
use spec::requirement::{identify, prp};
use spec::{Addr, Cns, Entries, Nsid, Req, Sqe};

use super::script::*;

/// A page of the script's memory, by number: 4 KiB each.
const fn page(n: u64) -> u64 {
    0x30_0000 + n * 0x1000
}

/// Every second page, the last one first: none goes on where the one before ends.
const APART: [u64; 4] = [page(6), page(4), page(2), page(0)];
const BESIDE: [u64; 4] = [page(0), page(1), page(2), page(3)];
const FILLED: u8 = 0xa5;

struct Layout {
    offset: u64,
    pages: [u64; 4],
    blocks: u32,
    /// Offset of the PRP list in its page.
    list: u64,
}

const ONE: Layout = Layout { offset: 8, pages: APART, blocks: 1, list: 0 };
const TWO: Layout = Layout { offset: 0, blocks: 16, ..ONE };
const FOUR: Layout = Layout { blocks: 32, ..TWO };

impl Layout {
    /// Where the data lies: (address, bytes).
    fn pieces(&self) -> Vec<(u64, u64)> {
        let (mut left, mut skip) = (u64::from(self.blocks) * 512, self.offset);
        let piece = |at: &u64| {
            let len = left.min(0x1000 - skip);
            let piece = (at + skip, len);
            (left, skip) = (left - len, 0);
            piece
        };
        self.pages.iter().map(piece).filter(|(_, len)| *len > 0).collect()
    }

    /// The PRP entries; a list is written.
    fn prps(&self, s: &mut Script) -> (Addr, Addr) {
        let pieces = self.pieces();
        let second = match pieces[1..] {
            [] => Addr(0),
            [(at, _)] => Addr(at),
            [..] => {
                // What does not fit into the page of the list goes on in the page behind the next one.
                let (at, next) = (page(8) + self.list, page(10));
                let room = ((0x1000 - self.list) / 8) as usize;
                let mut entries: Vec<u64> = pieces[1..].iter().map(|(at, _)| *at).collect();
                let rest = if entries.len() > room { entries.split_off(room - 1) } else { vec![] };
                if !rest.is_empty() {
                    entries.push(next);
                }
                for (at, entries) in [(at, entries), (next, rest)] {
                    let bytes: Vec<u8> = entries.iter().flat_map(|e| e.to_le_bytes()).collect();
                    let payload = s.log.store(&bytes);
                    s.add(Body::HostWrite { at: Addr(at), payload });
                }
                Addr(at)
            }
        };
        (Addr(pieces[0].0), second)
    }

    /// A Write of tagged blocks to LBA 0.
    fn write(&self, s: &mut Script) -> Sqe {
        let (prp1, prp2) = self.prps(s);
        let mut lba = 0;
        for (at, len) in self.pieces() {
            let (at, blocks) = (Addr(at), (len / 512) as u32);
            let tag = BlockTag { nsid: 1, writer: 0, lba, sequence: 77 };
            s.add(Body::Fill { at, block_bytes: 512, blocks, tag });
            lba += u64::from(blocks);
        }
        let (nsid, nlb) = (Nsid(1), Entries(self.blocks));
        Write { nsid, nlb, prp1, prp2, ..Write::default() }.into()
    }

    /// A Read of the same blocks, into memory that is `filled` or not known.
    fn read(&self, s: &mut Script, filled: bool) -> Sqe {
        let (prp1, prp2) = self.prps(s);
        for (at, len) in self.pieces().into_iter().filter(|_| filled) {
            s.add(Body::HostSet { at: Addr(at), len, value: FILLED });
        }
        let (nsid, nlb) = (Nsid(1), Entries(self.blocks));
        Read { nsid, nlb, prp1, prp2, ..Read::default() }.into()
    }

    /// The host looks at all blocks, which hold what was written.
    fn look(&self, s: &mut Script) {
        let mut lba = 0;
        for (at, len) in self.pieces() {
            for block in 0..len / 512 {
                s.look(Addr(at + 512 * block), &[ident(77, lba)]);
                lba += 1;
            }
        }
    }
}

fn with_pair() -> Script {
    let mut s = Script::new();
    s.queue_pair(1);
    s
}

fn judged(s: &Script, req: Req) -> u32 {
    s.passes();
    s.judge().coverage().judged[usize::from(req.0)]
}

/// The requirements that a layout shows, among all that forms of PRPs may show.
fn shown(s: &Script) -> Vec<Req> {
    let all = [
        prp::PRP1_OFFSET_LEGAL,
        prp::PRP2_PAGE,
        prp::PRP2_LIST,
        prp::LIST_OFFSET_LEGAL,
        prp::LIST_CHAINED,
        prp::LIST_LAST_SLOT,
        prp::ADMIN_LIST,
    ];
    all.into_iter().filter(|req| judged(s, *req) > 0).collect()
}

#[test]
fn a_write_shows_how_its_prps_were_read_when_its_data_is_read_back() {
    let mut s = with_pair();
    let write = ONE.write(&mut s);
    s.done(1, write);
    assert_eq!(shown(&s), []);
    // Another block says nothing of it.
    let mut other = s.clone();
    other.writes(1, 5);
    let five = ident(1, 5);
    other.reads(1, 5, five);
    assert_eq!(shown(&other), []);
    s.reads(1, 0, ident(77, 0));
    assert_eq!(shown(&s), [prp::PRP1_OFFSET_LEGAL]);
    // Once.
    s.reads(1, 0, ident(77, 0));
    assert_eq!(judged(&s, prp::PRP1_OFFSET_LEGAL), 1);
}

#[test]
fn what_a_later_write_has_replaced_shows_nothing_of_the_earlier_one() {
    let mut s = with_pair();
    let write = ONE.write(&mut s);
    s.done(1, write);
    let now = s.writes(1, 0);
    s.reads(1, 0, now);
    assert_eq!(shown(&s), []);
}

#[test]
fn a_read_shows_how_its_prps_were_read_where_it_changed_memory_that_was_known() {
    let read = |filled: bool, looked: bool| {
        let mut s = with_pair();
        let write = Layout { offset: 0, ..ONE }.write(&mut s);
        s.done(1, write);
        s.reads(1, 0, ident(77, 0));
        let read = ONE.read(&mut s, filled);
        s.done(1, read);
        if looked {
            ONE.look(&mut s);
        }
        shown(&s)
    };
    assert_eq!(read(true, true), [prp::PRP1_OFFSET_LEGAL]);
    assert_eq!(read(true, false), []);
    assert_eq!(read(false, true), []);
}

#[test]
fn every_form_is_shown_by_the_last_block_that_goes_through_it() {
    let written = |layout: &Layout, back: u64| {
        let mut s = with_pair();
        let write = layout.write(&mut s);
        s.done(1, write);
        s.reads(1, back, ident(77, back));
        let written = shown(&s);
        // A Read by the same entries shows the same, from all blocks.
        let mut s = with_pair();
        let write = Layout { pages: BESIDE, ..*layout }.write(&mut s);
        s.done(1, write);
        let read = layout.read(&mut s, true);
        s.done(1, read);
        layout.look(&mut s);
        let read = shown(&s);
        assert!(written.iter().all(|req| read.contains(req)), "{written:?} {read:?}");
        (written, read)
    };
    let two = [prp::PRP2_PAGE];
    assert_eq!(written(&TWO, 15), (two.to_vec(), two.to_vec()));
    assert_eq!(written(&TWO, 14).0, []);
    let list = [prp::PRP2_LIST];
    assert_eq!(written(&FOUR, 31), (list.to_vec(), list.to_vec()));
    assert_eq!(written(&FOUR, 7).0, []);
    let last_slot = Layout { list: 0x1000 - 24, ..FOUR };
    let (by_write, by_read) = written(&last_slot, 31);
    let all = [prp::PRP2_LIST, prp::LIST_OFFSET_LEGAL, prp::LIST_LAST_SLOT];
    assert_eq!((&by_write[..], &by_read[..]), (&all[..], &all[..]));
    let chained = Layout { list: 0x1000 - 16, ..FOUR };
    let (by_write, by_read) = written(&chained, 31);
    let all = [prp::PRP2_LIST, prp::LIST_OFFSET_LEGAL, prp::LIST_CHAINED];
    assert_eq!((&by_write[..], &by_read[..]), (&all[..], &all[..]));
}

#[test]
fn pages_beside_each_other_show_nothing_of_a_second_entry() {
    let mut s = with_pair();
    let write = Layout { pages: BESIDE, ..TWO }.write(&mut s);
    s.done(1, write);
    s.reads(1, 15, ident(77, 15));
    assert_eq!(shown(&s), []);
}

#[test]
fn blocks_that_are_alike_do_not_show_which_page_they_come_from() {
    let mut s = with_pair();
    let (prp1, prp2) = TWO.prps(&mut s);
    for (at, len) in TWO.pieces() {
        s.add(Body::HostSet { at: Addr(at), len, value: 0x11 });
    }
    let write = Write { nsid: Nsid(1), nlb: Entries(16), prp1, prp2, ..Write::default() };
    s.done(1, write.into());
    let (read, at) = s.read_sqe(15, 1);
    s.done(1, read);
    s.look(at, &[log::content::identify(&[0x11; 512])]);
    assert_eq!(shown(&s), []);
}

#[test]
fn a_structure_shows_how_its_prps_were_read_when_all_of_it_was_seen() {
    let identify = |filled: bool| {
        let mut s = Script::new();
        let at = Addr(page(0) + 8);
        if filled {
            s.add(Body::HostSet { at, len: 4096, value: FILLED });
        }
        let (cns, prp2) = (Cns::ACTIVE_NAMESPACE_ID_LIST, Addr(page(1)));
        s.done(0, Identify { cns, prp1: at, prp2, ..Identify::default() }.into());
        let before = judged(&s, identify::PRP2_NO_LIST);
        let mut list = [0; 4096];
        list[0] = 1;
        let payload = s.log.store(&list);
        s.add(Body::BytesSeen { at, payload });
        let all = [identify::PRP2_NO_LIST, prp::PRP1_OFFSET_LEGAL, prp::ADMIN_NO_LIST];
        (before, all.map(|req| judged(&s, req)))
    };
    assert_eq!(identify(true), (0, [1; 3]));
    assert_eq!(identify(false), (0, [0; 3]));
}
