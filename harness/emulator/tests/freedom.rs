//! What a correct controller is free to choose: every policy completes everything, with the right
//! data, and the same seed gives the same run. Several controllers; mark and rewind; configuration.

mod common;

use std::collections::HashSet;

use common::{DATA, TestHost};
use dut::{Ctrl, Dut};
use lockstep_emulator::config::NamespaceConfig;
use lockstep_emulator::{Config, ConfigError, EmulatorDut, Policy};
use log::ResetKind;
use spec::command::{Abort, Flush, Read, Write};
use spec::{Addr, Cid, Lba, Nsid, Qid, Status};

const OK: Status = Status::SUCCESSFUL_COMPLETION;

/// Writes 40 blocks through two queues with up to seven commands in flight, then reads them back.
/// What was seen, in order.
fn workload(config: Config) -> Vec<String> {
    let bytes = config.namespaces[0].block_bytes as usize;
    let page = 4096u64 << config.mpsmin;
    let mut host = TestHost::enabled(config);
    host.create_pair(1);
    let queues = if host.config.io_sqs.min(host.config.io_cqs) > 1 { 2 } else { 1 };
    if queues == 2 {
        host.create_pair(2);
    }
    let at = |n: u64| Addr(DATA + n * page);
    let mut seen = Vec::new();
    for write in [true, false] {
        for batch in 0..8u64 {
            let mut open = HashSet::new();
            for n in batch * 5..batch * 5 + 5 {
                let (nsid, slba, prp1) = (Nsid(host.config.nsids().next().unwrap()), Lba(n), at(n));
                let sqid = 1 + (n % queues) as u16;
                let cid = if write {
                    host.fill(prp1.0, &vec![n as u8 + 1; bytes]);
                    host.place(sqid, Write { nsid, slba, prp1, ..Write::default() })
                } else {
                    assert!(host.arena().set(prp1, bytes as u64, 0));
                    host.place(sqid, Read { nsid, slba, prp1, ..Read::default() })
                };
                open.insert((sqid, cid.0));
            }
            (1..=queues as u16).for_each(|sqid| host.ring(sqid));
            for cqid in 1..=queues as u16 {
                while open.iter().any(|(sqid, _)| *sqid == cqid) {
                    let cqe = host.next(cqid).expect("a completion is missing");
                    assert_eq!(cqe.status(), OK);
                    assert!(open.remove(&(cqe.sqid().0, cqe.cid().0)), "{cqe:?}");
                    seen.push(format!("{} {cqe:?}", host.dut.now()));
                }
            }
        }
    }
    for n in 0..40 {
        let data = host.data(at(n).0, bytes);
        assert!(data.iter().all(|byte| *byte == n as u8 + 1), "block {n}");
    }
    seen
}

#[test]
fn every_policy_completes_everything() {
    for seed in 0..64 {
        let config = Config { policy: Policy::random(seed), ..Config::default() };
        assert_eq!(workload(config.clone()), workload(config));
    }
}

#[test]
fn every_random_configuration_is_legal_and_works() {
    let mut tried = 0;
    for seed in 0..200 {
        let config = Config::random(seed);
        config.check().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(config, Config::random(seed));
        // The workload's queues have eight entries.
        if config.max_queue_entries >= 8 {
            workload(config);
            tried += 1;
        }
    }
    assert!(tried > 150);
}

#[test]
fn policies_change_orders() {
    let delays = Policy { execute_delay_ns: 100_000, ..Policy::default() };
    let shuffled = Policy { shuffle_execution: true, fetch_batch: 8, ..Policy::default() };
    let plain = workload(Config::default());
    for policy in [delays, shuffled] {
        assert_ne!(plain, workload(Config { policy, ..Config::default() }));
    }
}

fn two() -> Config {
    let shared = NamespaceConfig::default();
    Config { controllers: 2, namespaces: vec![shared], ..Config::default() }
}

#[test]
fn controllers_share_namespaces_and_nothing_else() {
    let mut dut = EmulatorDut::new(two()).unwrap();
    assert_eq!(dut.capabilities().controllers, 2);
    assert!(dut.reset(Ctrl(2), ResetKind::FunctionLevel).is_err());
    let mut host = TestHost::ready(two());
    host.fill(DATA, &[7; 512]);
    let write = Write { nsid: Nsid(1), slba: Lba(3), prp1: Addr(DATA), ..Write::default() };
    assert_eq!(host.io(write).status(), OK);
    // The other controller reads it; what it does to itself does not touch the first.
    let first = host.leave(Ctrl(1));
    host.enable();
    host.create_pair(1);
    let prp1 = Addr(DATA + 4096);
    let read = Read { nsid: Nsid(1), slba: Lba(3), prp1, ..Read::default() };
    assert_eq!(host.io(read).status(), OK);
    assert_eq!(host.data(DATA + 4096, 512), [7; 512]);
    let cqe = host.admin(Abort { sqid: Qid(1), cid: Cid(0) });
    assert_eq!(cqe.dw0(), 1);
    host.disable();
    host.dut.reset(Ctrl(1), ResetKind::FunctionLevel).unwrap();
    host.come_back(first);
    assert_eq!(host.io(Flush { nsid: Nsid(1) }).status(), OK);
    host.dut.reset(Ctrl(1), ResetKind::Conventional).unwrap();
    assert!(!host.csts().rdy(), "a conventional reset hits both");
}

#[test]
fn rewinding_takes_back_what_the_controller_did() {
    let mut host = TestHost::ready(Config::default());
    host.fill(DATA, &[9; 512]);
    let write = Write { nsid: Nsid(1), slba: Lba(5), prp1: Addr(DATA), ..Write::default() };
    assert_eq!(host.io(write).status(), OK);
    host.fill(DATA, &[1; 512]);
    host.dut.mark().unwrap();
    let (now, cq) = (host.dut.now(), host.queue_base(1, true));
    let before = (host.data(cq, 4096), host.data(DATA + 4096, 4096));
    let position = host.position(1);
    let mut traces = Vec::new();
    for _ in 0..3 {
        let cqe = host.io(write);
        let prp1 = Addr(DATA + 4096);
        let read = Read { nsid: Nsid(1), slba: Lba(5), prp1, ..Read::default() };
        let second = host.io(read);
        assert_eq!(host.data(DATA + 4096, 512), [1; 512]);
        host.dut.irq_setup(Ctrl(0), 3).unwrap();
        host.dut.unmap(Addr(DATA), 0).unwrap();
        traces.push((cqe.dw[2], second.dw[2], host.dut.now()));
        host.dut.rewind().unwrap();
        host.set_position(1, position);
        assert_eq!(host.dut.now(), now);
        assert_eq!((host.data(cq, 4096), host.data(DATA + 4096, 4096)), before);
        let media = host.dut.subsystem().media().get(1).unwrap();
        assert_eq!(media.read(5, 1), [9; 512]);
        // Still in the cache, as at the mark.
        assert_eq!(media.durable(5), Some(&[0; 512][..]));
    }
    assert_eq!(traces[0], traces[1]);
    assert_eq!(traces[1], traces[2]);
    let mut fresh = EmulatorDut::new(Config::default()).unwrap();
    assert!(fresh.rewind().is_err());
}

#[test]
fn configurations_come_from_toml_and_say_what_is_wrong() {
    let text = r#"
        version = "1.4"
        mdts = 3
        grant = "all"
        prp_low_bits = "ignored"
        [[namespaces]]
        blocks = 64
        block_bytes = 4096
        [policy]
        arbitration = "random"
        fetch_batch = 4
    "#;
    let config = Config::from_toml(text).unwrap();
    assert_eq!((config.mdts, config.namespaces[0].block_bytes), (3, 4096));
    assert_eq!(config.policy.fetch_batch, 4);
    assert_eq!(Config::from_toml("").unwrap(), Config::default());
    let wrong = [
        ("mdst = 3", "unknown field `mdst`"),
        ("version = \"1.2\"", "version = 1.2: possible is 1.3 to 2.3"),
        ("version = \"new\"", "\"new\" is no version such as \"2.3\""),
        ("dstrd = 9", "dstrd = 9: possible is 0 to 8"),
        ("mpsmin = 3\nmpsmax = 2", "mpsmin = 3: possible is 0 to mpsmax"),
        ("controllers = 0", "controllers = 0"),
        ("to = 1\nready_us = 500001", "ready_us = 500001"),
        ("[[namespaces]]\nblock_bytes = 520", "block_bytes = 520: possible is 512 or 4096"),
        ("[[namespaces]]\ncontrollers = [1]", "controllers = 1"),
        ("[[namespaces]]\nnsid = 1\n[[namespaces]]\nnsid = 1", "nsid = 1: possible is 1 to nn"),
        ("[[namespaces]]\nblocks = 9999999999", "1 GiB in all at most"),
        ("[policy]\nburst = 0", "policy.burst = 0"),
        ("[policy]\nin_flight = 65", "policy.in_flight = 65"),
    ];
    for (text, message) in wrong {
        let error = Config::from_toml(text).expect_err(text);
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
    let error = Config::from_toml("vectors = 0").unwrap_err();
    assert!(matches!(error, ConfigError::Value { key: "vectors", .. }));
}
