//! Whether an action can be done at all: its references are there.

use spec::Qid;

use crate::action::{Action, BufferId, ClaimOn, CommandId, Condition, Links, Place, Word};
use crate::core::Core;

impl Core<'_> {
    /// Whether everything that the action refers to is there.
    pub(crate) fn is_possible(&self, action: &Action) -> bool {
        if action.ctrl().is_some_and(|ctrl| ctrl >= self.caps.controllers) {
            return false;
        }
        match action {
            Action::WriteReg { value, .. } => self.has_word(*value),
            Action::Buffer { id, .. } => self.host.memory.get(*id).is_none(),
            Action::Free { id } => self.has_buffer(*id),
            Action::Fill { at, block_bytes, blocks, .. }
            | Action::Blocks { at, block_bytes, blocks } => {
                self.has_place(*at, u64::from(*block_bytes) * u64::from(*blocks))
            }
            Action::HostWrite { at, bytes } => self.has_place(*at, bytes.len() as u64),
            Action::HostSet { at, len, .. } | Action::Bytes { at, len } => {
                self.has_place(*at, *len)
            }
            Action::List { at, entries } => {
                self.has_place(*at, 8 * entries.len() as u64)
                    && entries.iter().all(|word| self.has_word(*word))
            }
            Action::Submit { ctrl, sqid, id, sqe, links }
            | Action::Send { ctrl, sqid, id, sqe, links } => {
                let sq = self.controller(*ctrl).sq(*sqid);
                sq.is_some_and(|sq| !sq.is_full())
                    && !self.has_command(*id)
                    && self.has_links(links, sqe.nsid().0)
            }
            Action::Enable { ctrl } => !self.controller(*ctrl).cc.en(),
            Action::Pair { ctrl, entries, .. } => {
                *entries >= 1 && self.controller(*ctrl).sq(Qid::ADMIN).is_some()
            }
            Action::Edit { id, .. } => {
                let command = self.host.commands.get(id.0);
                command.is_some_and(|c| self.controller(c.ctrl).sq(c.sqid).is_some())
            }
            Action::Ring { ctrl, sqid } => self.controller(*ctrl).sq(*sqid).is_some(),
            Action::Look { ctrl, cqid } | Action::Release { ctrl, cqid } => {
                self.controller(*ctrl).cq(*cqid).is_some()
            }
            Action::Wait { condition: Condition::Completed(id), .. } => self.has_command(*id),
            Action::Claim(claim) => match claim {
                ClaimOn::RefusedBy(id, _)
                | ClaimOn::Accepted(id)
                | ClaimOn::Ruled(id)
                | ClaimOn::InFlight(id) => self.has_command(*id),
                ClaimOn::Judged(_) => true,
            },
            _ => true,
        }
    }

    fn has_buffer(&self, id: BufferId) -> bool {
        self.host.memory.get(id).is_some()
    }

    fn has_command(&self, id: CommandId) -> bool {
        self.host.commands.get(id.0).is_some()
    }

    fn has_word(&self, word: Word) -> bool {
        match word {
            Word::Raw(_) => true,
            Word::At(id, _) => self.has_buffer(id),
        }
    }

    fn has_place(&self, place: Place, bytes: u64) -> bool {
        match place {
            Place::Raw(at) => self.arena.covers(at, bytes),
            Place::In(id, offset) => self.host.memory.get(id).is_some_and(|buffer| {
                self.arena.covers(spec::Addr(buffer.at.0.wrapping_add(offset)), bytes)
            }),
        }
    }

    fn has_links(&self, links: &Links, nsid: u32) -> bool {
        let buffers = [links.prp1, links.prp2].into_iter().flatten();
        buffers.into_iter().all(|(id, _)| self.has_buffer(id))
            && links.target.is_none_or(|id| self.has_command(id))
            && (links.slba.is_none() || self.host.namespace(nsid).is_some())
    }
}
