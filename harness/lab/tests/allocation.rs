//! The pass path allocates nothing per command: neither the lab, nor the log, nor the judge, nor the emulator.
//!
//! What a segment's length decides (records, steps, the host's books) lies in memory that an earlier segment
//! has left, so the first run is the warm-up.

extern crate lockstep_lab as lab;

use std::sync::Arc;

use allocation_counter::measure;
use emulator::{Config, EmulatorDut};
use lab::{Action, Bench, BlockBuffers, Ctl, Data, Outcome, Settings, Shape, Stop};
use log::Perm;
use model::Profile;
use spec::command::{Flush, Read, Write};
use spec::{Entries, Lba, Nsid, Qid, Sqe};

const BATCH: u64 = 32;
const BATCHES: u64 = 40;

/// Runs `send` for many batches, twice, with what `prepare` makes. The allocations of the second run's.
fn allocations<T>(
    prepare: impl Fn(&mut Ctl<'_>) -> Result<T, Stop>,
    send: impl Fn(&mut Ctl<'_>, &T, u64) -> Outcome,
) -> u64 {
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let mut allocated = 0;
    for _ in 0..2 {
        let run = bench.run_as("allocation", 0, |lab| {
            let mut ctrl = lab.enabled_controller()?;
            ctrl.io_pair(Qid(1), Entries(64))?;
            let prepared = prepare(&mut ctrl)?;
            for n in 0..BATCHES / 2 {
                send(&mut ctrl, &prepared, n)?;
            }
            let mut done = Ok(());
            let counted = measure(|| {
                done = (0..BATCHES).try_for_each(|n| send(&mut ctrl, &prepared, n));
            });
            allocated = counted.count_total;
            done
        });
        assert_eq!((run.stop.as_ref(), run.findings.len()), (None, 0));
        bench.recycle(run);
    }
    allocated
}

/// Buffers of `blocks` blocks, one for each command of a batch.
fn buffers(blocks: u32) -> impl Fn(&mut Ctl<'_>) -> Result<BlockBuffers, Stop> {
    move |ctrl| ctrl.block_buffers(Nsid(1), blocks, BATCH as u32)
}

/// Where the transfers of batch `n` begin, `blocks` blocks each.
fn lbas(n: u64, blocks: u64) -> [Lba; BATCH as usize] {
    std::array::from_fn(|at| Lba(blocks * ((n * BATCH + at as u64) % (4096 / blocks))))
}

#[track_caller]
fn none(found: u64) {
    assert_eq!(found, 0, "allocations in {} commands", BATCH * BATCHES);
}

#[test]
fn the_counter_counts() {
    let counted = measure(|| drop(std::hint::black_box(vec![1, 2, 3])));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn a_flush_allocates_nothing() {
    let flushes: Vec<Sqe> = (0..BATCH).map(|_| Flush { nsid: Nsid(1) }.into()).collect();
    none(allocations(|_| Ok(()), |ctrl, (), _| ctrl.batch(Qid(1), &flushes)));
}

#[test]
fn a_write_of_one_page_or_two_allocates_nothing() {
    for blocks in [8, 16] {
        let send = |ctrl: &mut Ctl<'_>, on: &BlockBuffers, n| {
            ctrl.write_batch(Qid(1), on, &lbas(n, blocks))
        };
        none(allocations(buffers(blocks as u32), send));
    }
}

#[test]
fn a_read_of_one_page_or_two_allocates_nothing() {
    for blocks in [8, 16] {
        let send = |ctrl: &mut Ctl<'_>, on: &BlockBuffers, n| {
            ctrl.read_batch(Qid(1), on, &lbas(n, blocks))
        };
        none(allocations(buffers(blocks as u32), send));
    }
}

/// Transfers of `pages` pages, scattered or beside each other, whose list has `slots` in its first page:
/// the commands, and where their data lies.
fn by_list(
    ctrl: &mut Ctl<'_>,
    perm: Perm,
    pages: u32,
    slots: Option<u32>,
    command: fn(Lba, Entries) -> Sqe,
) -> Result<(Vec<Sqe>, Vec<Data>), Stop> {
    let (mut commands, mut all) = (Vec::new(), Vec::new());
    for lba in lbas(0, u64::from(8 * pages)) {
        let shape = Shape { scattered: slots.is_some(), list_slots: slots, ..Shape::default() };
        let data = ctrl.data(u64::from(pages) * 4096, perm, shape)?;
        if perm == Perm::ToController {
            ctrl.fill(&data, Nsid(1), lba)?;
        }
        commands.push(data.at(command(lba, Entries(8 * pages))));
        all.push(data);
    }
    Ok((commands, all))
}

/// A page apart, by a list, and by a list in two pages.
const LISTS: [(u32, Option<u32>); 4] = [(2, Some(1)), (16, None), (16, Some(15)), (16, Some(3))];

#[test]
fn a_write_by_a_list_allocates_nothing() {
    for (pages, slots) in LISTS {
        let prepare = |ctrl: &mut Ctl<'_>| {
            by_list(ctrl, Perm::ToController, pages, slots, |slba, nlb| {
                Write { nsid: Nsid(1), slba, nlb, ..Write::default() }.into()
            })
        };
        none(allocations(prepare, |ctrl, (commands, _), _| ctrl.batch(Qid(1), commands)));
    }
}

#[test]
fn a_read_by_a_list_allocates_nothing() {
    for (pages, slots) in LISTS {
        let prepare = |ctrl: &mut Ctl<'_>| {
            // Blocks that differ from each other, as only such show where each page went.
            let (writes, _) = by_list(ctrl, Perm::ToController, pages, slots, |slba, nlb| {
                Write { nsid: Nsid(1), slba, nlb, ..Write::default() }.into()
            })?;
            ctrl.batch(Qid(1), &writes)?;
            by_list(ctrl, Perm::FromController, pages, slots, |slba, nlb| {
                Read { nsid: Nsid(1), slba, nlb, ..Read::default() }.into()
            })
        };
        let send = |ctrl: &mut Ctl<'_>, (commands, all): &(Vec<Sqe>, Vec<Data>), _| {
            // Only what was known before shows that something has come.
            for (at, len) in all.iter().flat_map(|data| &data.pieces) {
                ctrl.perform(&Action::HostSet { at: *at, len: *len, value: 0xa5 })?;
            }
            ctrl.batch(Qid(1), commands)?;
            for (at, len) in all.iter().flat_map(|data| &data.pieces) {
                let (at, blocks) = (*at, (len / 512) as u32);
                ctrl.perform(&Action::Blocks { at, block_bytes: 512, blocks })?;
            }
            Ok(())
        };
        none(allocations(prepare, send));
    }
}
