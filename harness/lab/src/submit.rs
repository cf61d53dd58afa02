//! Commands on their way into a queue: what is symbolic in a submit is resolved, and what a test gives
//! as numbers is made symbolic.

use log::Body;
use spec::opcode::{admin, nvm};
use spec::{Addr, Qid, Sqe};

use crate::action::{Action, Block, BufferId, CommandId, HIDDEN, Links, Place, Seen};
use crate::core::Core;
use crate::host::{Command, Fate};
use crate::stop::Stop;

impl Core<'_> {
    pub fn submit(
        &mut self,
        ctrl: u8,
        sqid: Qid,
        id: CommandId,
        sqe: Sqe,
        links: Links,
    ) -> Result<Seen, Stop> {
        let sqe = self.resolve(sqe, links)?;
        let controller = &mut self.host.controllers[usize::from(ctrl)];
        let Some(sq) = controller.sq_mut(sqid) else {
            return Err(self.harness(&format!("submit to SQ {sqid}, which does not exist")));
        };
        if sq.is_full() {
            return Err(self.harness(&format!("submit to SQ {sqid}, which is full")));
        }
        let cid = links.cid.unwrap_or_else(|| sq.give_cid());
        let sqe = sqe.with_cid(cid);
        let slot = sq.take_slot();
        sq.in_flight.push((cid, id));
        let at = sq.slot_at(slot);
        if !sqid.is_admin() && sqe.opcode() == nvm::WRITE {
            controller.touched.push((sqe.nsid().0, lba_of(&sqe), (sqe.dw[12] & 0xffff) + 1));
        }
        if !self.arena.write(at, &sqe.to_bytes()) {
            return Err(self.harness(&format!("slot {slot} of SQ {sqid} lies outside the arena")));
        }
        let body = Body::Submit { sqid, slot: slot as u16, sqe };
        let record = self.push_now(ctrl, body);
        let command = Command { ctrl, sqid, slot, sqe, record, fate: Fate::InFlight };
        if !self.host.commands.insert(id.0, command) {
            return Err(self.harness(&format!("command {id} stands twice in the sequence")));
        }
        Ok(Seen::Nothing)
    }

    fn resolve(&mut self, mut sqe: Sqe, links: Links) -> Result<Sqe, Stop> {
        if let Some((buffer, offset)) = links.prp1 {
            sqe = sqe.with_prps(self.place(Place::In(buffer, offset))?, sqe.prp2());
        }
        if let Some((buffer, offset)) = links.prp2 {
            sqe = sqe.with_prps(sqe.prp1(), self.place(Place::In(buffer, offset))?);
        }
        if let Some(from_last) = links.slba {
            let lba = self.block(sqe.nsid().0, Block::FromLast(from_last))?;
            (sqe.dw[10], sqe.dw[11]) = (lba as u32, (lba >> 32) as u32);
        }
        if let Some(target) = links.target {
            let command = self.command(target)?;
            sqe.dw[10] = u32::from(command.sqid.0) | u32::from(command.cid().0) << 16;
        }
        Ok(sqe)
    }

    pub fn edit(&mut self, id: CommandId, dword: u8, value: u32) -> Result<Seen, Stop> {
        let command = self.command(id)?;
        let Some(sq) = self.controller(command.ctrl).sq(command.sqid) else {
            return Err(self.harness(&format!("the queue of command {id} is gone")));
        };
        let at = Addr(sq.slot_at(command.slot).0 + 4 * u64::from(dword & 15));
        self.host_write(command.ctrl, at, &value.to_le_bytes())
    }

    /// The next free label for a buffer.
    pub fn next_buffer(&self) -> BufferId {
        self.host.memory.next_id(self.hidden != 0)
    }

    /// The next free label for a command.
    pub fn next_command(&self) -> CommandId {
        CommandId(self.host.commands.next(self.hidden != 0))
    }

    /// A submit of `sqe` with all that can be said symbolically said so. The fields that are
    /// linked, and the command identifier, are 0 in the entry itself.
    pub fn submit_action(&self, ctrl: u8, sqid: Qid, sqe: Sqe, cid: Option<spec::Cid>) -> Action {
        let id = self.next_command();
        let mut sqe = sqe.with_cid(spec::Cid(0));
        let mut links = Links { cid, ..Links::default() };
        if self.hidden == 0 {
            self.link_addresses(&mut sqe, &mut links);
            self.link_numbers(ctrl, sqid, &mut sqe, &mut links);
        }
        Action::Submit { ctrl, sqid, id, sqe, links }
    }

    fn link_addresses(&self, sqe: &mut Sqe, links: &mut Links) {
        let find = |at: Addr| if at.0 == 0 { None } else { self.host.memory.find(at) };
        (links.prp1, links.prp2) = (find(sqe.prp1()), find(sqe.prp2()));
        let unless = |linked: bool, at| if linked { Addr(0) } else { at };
        *sqe = sqe.with_prps(
            unless(links.prp1.is_some(), sqe.prp1()),
            unless(links.prp2.is_some(), sqe.prp2()),
        );
    }

    fn link_numbers(&self, ctrl: u8, sqid: Qid, sqe: &mut Sqe, links: &mut Links) {
        if sqid.is_admin() && sqe.opcode() == admin::ABORT {
            let cid = spec::Cid((sqe.dw[10] >> 16) as u16);
            let sq = self.controller(ctrl).sq(Qid(sqe.dw[10] as u16));
            let found = sq.and_then(|sq| Some(sq.in_flight[sq.find(cid)?].1));
            links.target = found.filter(|id| id.0 < HIDDEN);
            if links.target.is_some() {
                sqe.dw[10] = 0;
            }
        }
        let transfers = matches!(sqe.opcode(), nvm::READ | nvm::WRITE);
        if !sqid.is_admin()
            && transfers
            && let Some(namespace) = self.host.namespace(sqe.nsid().0)
        {
            let from_last = lba_of(sqe).wrapping_sub(namespace.last()).cast_signed();
            if (-64..=64).contains(&from_last) {
                links.slba = Some(from_last);
                (sqe.dw[10], sqe.dw[11]) = (0, 0);
            }
        }
    }
}

pub(crate) const fn lba_of(sqe: &Sqe) -> u64 {
    sqe.dw[10] as u64 | (sqe.dw[11] as u64) << 32
}
