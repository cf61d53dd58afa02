//! How many commands, and how much data, a controller may have counted: for the counters that it shows.

use super::Judge;
use crate::lives::{Amount, Traffic};
use crate::ruling::{Blocks, Data};

const READ: u8 = 0x02;
const WRITE: u8 = 0x01;
const FLUSH: u8 = 0x00;

impl Traffic {
    fn add(&mut self, opcode: u8, blocks: Option<Blocks>) {
        let units = blocks.map_or(0, |b| u64::from(b.count) * u64::from(b.block_bytes / 512));
        let amount = if opcode == READ { &mut self.read } else { &mut self.written };
        let Amount { commands, units: all } = *amount;
        *amount = Amount { commands: commands + 1, units: all + units };
    }
}

impl Judge {
    /// Command `n` was rung: the controller may count it from now on.
    pub(super) fn count_rung(&mut self, n: u32) {
        let record = self.now.record;
        let command = &mut self.commands[n];
        let counted = &mut self.units[usize::from(command.ctrl)].counted;
        command.counted.least = counted.least;
        command.counted.within.0 = record;
        if command.sqid == 0 {
            return;
        }
        match (command.sqe.opcode(), command.data) {
            (opcode @ (READ | WRITE), Data::Read(blocks) | Data::Write(blocks)) => {
                counted.most.add(opcode, Some(blocks));
            }
            (opcode @ (READ | WRITE), Data::None) => counted.most.add(opcode, None),
            (FLUSH, _) => {}
            // Others may count as reads or writes, or move data of which nothing is known.
            _ => counted.most.unsure += 1,
        }
    }

    /// Command `n` completed: after a success the controller has surely counted it.
    pub(super) fn count_completed(&mut self, n: u32) {
        let record = self.now.record;
        let command = &mut self.commands[n];
        let counted = &mut self.units[usize::from(command.ctrl)].counted;
        command.counted.most = counted.most;
        command.counted.within.1 = record;
        let success = command.cqe.status().is_success() && command.sqid != 0;
        if let (true, Data::Read(blocks) | Data::Write(blocks)) = (success, command.data) {
            counted.least.add(command.sqe.opcode(), Some(blocks));
        }
    }
}
