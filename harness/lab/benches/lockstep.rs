//! How many commands a second run in lockstep with the emulator: log, guards, exact DMA and judge on, one
//! core, 32 commands a batch. Targets: 1,000,000 without data, 400,000 of 4 KiB.
//!
//! `cargo bench -p lockstep-lab --bench lockstep`

extern crate lockstep_lab as lab;

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use emulator::{Config, EmulatorDut};
use lab::{Bench, Ctl, Outcome, Settings};
use model::Profile;
use spec::command::Flush;
use spec::{Entries, Lba, Nsid, Qid, Sqe};

const BATCH: u64 = 32;
/// Batches of one segment: a log that grows without end would measure the memory of the machine.
const BATCHES_PER_SEGMENT: u64 = 100;

/// The time that `batches` batches take, without bring-up and audit.
fn time(batches: u64, mut batch: impl FnMut(&mut Ctl<'_>, u64) -> Outcome) -> Duration {
    let mut dut = EmulatorDut::new(Config::default()).unwrap();
    let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
    let mut spent = Duration::ZERO;
    let mut left = batches;
    while left > 0 {
        let now = left.min(BATCHES_PER_SEGMENT);
        left -= now;
        let run = bench.run_as("bench", left, |lab| {
            let mut ctrl = lab.enabled_controller()?;
            ctrl.io_pair(Qid(1), Entries(64))?;
            batch(&mut ctrl, 0)?;
            let began = Instant::now();
            for n in 0..now {
                batch(&mut ctrl, n)?;
            }
            spent += began.elapsed();
            Ok(())
        });
        assert_eq!(run.stop, None);
        assert!(run.findings.is_empty(), "{:?}", run.findings);
        bench.recycle(run);
    }
    spent
}

fn lockstep(c: &mut Criterion) {
    let mut group = c.benchmark_group("lockstep");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("flush", |b| {
        let flushes: Vec<Sqe> = (0..BATCH).map(|_| Flush { nsid: Nsid(1) }.into()).collect();
        b.iter_custom(|n| time(n, |ctrl, _| ctrl.batch(Qid(1), &flushes)));
    });
    let lbas =
        |n: u64| -> Vec<Lba> { (0..BATCH).map(|at| Lba(8 * ((n * BATCH + at) % 2000))).collect() };
    group.bench_function("write 4 KiB", |b| {
        b.iter_custom(|n| {
            let mut buffers = None;
            time(n, |ctrl, at| {
                if at == 0 || buffers.is_none() {
                    buffers = Some(ctrl.block_buffers(Nsid(1), 8, BATCH as u32)?);
                }
                ctrl.write_batch(Qid(1), buffers.as_ref().unwrap(), &lbas(at))
            })
        });
    });
    group.bench_function("read 4 KiB", |b| {
        b.iter_custom(|n| {
            let mut buffers = None;
            time(n, |ctrl, at| {
                if at == 0 || buffers.is_none() {
                    buffers = Some(ctrl.block_buffers(Nsid(1), 8, BATCH as u32)?);
                }
                ctrl.read_batch(Qid(1), buffers.as_ref().unwrap(), &lbas(at))
            })
        });
    });
    group.finish();
}

/// A fresh emulator and judge after bring-up.
fn fresh(c: &mut Criterion) {
    c.bench_function("fresh controller", |b| {
        let mut dut = EmulatorDut::new(Config::default()).unwrap();
        let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
        b.iter(|| {
            let run = bench.run_as("fresh", 0, |lab| lab.enabled_controller().map(|_| ()));
            bench.recycle(run);
        });
    });
}

criterion_group!(benches, lockstep, fresh);
criterion_main!(benches);
