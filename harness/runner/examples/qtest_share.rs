//! What the lockstep path reaches of the raw rate over qtest: the same work by a client without log and judge,
//! and by the lab with both, turn and turn about so that both meet the same machine.
//!
//! `cargo run --release -p lockstep-runner --example qtest_share [QEMU] [ROUNDS]`

extern crate qemu as lockstep_qemu;

#[path = "../../qemu/tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Host, ready, transfer};
use dut::Dut;
use lab::{Bench, BlockBuffers, Ctl, Settings};
use lockstep_qemu::{Backend, Options, Qemu};
use model::Profile;
use spec::command::Flush;
use spec::{Addr, Entries, Lba, Nsid, Qid, Sqe};

/// Commands of one doorbell.
const BATCH: usize = 32;
/// Batches of one turn.
const BATCHES: usize = 100;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Flush,
    Read,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let program = args.next().map(Into::into).unwrap_or_else(|| Options::default().program);
    let rounds: usize = args.next().and_then(|n| n.parse().ok()).unwrap_or(30);
    println!("{rounds} turns of {} commands, {BATCH} a doorbell, commands/s", BATCH * BATCHES);
    println!("                          raw: best  median    lockstep: best  median   share");
    for (kind, name) in [(Kind::Flush, "Flush"), (Kind::Read, "Read 4 KiB")] {
        for backend in [Backend::Null, Backend::Raw] {
            let options = Options { program: program.clone(), backend, ..Options::default() };
            let Some(mut host) = ready(options.clone()) else { return };
            without_interrupts(&mut host);
            let mut qemu = Qemu::open(options).expect("it was there a moment ago");
            let profile = Arc::new(Profile::default());
            let mut bench = Bench::new(&mut qemu, profile, Settings::default());
            let (mut raw, mut lockstep) = (Vec::new(), Vec::new());
            for round in 0..rounds + 2 {
                let (one, other) = (raw_turn(&mut host, kind), lockstep_turn(&mut bench, kind));
                // The first two turns warm up.
                if round >= 2 {
                    raw.push(one);
                    lockstep.push(other);
                }
            }
            let ((raw_best, raw), (best, lockstep)) = (spread(raw), spread(lockstep));
            println!(
                "{name:10} {backend:8?} {raw_best:14.0} {raw:8.0} {best:16.0} {lockstep:8.0} {:6.0} %",
                100.0 * lockstep / raw
            );
        }
    }
}

/// Best and median rate of turns that took so long.
fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let rate = |time: Duration| (BATCH * BATCHES) as f64 / time.as_secs_f64();
    (rate(times[0]), rate(times[times.len() / 2]))
}

/// Makes the I/O queue pair again as the lab does for a batch: without interrupts.
fn without_interrupts(host: &mut Host) {
    let io = host.qemu.memory().base().0 + 0x4000;
    let queue = |opcode: u8, at: u64, dw11: u32| {
        let mut sqe = Sqe::new(opcode).with_prps(Addr(at), Addr(0));
        (sqe.dw[10], sqe.dw[11]) = ((u32::from(common::ENTRIES) - 1) << 16 | 1, dw11);
        sqe
    };
    let (mut delete_sq, mut delete_cq) = (Sqe::new(0), Sqe::new(4));
    (delete_sq.dw[10], delete_cq.dw[10]) = (1, 1);
    for sqe in [delete_sq, delete_cq, queue(5, io + 0x1000, 1), queue(1, io, 1 << 16 | 1)] {
        assert_eq!(host.command(0, sqe).status().sc(), 0);
    }
}

/// Submit, ring, reap, release.
fn raw_turn(host: &mut Host, kind: Kind) -> Duration {
    let sqes: Vec<Sqe> = match kind {
        Kind::Flush => vec![Flush { nsid: Nsid(1) }.into(); BATCH],
        Kind::Read => {
            let at = |n: usize| (8 * n as u32, host.data + 4096 * n as u64);
            (0..BATCH).map(|n| transfer(2, at(n).0, 8, at(n).1)).collect()
        }
    };
    let began = Instant::now();
    for _ in 0..BATCHES {
        host.submit(1, &sqes);
        let mut missing = BATCH;
        while missing > 0 {
            // Without `wait`: its naps would make this client slower than a host has to be.
            let Some(cqe) = host.look(1) else {
                assert!(began.elapsed() < Duration::from_secs(30), "no completion");
                std::thread::yield_now();
                continue;
            };
            assert_eq!(cqe.status().sc(), 0);
            missing -= 1;
        }
        host.release(1);
    }
    began.elapsed()
}

/// The same by the lab, judged; bring-up and audit are left out.
fn lockstep_turn(bench: &mut Bench<'_>, kind: Kind) -> Duration {
    let flushes: Vec<Sqe> = vec![Flush { nsid: Nsid(1) }.into(); BATCH];
    let lbas: Vec<Lba> = (0..BATCH as u64).map(|n| Lba(8 * n)).collect();
    let mut spent = Duration::ZERO;
    let run = bench.run_as("share", 0, |lab| {
        let mut ctrl = lab.enabled_controller()?;
        ctrl.io_pair(Qid(1), Entries(64))?;
        let buffers = ctrl.block_buffers(Nsid(1), 8, BATCH as u32)?;
        let send = |ctrl: &mut Ctl<'_>, on: &BlockBuffers| match kind {
            Kind::Flush => ctrl.batch(Qid(1), &flushes),
            Kind::Read => ctrl.read_batch(Qid(1), on, &lbas),
        };
        send(&mut ctrl, &buffers)?;
        let began = Instant::now();
        for _ in 0..BATCHES {
            send(&mut ctrl, &buffers)?;
        }
        spent = began.elapsed();
        Ok(())
    });
    assert_eq!(run.stop, None);
    let diverged: Vec<_> =
        run.findings.iter().filter(|f| f.command.is_some_and(|c| c.opcode() < 3)).collect();
    assert!(diverged.is_empty(), "{diverged:?}");
    bench.recycle(run);
    spent
}
