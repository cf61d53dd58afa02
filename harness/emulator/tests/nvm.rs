//! Read, Write, Flush; PRPs; the volatile write cache.

mod common;

use common::{DATA, TestHost};
use dut::{Ctrl, Dut, Event};
use lockstep_emulator::Config;
use lockstep_emulator::config::{LowBits, NamespaceConfig};
use log::ResetKind;
use proptest::prelude::*;
use spec::command::{Flush, Read, SetFeatures, Write};
use spec::{Addr, Entries, Fid, Lba, Nsid, Status};

const OK: Status = Status::SUCCESSFUL_COMPLETION;
const INVALID_FIELD: Status = Status::INVALID_FIELD_IN_COMMAND;

fn write_at(slba: u64) -> Write {
    Write { nsid: Nsid(1), slba: Lba(slba), prp1: Addr(DATA), ..Write::default() }
}

fn read_at(slba: u64) -> Read {
    Read { nsid: Nsid(1), slba: Lba(slba), prp1: Addr(DATA + 0x1000), ..Read::default() }
}

/// Writes one block of `value`.
fn put(host: &mut TestHost, slba: u64, value: u8, fua: bool) {
    host.fill(DATA, &[value; 512]);
    assert_eq!(host.io(Write { fua, ..write_at(slba) }).status(), OK);
}

/// The value of a block that holds one.
fn value(host: &mut TestHost, slba: u64) -> u8 {
    assert_eq!(host.io(read_at(slba)).status(), OK);
    let block = host.data(DATA + 0x1000, 512);
    assert!(block.iter().all(|byte| *byte == block[0]), "a torn block");
    block[0]
}

fn restart(host: &mut TestHost, kind: ResetKind) {
    host.dut.reset(Ctrl(0), kind).unwrap();
    host.enable();
    host.create_pair(1);
}

#[test]
fn ranges_and_namespaces_are_checked() {
    let ns = NamespaceConfig::default();
    let config = Config {
        controllers: 2,
        namespaces: vec![
            NamespaceConfig { blocks: 100, ..ns.clone() },
            NamespaceConfig { controllers: vec![1], ..ns },
        ],
        nn: Some(4),
        ..Config::default()
    };
    let mut host = TestHost::ready(config);
    let good = read_at(0);
    let invalid_namespace = Status::INVALID_NAMESPACE_OR_FORMAT;
    let cases = [
        (Read { slba: Lba(99), ..good }, OK),
        (Read { slba: Lba(92), nlb: Entries(8), ..good }, OK),
        (Read { slba: Lba(93), nlb: Entries(8), ..good }, Status::LBA_OUT_OF_RANGE),
        (Read { slba: Lba(100), ..good }, Status::LBA_OUT_OF_RANGE),
        (Read { slba: Lba(u64::MAX), nlb: Entries(2), ..good }, Status::LBA_OUT_OF_RANGE),
        (Read { nsid: Nsid(0), ..good }, invalid_namespace),
        (Read { nsid: Nsid(5), ..good }, invalid_namespace),
        (Read { nsid: Nsid(2), ..good }, INVALID_FIELD),
        (Read { nsid: Nsid(3), ..good }, INVALID_FIELD),
        (Read { nsid: Nsid::BROADCAST, ..good }, INVALID_FIELD),
    ];
    for (command, status) in cases {
        assert_eq!(host.io(command).status(), status, "{command:?}");
    }
    for (nsid, status) in [(0, invalid_namespace), (5, invalid_namespace), (2, INVALID_FIELD)] {
        assert_eq!(host.io(Flush { nsid: Nsid(nsid) }).status(), status);
    }
    assert_eq!(host.io(Flush { nsid: Nsid::BROADCAST }).status(), OK);
    assert_eq!(host.io(spec::Sqe::new(0x7f)).status(), Status::INVALID_COMMAND_OPCODE);
    let mut host = TestHost::ready(Config { broadcast_flush: false, ..Config::default() });
    assert_eq!(host.io(Flush { nsid: Nsid::BROADCAST }).status(), invalid_namespace);
}

#[test]
fn mdts_is_in_minimum_pages_and_its_own_value_is_legal() {
    let config = Config { mdts: 1, mpsmin: 0, ..Config::default() };
    let mut host = TestHost::ready(config);
    let two = Read { nlb: Entries(16), prp2: Addr(DATA + 0x2000), ..read_at(0) };
    assert_eq!(host.io(two).status(), OK);
    assert_eq!(host.io(Read { nlb: Entries(17), ..two }).status(), INVALID_FIELD);
    let mut host = TestHost::ready(Config { mdts: 0, ..Config::default() });
    let list = DATA + 0x20_0000;
    for n in 0..128u64 {
        host.fill(list + 8 * n, &(DATA + 0x1000 * (n + 2)).to_le_bytes());
    }
    let long = Read { nlb: Entries(1024), prp2: Addr(list), ..read_at(0) };
    assert_eq!(host.io(long).status(), OK);
}

#[test]
fn what_is_not_flushed_is_lost_with_power_only() {
    let mut host = TestHost::ready(Config::default());
    put(&mut host, 1, 0x11, false);
    put(&mut host, 2, 0x22, true);
    host.io(Flush { nsid: Nsid(1) });
    put(&mut host, 3, 0x33, false);
    put(&mut host, 2, 0x2f, false);
    restart(&mut host, ResetKind::Conventional);
    assert_eq!([1, 2, 3].map(|lba| value(&mut host, lba)), [0x11, 0x2f, 0x33]);
    restart(&mut host, ResetKind::PowerCycle);
    assert_eq!([1, 2, 3].map(|lba| value(&mut host, lba)), [0x11, 0x22, 0]);
}

#[test]
fn a_cache_that_is_off_or_not_there_loses_nothing() {
    let mut host = TestHost::ready(Config::default());
    put(&mut host, 1, 0x11, false);
    let off = SetFeatures { fid: Fid::VOLATILE_WRITE_CACHE, ..SetFeatures::default() };
    assert_eq!(host.admin(off).status(), OK);
    put(&mut host, 2, 0x22, false);
    restart(&mut host, ResetKind::PowerCycle);
    assert_eq!([1, 2].map(|lba| value(&mut host, lba)), [0x11, 0x22]);
    let mut host = TestHost::ready(Config { vwc: false, ..Config::default() });
    put(&mut host, 1, 0x11, false);
    restart(&mut host, ResetKind::PowerCycle);
    assert_eq!(value(&mut host, 1), 0x11);
}

#[test]
fn a_shutdown_flushes() {
    let mut host = TestHost::ready(Config::default());
    put(&mut host, 1, 0x11, false);
    let cc = host.enable_value().with_shn(2);
    host.write32(spec::register::CC, cc.into_bits());
    assert!(host.wait_csts(|csts| csts.shst() == 2));
    restart(&mut host, ResetKind::PowerCycle);
    assert_eq!(value(&mut host, 1), 0x11);
}

#[test]
fn a_write_that_cannot_read_all_its_memory_changes_nothing() {
    let mut host = TestHost::ready(Config::default());
    host.fill(DATA, &[0xee; 4096]);
    let write = Write { nlb: Entries(16), prp2: Addr(1 << 45), ..write_at(8) };
    assert_eq!(host.io(write).status(), Status::DATA_TRANSFER_ERROR);
    assert_eq!(value(&mut host, 8), 0);
}

#[test]
fn low_bits_of_prp_entries_are_refused_or_ignored() {
    let bits = |low: u64| Read { prp1: Addr(DATA + 0x1000 + low), ..read_at(0) };
    let mut host = TestHost::ready(Config::default());
    assert_eq!(host.io(bits(2)).status(), Status::PRP_OFFSET_INVALID);
    let mut host = TestHost::ready(Config { prp_low_bits: LowBits::Ignored, ..Config::default() });
    assert_eq!(host.io(bits(3)).status(), OK);
    assert_eq!(host.io(bits(4)).status(), OK);
    let second = Read { nlb: Entries(16), prp2: Addr(DATA + 0x3000 + 3), ..read_at(0) };
    assert_eq!(host.io(second).status(), OK);
    let second = Read { prp2: Addr(DATA + 0x3000 + 4), ..second };
    assert_eq!(host.io(second).status(), Status::PRP_OFFSET_INVALID);
}

/// Lays out PRPs for `pages` pages scattered over memory; the entries of the list begin `slots`
/// entries before the end of a page and go on in further list pages.
fn lay_out(host: &TestHost, offset: u64, pages: u64, slots: u64) -> (Addr, Addr, Vec<u64>) {
    let place = |n: u64| DATA + 0x10_0000 + (n ^ 1) * 0x1000;
    let entries: Vec<u64> = (0..pages).map(place).collect();
    let prp1 = entries[0] + offset;
    if pages <= 2 {
        return (Addr(prp1), Addr(entries.get(1).copied().unwrap_or(0xbad)), entries);
    }
    let list_pages = [DATA + 0x8000, DATA + 0xc000, DATA + 0xa000, DATA + 0xe000];
    let first = list_pages[0] + 0x1000 - 8 * slots;
    let (mut at, mut page, mut left) = (first, 0, slots);
    for (n, entry) in entries.iter().enumerate().skip(1) {
        let more = n + 1 < entries.len();
        if left == 1 && more {
            page += 1;
            host.fill(at, &list_pages[page].to_le_bytes());
            (at, left) = (list_pages[page], 512);
        }
        host.fill(at, &entry.to_le_bytes());
        (at, left) = (at + 8, left - 1);
    }
    (Addr(prp1), Addr(first), entries)
}

/// Byte `n` of data that repeats nowhere near.
fn scrambled(n: u64) -> u8 {
    (n.wrapping_mul(2_654_435_761) >> 13) as u8
}

/// A number of cases; failures are told, not written into the source tree.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(60))]

    /// Every layout of the data gives the same blocks, and nothing outside is touched.
    #[test]
    fn data_lies_where_the_prps_say(
        blocks in 1u32..200,
        offset in (0u64..1024).prop_map(|n| n * 4),
        slots in prop_oneof![1u64..8, 1u64..512],
    ) {
        let mut host = TestHost::ready(Config { mdts: 0, ..Config::default() });
        let bytes = u64::from(blocks) * 512;
        let pages = (offset + bytes).div_ceil(4096);
        let (prp1, prp2, entries) = lay_out(&host, offset, pages, slots);
        let data: Vec<u8> = (0..bytes).map(scrambled).collect();
        let mut rest = &data[..];
        for (n, page) in entries.iter().enumerate() {
            let skip = if n == 0 { offset } else { 0 };
            let (now, later) = rest.split_at(rest.len().min((4096 - skip) as usize));
            host.fill(page + skip, now);
            rest = later;
        }
        let write = Write { nlb: Entries(blocks), prp1, prp2, ..write_at(5) };
        prop_assert_eq!(host.io(write).status(), OK);
        let media = host.dut.subsystem().media().get(1).unwrap();
        prop_assert!(media.read(5, blocks.into()) == data);
        let neighbours = [media.read(4, 1), media.read(5 + u64::from(blocks), 1)];
        prop_assert!(neighbours == [[0; 512]; 2]);
        host.drain();
        host.events.clear();
        prop_assert!(host.arena().set(Addr(DATA + 0x10_0000), (pages + 1) * 0x1000, 0));
        let read = Read { nlb: Entries(blocks), prp1, prp2, ..read_at(5) };
        prop_assert_eq!(host.io(read).status(), OK);
        host.drain();
        let mut rest = &data[..];
        for (n, page) in entries.iter().enumerate() {
            let skip = if n == 0 { offset } else { 0 };
            let (now, later) = rest.split_at(rest.len().min((4096 - skip) as usize));
            prop_assert!(host.data(page + skip, now.len()) == now);
            rest = later;
        }
        let written: u64 = host.events.iter().map(|event| match event {
            Event::Dma { write: true, len, at, .. } if at.0 >= DATA => u64::from(*len),
            _ => 0,
        }).sum();
        prop_assert_eq!(written, bytes);
    }
}
