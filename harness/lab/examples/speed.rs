//! The lockstep path's speed on a machine that is busy with other work: the best and the median of many
//! rounds, by this thread's processor time, so that what others do counts as little as it can.
//!
//! `cargo run --profile bench -p lockstep-lab --example speed [flush|write|read|fresh] [ROUNDS]`
//!
//! One kind with few rounds is what to give a profiler; `WALL=1` takes the time of the wall clock, for
//! profilers that know no other (`WALL=1 valgrind --tool=callgrind ...`).

extern crate lockstep_lab as lab;

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use emulator::{Config, EmulatorDut};
use lab::{Bench, BlockBuffers, Ctl, Settings};
use model::Profile;
use rustix::time::{ClockId, clock_gettime};
use spec::command::Flush;
use spec::{Entries, Lba, Nsid, Qid, Sqe};

/// Commands of one doorbell.
const BATCH: u64 = 32;
/// Batches of one segment, and of one round.
const BATCHES: u64 = 100;

fn main() {
    let mut args = std::env::args().skip(1);
    let kind = args.next().unwrap_or_else(|| "all".into());
    let rounds = args.next().and_then(|n| n.parse().ok()).unwrap_or(200);
    println!(
        "{rounds} rounds, processor time of one thread       best     median   rate at the best"
    );
    for (name, commands) in [
        ("flush", Some(Kind::Flush)),
        ("write", Some(Kind::Write)),
        ("read", Some(Kind::Read)),
        ("fresh", None),
    ] {
        if kind != "all" && kind != name {
            continue;
        }
        let mut times = match commands {
            Some(kind) => batches(kind, rounds),
            None => fresh(rounds),
        };
        times.sort_unstable_by(f64::total_cmp);
        let (best, median) = (times[0], times[times.len() / 2]);
        println!("{name:48} {best:8.1} ns {median:8.1} ns {:10.0} /s", 1e9 / best);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Flush,
    Write,
    Read,
}

/// Nanoseconds of processor time that this thread has used.
fn spent() -> f64 {
    static BEGAN: LazyLock<Option<Instant>> =
        LazyLock::new(|| std::env::var_os("WALL").map(|_| Instant::now()));
    if let Some(began) = *BEGAN {
        return began.elapsed().as_secs_f64() * 1e9;
    }
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

fn bench(dut: &mut EmulatorDut) -> Bench<'_> {
    Bench::new(dut, Arc::new(Profile::default()), Settings::default())
}

/// Nanoseconds a command, per round: bring-up and audit are left out.
fn batches(kind: Kind, rounds: u64) -> Vec<f64> {
    let mut dut = EmulatorDut::new(Config::default()).expect("the default configuration");
    let mut bench = bench(&mut dut);
    let flushes: Vec<Sqe> = (0..BATCH).map(|_| Flush { nsid: Nsid(1) }.into()).collect();
    let mut times = Vec::new();
    for round in 0..rounds {
        let run = bench.run_as("speed", round, |lab| {
            let mut ctrl = lab.enabled_controller()?;
            ctrl.io_pair(Qid(1), Entries(64))?;
            let buffers = ctrl.block_buffers(Nsid(1), 8, BATCH as u32)?;
            let send = |ctrl: &mut Ctl<'_>, buffers: &BlockBuffers, n: u64| {
                let lbas: [Lba; BATCH as usize] =
                    std::array::from_fn(|at| Lba(8 * ((n * BATCH + at as u64) % 2000)));
                match kind {
                    Kind::Flush => ctrl.batch(Qid(1), &flushes),
                    Kind::Write => ctrl.write_batch(Qid(1), buffers, &lbas),
                    Kind::Read => ctrl.read_batch(Qid(1), buffers, &lbas),
                }
            };
            send(&mut ctrl, &buffers, 0)?;
            let began = spent();
            for n in 0..BATCHES {
                send(&mut ctrl, &buffers, n)?;
            }
            times.push((spent() - began) / (BATCHES * BATCH) as f64);
            Ok(())
        });
        assert_eq!(run.stop, None);
        assert!(run.findings.is_empty(), "{:?}", run.findings);
        bench.recycle(run);
    }
    times
}

/// Nanoseconds of a whole test that only wants an enabled controller, audit and verdict included.
fn fresh(rounds: u64) -> Vec<f64> {
    let mut dut = EmulatorDut::new(Config::default()).expect("the default configuration");
    let mut bench = bench(&mut dut);
    bench.prime();
    let mut times = Vec::new();
    for round in 0..rounds {
        let began = spent();
        for n in 0..100 {
            let run =
                bench.run_as("fresh", 100 * round + n, |lab| lab.enabled_controller().map(drop));
            assert!(run.findings.is_empty(), "{:?}", run.findings);
            bench.recycle(run);
        }
        times.push((spent() - began) / 100.0);
    }
    times
}
