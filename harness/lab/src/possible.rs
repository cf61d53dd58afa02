//! Whether an action still makes sense after others were left out: its references are there, places lie
//! in their buffers, and a host may do it (a command before RDY = 1 would accuse an innocent controller).

use log::{Perm, ResetKind};
use spec::command::{Command as _, CreateIoCq, CreateIoSq};
use spec::register::{self, Aqa, Cc};
use spec::{Addr, Cqe, Qid, Sqe};

use crate::action::{Action, BufferId, ClaimOn, CommandId, Condition, Links, Place, Word};
use crate::core::Core;
use crate::host::Controller;

impl Core<'_> {
    /// Whether everything that the action refers to is there.
    pub(crate) fn is_possible(&self, action: &Action) -> bool {
        if action.ctrl().is_some_and(|ctrl| ctrl >= self.caps.controllers) {
            return false;
        }
        if !self.is_allowed(action) {
            return false;
        }
        match action {
            Action::WriteReg { value, .. } => self.has_word(*value),
            Action::Buffer { id, .. } => self.host.memory.get(*id).is_none(),
            Action::Free { id } => self.has_buffer(*id) && !self.is_queue_memory(*id),
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
                    && self.has_queue_memory(*ctrl, *sqid, sqe, links)
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

    /// Whether the specification lets a host do it at this moment.
    fn is_allowed(&self, action: &Action) -> bool {
        let Some(ctrl) = action.ctrl() else { return true };
        let controller = self.controller(ctrl);
        match *action {
            Action::Send { .. }
            | Action::Ring { .. }
            | Action::RingAll { .. }
            | Action::Doorbell { .. }
            | Action::Release { .. }
            | Action::Pair { .. } => controller.is_ready(),
            Action::WriteReg { offset: register::CC, value: Word::Raw(value), .. } => {
                let en = Cc::from(value as u32).en();
                // EN only moves once RDY has followed it, and never up without admin queues.
                match (controller.cc.en(), en) {
                    (false, true) => {
                        controller.rdy != Some(true) && self.has_admin_queues(controller)
                    }
                    (true, false) => controller.rdy == Some(true),
                    _ => true,
                }
            }
            Action::Enable { .. } => controller.rdy != Some(true),
            Action::Reset { kind: ResetKind::Controller, .. } => {
                controller.cc.en() && controller.rdy == Some(true)
            }
            Action::WriteReg { offset: register::INTMS | register::INTMC, .. }
            | Action::ReadReg { offset: register::INTMS | register::INTMC, .. } => {
                controller.msix.is_none()
            }
            _ => true,
        }
    }

    /// Whether the admin queues are prepared: in memory of the host, and with Phase Tags of 0 in the
    /// completion queue, which the host has to clear before EN = 1. Base-2.3 §4.2.4.
    fn has_admin_queues(&self, controller: &Controller) -> bool {
        let aqa = Aqa::from(controller.aqa);
        let (sq, cq) = (controller.asq & !0xfff, controller.acq & !0xfff);
        let [sq_entries, cq_entries] = [aqa.asqs_z(), aqa.acqs_z()].map(|z| u64::from(z) + 1);
        let memory = &self.host.memory;
        sq_entries.min(cq_entries) > 1
            && memory.holds(sq, sq_entries * Sqe::BYTES as u64, Perm::ToController)
            && memory.holds(cq, cq_entries * Cqe::BYTES as u64, Perm::FromController)
            && self.has_clear_phases(cq, cq_entries)
    }

    /// Whether so many completion queue entries from `base` on have Phase Tags of 0.
    fn has_clear_phases(&self, base: u64, entries: u64) -> bool {
        (0..entries).all(|slot| {
            let mut bytes = [0; Cqe::BYTES];
            let inside = self.arena.read(Addr(base + slot * Cqe::BYTES as u64), &mut bytes);
            inside && !Cqe::from_bytes(&bytes).phase()
        })
    }

    /// Whether a queue that the command creates lies in buffers: itself, or the pages that its list names.
    /// A completion queue has Phase Tags of 0 there, as those of the admin queues.
    fn has_queue_memory(&self, ctrl: u8, sqid: Qid, sqe: &Sqe, links: &Links) -> bool {
        let slot_bytes = match sqe.opcode() {
            CreateIoSq::OPCODE => Sqe::BYTES,
            CreateIoCq::OPCODE => Cqe::BYTES,
            _ => return true,
        };
        let Some((id, offset)) = links.prp1.filter(|_| sqid.is_admin()) else { return true };
        let Some(buffer) = self.host.memory.get(id) else { return false };
        // Both commands have QSIZE and PC in the same places.
        let create = CreateIoSq::project(sqe);
        let entries = u64::from(create.entries.0);
        let bytes = entries * slot_bytes as u64;
        let clear = |base: u64, entries: u64| {
            sqe.opcode() == CreateIoSq::OPCODE || self.has_clear_phases(base, entries)
        };
        if create.pc {
            let base = buffer.at.0 + offset;
            return offset + bytes <= buffer.bytes && clear(base & !3, entries);
        }
        let page = self.controller(ctrl).page_bytes();
        let in_page = page / slot_bytes as u64;
        (0..bytes.div_ceil(page)).all(|n| {
            let mut entry = [0; 8];
            let read = self.arena.read(Addr(buffer.at.0 + offset + 8 * n), &mut entry);
            let at = u64::from_le_bytes(entry);
            read && self.host.memory.find(Addr(at)).is_some()
                && clear(at, in_page.min(entries - n * in_page))
        })
    }

    /// Whether a queue that exists has slots in the buffer.
    fn is_queue_memory(&self, id: BufferId) -> bool {
        let Some(buffer) = self.host.memory.get(id) else { return false };
        let inside = |at: Addr| at.0.wrapping_sub(buffer.at.0) < buffer.bytes;
        self.host.controllers.iter().any(|controller| {
            controller.sqs.iter().flatten().any(|sq| inside(sq.slot_at(0)))
                || controller.cqs.iter().flatten().any(|cq| inside(cq.slot_at(0)))
        })
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
            Word::At(id, offset) => self.has_byte(id, offset),
        }
    }

    /// Whether the place lies in its buffer. A step may have made the buffer smaller.
    fn has_byte(&self, id: BufferId, offset: u64) -> bool {
        self.host.memory.get(id).is_some_and(|buffer| offset < buffer.bytes)
    }

    fn has_place(&self, place: Place, bytes: u64) -> bool {
        match place {
            Place::Raw(at) => self.arena.covers(at, bytes),
            Place::In(id, offset) => self.host.memory.get(id).is_some_and(|buffer| {
                offset.checked_add(bytes).is_some_and(|end| end <= buffer.bytes)
            }),
        }
    }

    fn has_links(&self, links: &Links, nsid: u32) -> bool {
        let buffers = [links.prp1, links.prp2].into_iter().flatten();
        buffers.into_iter().all(|(id, offset)| self.has_byte(id, offset))
            && links.target.is_none_or(|id| self.has_command(id))
            && (links.slba.is_none() || self.host.namespace(nsid).is_some())
    }
}
