//! The data of a command: how much there is, which way it goes, and where it lies.

use dut::HostMemory;
use log::content::identify;
use spec::command::{Command as _, CreateIoCq, CreateIoSq, GetLogPage};
use spec::prp::{self, ENTRY_BYTES, Prp2};
use spec::{Addr, Bytes, Sqe, opcode};

/// The most bytes that are followed: no controller here takes more in one command.
const BYTES_MAX: u64 = 64 << 20;

/// What data a command moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// Logical blocks of `block` bytes to the controller.
    ToController {
        /// How many bytes.
        bytes: u64,
        /// Bytes of a block.
        block: u32,
    },
    /// To the host: logical blocks, or a structure.
    FromController {
        /// How many bytes.
        bytes: u64,
        /// Bytes of a block; `None`: a structure.
        block: Option<u32>,
    },
    /// None, but PRP1 points to a list of the pages of a queue.
    QueuePages {
        /// Bytes of the queue.
        bytes: u64,
    },
}

/// What data `sqe` moves, if that is known; `blocks` tells the block size of a namespace.
pub fn moved(qid: u16, sqe: &Sqe, blocks: impl Fn(u32) -> Option<u32>) -> Option<Moved> {
    if sqe.psdt() != 0 {
        return None;
    }
    if qid != 0 {
        let bytes = |block: u32| (u64::from(sqe.dw[12] & 0xffff) + 1) * u64::from(block);
        let block = || blocks(sqe.nsid().0);
        return match sqe.opcode() {
            opcode::nvm::WRITE => {
                block().map(|block| Moved::ToController { bytes: bytes(block), block })
            }
            opcode::nvm::READ => block()
                .map(|block| Moved::FromController { bytes: bytes(block), block: Some(block) }),
            _ => None,
        };
    }
    let pages = |pc: bool, bytes| (!pc).then_some(Moved::QueuePages { bytes });
    match sqe.opcode() {
        opcode::admin::IDENTIFY => Some(Moved::FromController { bytes: 4096, block: None }),
        opcode::admin::GET_LOG_PAGE => {
            let bytes = GetLogPage::project(sqe).bytes().0;
            Some(Moved::FromController { bytes, block: None })
        }
        opcode::admin::CREATE_IO_SUBMISSION_QUEUE => {
            let cmd = CreateIoSq::project(sqe);
            pages(cmd.pc, u64::from(cmd.entries.0) * 64)
        }
        opcode::admin::CREATE_IO_COMPLETION_QUEUE => {
            let cmd = CreateIoCq::project(sqe);
            pages(cmd.pc, u64::from(cmd.entries.0) * 16)
        }
        _ => None,
    }
}

/// Where the data of a command lies in host memory, read as its PRPs say.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// The pieces in the order of the data, at most a page each: (address, bytes).
    pub pieces: Vec<(u64, u64)>,
    /// The entries of PRP lists that were read: address and bytes.
    pub lists: Vec<(u64, Vec<u8>)>,
}

impl Walk {
    /// Walks the PRPs of `sqe`. `None`: they lead out of memory, or nowhere.
    pub fn new(memory: &dyn HostMemory, sqe: &Sqe, moved: Moved, page: u64) -> Option<Self> {
        let bytes = match moved {
            Moved::ToController { bytes, .. }
            | Moved::FromController { bytes, .. }
            | Moved::QueuePages { bytes } => bytes,
        };
        if bytes > BYTES_MAX {
            return None;
        }
        let mut walk = Self::default();
        let first = Addr(sqe.prp1().0 & !3);
        if let Moved::QueuePages { .. } = moved {
            walk.list(memory, first.0, bytes.div_ceil(page), bytes, page)?;
            return Some(walk);
        }
        let now = bytes.min(page - first.offset(page));
        walk.pieces.push((first.0, now));
        match prp::prp2(first, Bytes(bytes), page) {
            Prp2::Unused => {}
            Prp2::Page => walk.pieces.push((sqe.prp2().page_base(page), bytes - now)),
            Prp2::List { entries } => {
                walk.list(memory, sqe.prp2().0 & !7, entries, bytes - now, page)?;
            }
        }
        Some(walk)
    }

    /// Reads `entries` entries that point to data, from `at` on.
    fn list(
        &mut self,
        memory: &dyn HostMemory,
        mut at: u64,
        mut entries: u64,
        mut left: u64,
        page: u64,
    ) -> Option<()> {
        // A list page that holds nothing but a pointer comes once, at the beginning.
        for _ in 0..=entries + 1 {
            let slots = prp::slots(Addr(at), page);
            let chained = prp::chain_slot(Addr(at), entries, page).is_some();
            let here = if chained { slots - 1 } else { entries };
            let mut raw = vec![0; ((here + u64::from(chained)) * ENTRY_BYTES) as usize];
            if !memory.peek(at, &mut raw) {
                return None;
            }
            let words: Vec<u64> =
                raw.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
            self.lists.push((at, raw));
            for word in &words[..here as usize] {
                let len = left.min(page);
                self.pieces.push((word & !(page - 1), len));
                left -= len;
            }
            entries -= here;
            if entries == 0 {
                return Some(());
            }
            at = words[here as usize] & !(page - 1);
        }
        None
    }
}

/// The identities of the blocks in `bytes`, as a payload.
pub fn idents(bytes: &[u8], block: u32) -> Vec<u8> {
    let blocks = bytes.chunks_exact(block as usize);
    blocks.flat_map(|block| identify(block).0.to_le_bytes()).collect()
}
