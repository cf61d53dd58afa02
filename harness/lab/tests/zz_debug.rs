extern crate lockstep_lab as lab;
use std::sync::Arc;
use emulator::{Config, EmulatorDut};
use lab::{Bench, GenOptions, Settings, Target, generate, shrink};
use model::{FindingKind, Profile};
#[test]
fn dbg() {
    let list = std::env::var("DBG").unwrap();
    for pair in list.split(',') {
        let (c, s) = pair.split_once(':').unwrap();
        let (c, s): (u64, u64) = (c.parse().unwrap(), s.parse().unwrap());
        let config = Config::random(c);
        println!("=== {pair} VS {:?} {:?}", config.version, config.policy);
        let mut dut = EmulatorDut::new(config).unwrap();
        let mut bench = Bench::new(&mut dut, Arc::new(Profile::default()), Settings::default());
        let options = GenOptions::of(&mut bench).unwrap();
        let sequence = generate(s, &options);
        let run = bench.replay(&sequence);
        let f = run.findings.iter().find(|f| f.kind != FindingKind::Inconclusive && f.kind != FindingKind::Anomaly && f.req.is_some_and(|r| r.name() != "identify-controller.acl")).unwrap();
        println!("{f:?}");
        let target = Target { req: f.req };
        let short = shrink(&mut bench, &sequence, target, 3000);
        if let Some(short) = short {
        println!("{}", short.to_text());
        let run = bench.replay_possible(&short);
        for f in &run.findings { println!("{:?} {:?} step {} {} {} {:?}", f.kind, f.req, f.step, f.place, f.observed, f.allowed); }
        for r in run.log.records() { println!("{} s{} c{} [{} {}] {:?}", 0, r.step, r.ctrl, r.not_before, r.seen, r.body()); }
        }
    }
}
