extern crate lockstep_lab as lab;
use std::sync::Arc;
fn main() {
    let seed: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut dut = emulator::EmulatorDut::new(emulator::Config::default()).unwrap();
    let mut bench =
        lab::Bench::new(&mut dut, Arc::new(model::Profile::default()), lab::Settings::default());
    let seq = lab::generate(seed, &lab::GenOptions::default());
    let run = bench.replay(&seq);
    let mut step = 0;
    for (n, r) in run.log.records().iter().enumerate() {
        if r.step != step {
            step = r.step;
            if let Some(a) = seq.actions.get(step as usize - 1) {
                println!("--- step {step}: {a}");
            }
        }
        println!("{n}: {r:?}");
        for f in run.findings.iter().filter(|f| f.record as usize == n) {
            println!("    *** {:?} {:?} {} {:?}", f.kind, f.req, f.observed, f.allowed);
        }
    }
}
