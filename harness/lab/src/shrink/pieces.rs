//! Pieces of a transfer: the same Read or Write with fewer blocks, one page or one block of them, and
//! with the steps on its buffer made to fit.

use log::Perm;
use spec::Sqe;
use spec::opcode::nvm;

use crate::action::{Action, Block, BufferId, Links, Place};

/// A page that every controller has.
const PAGE: u64 = 4096;

/// A Read or Write whose data lies in a buffer of the sequence.
struct Transfer {
    sqe: Sqe,
    links: Links,
    buffer: BufferId,
    blocks: u64,
    block_bytes: u32,
}

/// Sequences in which step `at`, if it is a Read or Write of several blocks, moves only some of them:
/// pages first, single blocks once it fits into a page. Data lies at the start of its buffer then.
pub(super) fn pieces(actions: &[Action], at: usize) -> Vec<Vec<Action>> {
    let Some(transfer) = transfer(actions, at) else { return Vec::new() };
    let page = (PAGE / u64::from(transfer.block_bytes)).max(1);
    let piece = if transfer.blocks > page { page } else { 1 };
    (0..transfer.blocks.div_ceil(piece))
        .map(|n| {
            let first = n * piece;
            cut(actions, at, &transfer, first, piece.min(transfer.blocks - first))
        })
        .collect()
}

fn transfer(actions: &[Action], at: usize) -> Option<Transfer> {
    let (Action::Submit { sqid, sqe, links, .. } | Action::Send { sqid, sqe, links, .. }) =
        actions[at]
    else {
        return None;
    };
    let (buffer, _) = links.prp1?;
    let blocks = u64::from(sqe.dw[12] & 0xffff) + 1;
    let moves = matches!(sqe.opcode(), nvm::READ | nvm::WRITE);
    if sqid.is_admin() || !moves || blocks == 1 {
        return None;
    }
    let size = |action: &Action| match action {
        Action::Fill { at, block_bytes, .. } | Action::Blocks { at, block_bytes, .. } => {
            is_in(at, buffer).then_some(*block_bytes)
        }
        _ => None,
    };
    let block_bytes = actions.iter().find_map(size).filter(|bytes| *bytes != 0)?;
    Some(Transfer { sqe, links, buffer, blocks, block_bytes })
}

fn is_in(place: &Place, buffer: BufferId) -> bool {
    matches!(place, Place::In(id, _) if *id == buffer)
}

/// The steps with `blocks` blocks of the transfer at step `at`, from its block `first` on.
fn cut(actions: &[Action], at: usize, transfer: &Transfer, first: u64, blocks: u64) -> Vec<Action> {
    let Transfer { mut sqe, mut links, buffer, block_bytes, .. } = *transfer;
    let list = links.prp2.map(|(id, _)| id).filter(|id| *id != buffer);
    links.prp1 = Some((buffer, 0));
    links.prp2 = None;
    let lba = match links.slba {
        Some(from_last) => {
            links.slba = Some(from_last + first.cast_signed());
            Block::FromLast(from_last + first.cast_signed())
        }
        None => {
            let lba = crate::submit::lba_of(&sqe).wrapping_add(first);
            (sqe.dw[10], sqe.dw[11]) = (lba as u32, (lba >> 32) as u32);
            Block::At(lba)
        }
    };
    sqe.dw[12] = sqe.dw[12] & !0xffff | (blocks - 1) as u32;
    let (start, blocks_u32) = (Place::In(buffer, 0), blocks as u32);
    let mut kept = Vec::with_capacity(actions.len());
    let mut filled = false;
    let mut seen = false;
    for (n, action) in actions.iter().enumerate() {
        kept.push(match action {
            Action::Submit { ctrl, sqid, id, .. } if n == at => {
                Action::Submit { ctrl: *ctrl, sqid: *sqid, id: *id, sqe, links }
            }
            Action::Send { ctrl, sqid, id, .. } if n == at => {
                Action::Send { ctrl: *ctrl, sqid: *sqid, id: *id, sqe, links }
            }
            Action::Buffer { id, page, perm, fill, .. } if *id == buffer => {
                let bytes = blocks * u64::from(block_bytes);
                let perm: Perm = *perm;
                Action::Buffer { id: *id, bytes, offset: 0, page: *page, perm, fill: *fill }
            }
            Action::Fill { ctrl, at, nsid, .. } if is_in(at, buffer) => {
                if std::mem::replace(&mut filled, true) {
                    continue;
                }
                let (ctrl, nsid) = (*ctrl, *nsid);
                Action::Fill { ctrl, at: start, block_bytes, blocks: blocks_u32, nsid, lba }
            }
            Action::Blocks { at, .. } if is_in(at, buffer) => {
                if std::mem::replace(&mut seen, true) {
                    continue;
                }
                Action::Blocks { at: start, block_bytes, blocks: blocks_u32 }
            }
            Action::Buffer { id, .. } | Action::Free { id } if Some(*id) == list => continue,
            Action::List { at, .. } if list.is_some_and(|id| is_in(at, id)) => continue,
            other => other.clone(),
        });
    }
    kept
}
