//! The raw rate of the transport: this client without log and judge.
//!
//! `cargo run --release -p lockstep-qemu --example raw [QEMU]` prints commands per second for Flush
//! and for Read of 4 KiB, 32 per doorbell and one at a time, and register reads. The share that
//! the lockstep path reaches of it is what the README names.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::{Host, SOON, ready, transfer};
use dut::{Ctrl, Dut, Width};
use lockstep_qemu::{Backend, Options};
use spec::register;
use spec::{Nsid, Sqe};

fn main() {
    let program = std::env::args().nth(1).map(Into::into);
    let program = program.unwrap_or_else(|| Options::default().program);
    for backend in [Backend::Null, Backend::Raw] {
        let start = Instant::now();
        let options = Options { program: program.clone(), backend, ..Options::default() };
        let Some(mut host) = ready(options) else { return };
        println!("{backend:?}: ready after {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
        let flush = Sqe::new(0).with_nsid(Nsid(1));
        let read = transfer(2, 0, 8, host.data);
        for (name, sqe) in [("Flush", flush), ("Read 4 KiB", read)] {
            for (batch, rounds) in [(32, 5000), (1, 20_000)] {
                let rate = commands(&mut host, sqe, batch, rounds);
                println!("  {name}, {batch:2} per doorbell: {rate:9.0} commands/s");
            }
        }
        let count = 20_000;
        let start = Instant::now();
        for _ in 0..count {
            host.qemu.read(Ctrl(0), register::CSTS, Width::U32).expect("CSTS");
        }
        println!("  register reads:         {:9.0} /s", rate(count, start));
    }
}

fn rate(count: usize, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

/// Commands per second: submit `batch`, ring, reap all, release.
fn commands(host: &mut Host, sqe: Sqe, batch: usize, rounds: usize) -> f64 {
    let sqes = vec![sqe; batch];
    let start = Instant::now();
    for _ in 0..rounds {
        host.submit(1, &sqes);
        for _ in 0..batch {
            let cqe = host.poll(1, SOON).expect("a completion");
            assert_eq!(cqe.status().sc(), 0);
        }
        host.release(1);
    }
    rate(batch * rounds, start)
}
