//! Many commands at once: submitted, rung once, reaped together, judged together.

use log::Perm;
use spec::command::{Read, Write};
use spec::{Addr, Lba, Nsid, Qid, Sqe};

use crate::action::{Action, Condition, Patience, Place};
use crate::buffer::Buffer;
use crate::core::Core;
use crate::ctl::Ctl;
use crate::stop::{Outcome, Stop};

/// Buffers of one block each, to be used batch after batch.
#[derive(Clone, Debug)]
pub struct BlockBuffers {
    nsid: Nsid,
    block_bytes: u32,
    blocks: u32,
    buffers: Vec<Buffer>,
}

impl Ctl<'_> {
    /// Sends commands to queue `qid` in one batch: all are submitted, the doorbell is rung once, and all
    /// completions are waited for and released. The judge follows once, at the end. Every step is kept in
    /// the sequence, and nothing is allocated per command but the records themselves.
    ///
    /// The queue must have room for all of them.
    pub fn batch(&mut self, qid: Qid, commands: &[Sqe]) -> Outcome {
        let ctrl = self.ctrl;
        self.judged_once(|core| send_batch(core, ctrl, qid, commands))
    }

    fn judged_once<T>(
        &mut self,
        work: impl FnOnce(&mut Core<'_>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let mut core = self.core.borrow_mut();
        let core = &mut *core;
        let each_step = std::mem::replace(&mut core.settings.judge_each_step, false);
        let done = work(core);
        core.settings.judge_each_step = each_step;
        core.judge.catch_up(&core.log);
        done
    }

    /// `count` buffers of `blocks` logical blocks of a namespace each.
    pub fn block_buffers(
        &mut self,
        nsid: Nsid,
        blocks: u32,
        count: u32,
    ) -> Result<BlockBuffers, Stop> {
        let Some(namespace) = self.namespace(nsid) else {
            return Err(self.core.borrow_mut().not_applicable(&format!("namespace {nsid}")));
        };
        let block_bytes = namespace.block_bytes;
        let bytes = u64::from(block_bytes) * u64::from(blocks);
        let buffers: Result<Vec<Buffer>, Stop> =
            (0..count).map(|_| self.buffer_at(bytes, 0, Perm::Both, 0)).collect();
        Ok(BlockBuffers { nsid, block_bytes, blocks, buffers: buffers? })
    }

    /// Writes tagged blocks to `lbas`, one buffer each, in one batch.
    pub fn write_batch(&mut self, qid: Qid, on: &BlockBuffers, lbas: &[Lba]) -> Outcome {
        let ctrl = self.ctrl;
        let page = self.page_bytes();
        self.judged_once(|core| {
            for (buffer, lba) in on.buffers.iter().zip(lbas) {
                let (block_bytes, blocks, nsid) = (on.block_bytes, on.blocks, on.nsid.0);
                let at = Place::In(buffer.id, 0);
                let lba = crate::action::Block::At(lba.0);
                core.perform(&Action::Fill { ctrl, at, block_bytes, blocks, nsid, lba })?;
            }
            let command = |buffer: &Buffer, slba: Lba| {
                let write = Write { nsid: on.nsid, slba, ..Write::default() };
                transfer(write.into(), on, buffer, page)
            };
            send_each(core, (ctrl, qid), on.buffers.iter().zip(lbas).map(|(b, l)| command(b, *l)))
        })
    }

    /// Reads from `lbas`, one buffer each, in one batch, and looks at every block.
    pub fn read_batch(&mut self, qid: Qid, on: &BlockBuffers, lbas: &[Lba]) -> Outcome {
        let ctrl = self.ctrl;
        let page = self.page_bytes();
        self.judged_once(|core| {
            let command = |buffer: &Buffer, slba: Lba| {
                let read = Read { nsid: on.nsid, slba, ..Read::default() };
                transfer(read.into(), on, buffer, page)
            };
            send_each(core, (ctrl, qid), on.buffers.iter().zip(lbas).map(|(b, l)| command(b, *l)))?;
            for (buffer, _) in on.buffers.iter().zip(lbas) {
                let (block_bytes, blocks) = (on.block_bytes, on.blocks);
                let at = Place::In(buffer.id, 0);
                core.perform(&Action::Blocks { at, block_bytes, blocks })?;
            }
            Ok(())
        })
    }
}

/// A transfer of one buffer of at most two pages.
fn transfer(mut sqe: Sqe, on: &BlockBuffers, buffer: &Buffer, page: u64) -> Sqe {
    // NLB is 0's based.
    sqe.dw[12] |= on.blocks - 1;
    let second = if buffer.bytes > page { Addr(buffer.at.0 + page) } else { Addr(0) };
    sqe.with_prps(buffer.at, second)
}

fn send_batch(core: &mut Core<'_>, ctrl: u8, qid: Qid, commands: &[Sqe]) -> Outcome {
    send_each(core, (ctrl, qid), commands.iter().copied())
}

fn send_each(
    core: &mut Core<'_>,
    (ctrl, sqid): (u8, Qid),
    commands: impl Iterator<Item = Sqe>,
) -> Outcome {
    for sqe in commands {
        let submit = core.submit_action(ctrl, sqid, sqe, None);
        core.perform(&submit)?;
    }
    core.perform(&Action::Ring { ctrl, sqid })?;
    let (condition, patience) = (Condition::AllCompleted, Patience::Default);
    core.perform(&Action::Wait { ctrl, condition, patience })?;
    if let Some(cqid) = core.controller(ctrl).sq(sqid).map(|sq| sq.cqid) {
        core.perform(&Action::Release { ctrl, cqid })?;
    }
    Ok(())
}
