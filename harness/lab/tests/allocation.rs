//! The pass path allocates nothing per command: neither the lab, nor the log, nor the judge, nor the emulator.
//!
//! What a segment's length decides (records, steps, the host's books) lies in memory that an earlier segment
//! has left, so the first run is the warm-up.

extern crate lockstep_lab as lab;

use std::sync::Arc;

use allocation_counter::measure;
use emulator::{Config, EmulatorDut};
use lab::{Bench, BlockBuffers, Ctl, Outcome, Settings};
use model::Profile;
use spec::command::Flush;
use spec::{Entries, Lba, Nsid, Qid, Sqe};

const BATCH: u64 = 32;
const BATCHES: u64 = 40;

/// Runs `send` for many batches, twice. The allocations of the second run's.
fn allocations(send: impl Fn(&mut Ctl<'_>, &BlockBuffers, u64) -> Outcome) -> u64 {
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let mut allocated = 0;
    for _ in 0..2 {
        let run = bench.run_as("allocation", 0, |lab| {
            let mut ctrl = lab.enabled_controller()?;
            ctrl.io_pair(Qid(1), Entries(64))?;
            let buffers = ctrl.block_buffers(Nsid(1), 8, BATCH as u32)?;
            for n in 0..BATCHES / 2 {
                send(&mut ctrl, &buffers, n)?;
            }
            let mut done = Ok(());
            let counted = measure(|| {
                done = (0..BATCHES).try_for_each(|n| send(&mut ctrl, &buffers, n));
            });
            allocated = counted.count_total;
            done
        });
        assert_eq!((run.stop.as_ref(), run.findings.len()), (None, 0));
        bench.recycle(run);
    }
    allocated
}

fn lbas(n: u64) -> [Lba; BATCH as usize] {
    std::array::from_fn(|at| Lba(8 * ((n * BATCH + at as u64) % 512)))
}

#[test]
fn the_counter_counts() {
    let counted = measure(|| drop(std::hint::black_box(vec![1, 2, 3])));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn a_flush_allocates_nothing() {
    let flushes: Vec<Sqe> = (0..BATCH).map(|_| Flush { nsid: Nsid(1) }.into()).collect();
    let found = allocations(|ctrl, _, _| ctrl.batch(Qid(1), &flushes));
    assert_eq!(found, 0, "allocations in {} commands", BATCH * BATCHES);
}

#[test]
fn a_write_of_4_kib_allocates_nothing() {
    let found = allocations(|ctrl, on, n| ctrl.write_batch(Qid(1), on, &lbas(n)));
    assert_eq!(found, 0, "allocations in {} commands", BATCH * BATCHES);
}

#[test]
fn a_read_of_4_kib_allocates_nothing() {
    let found = allocations(|ctrl, on, n| ctrl.read_batch(Qid(1), on, &lbas(n)));
    assert_eq!(found, 0, "allocations in {} commands", BATCH * BATCHES);
}
