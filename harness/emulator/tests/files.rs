//! Namespaces in files: what is durable is there after a restart, and nothing else.

mod common;

use std::path::{Path, PathBuf};

use common::{DATA, TestHost};
use dut::Dut;
use lockstep_emulator::config::NamespaceConfig;
use lockstep_emulator::{Config, EmulatorDut};
use spec::command::*;
use spec::feature::VolatileWriteCache;
use spec::{Addr, Fid, Lba, Nsid, Status, register};

const OK: Status = Status::SUCCESSFUL_COMPLETION;

fn in_file(path: PathBuf) -> Config {
    let namespace = NamespaceConfig { blocks: 64, path: Some(path), ..NamespaceConfig::default() };
    Config { namespaces: vec![namespace], ..Config::default() }
}

fn write(host: &mut TestHost, lba: u64, fua: bool) {
    host.fill(DATA, &[lba as u8; 512]);
    let write = Write { nsid: Nsid(1), slba: Lba(lba), prp1: Addr(DATA), fua, ..Write::default() };
    assert_eq!(host.io(write).status(), OK);
}

fn read(host: &mut TestHost, lba: u64) -> u8 {
    let read = Read { nsid: Nsid(1), slba: Lba(lba), prp1: Addr(DATA), ..Read::default() };
    assert_eq!(host.io(read).status(), OK);
    let block = host.data(DATA, 512);
    assert!(block.iter().all(|byte| *byte == block[0]));
    block[0]
}

/// What a new emulator reads from the blocks.
fn after_restart(path: &Path, lbas: &[u64]) -> Vec<u8> {
    let mut host = TestHost::ready(in_file(path.into()));
    lbas.iter().map(|lba| read(&mut host, *lba)).collect()
}

#[test]
fn what_was_made_durable_survives_a_restart_and_what_was_cached_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ns");
    let mut host = TestHost::ready(in_file(path.clone()));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 64 * 512);
    write(&mut host, 1, false);
    assert_eq!(host.io(Flush { nsid: Nsid(1) }).status(), OK);
    write(&mut host, 2, true);
    write(&mut host, 3, false);
    let committed =
        Read { nsid: Nsid(1), slba: Lba(3), prp1: Addr(DATA), fua: true, ..Read::default() };
    assert_eq!(host.io(committed).status(), OK);
    write(&mut host, 4, false);
    assert_eq!(read(&mut host, 4), 4);
    drop(host);
    assert_eq!(after_restart(&path, &[1, 2, 3, 4]), [1, 2, 3, 0]);
}

#[test]
fn without_a_cache_everything_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ns");
    let mut host = TestHost::ready(in_file(path.clone()));
    write(&mut host, 5, false);
    let cdw11 = VolatileWriteCache::new().into_bits();
    let off = SetFeatures { fid: Fid::VOLATILE_WRITE_CACHE, cdw11, ..SetFeatures::default() };
    assert_eq!(host.admin(off).status(), OK);
    write(&mut host, 6, false);
    drop(host);
    assert_eq!(after_restart(&path, &[5, 6]), [5, 6]);
}

#[test]
fn a_shutdown_makes_the_cache_durable() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ns");
    let mut host = TestHost::ready(in_file(path.clone()));
    write(&mut host, 7, false);
    let cc = register::Cc::from_bits(host.read32(register::CC)).with_shn(1);
    host.write32(register::CC, cc.into_bits());
    assert!(host.wait_csts(|csts| csts.shst() == 2));
    drop(host);
    assert_eq!(after_restart(&path, &[7]), [7]);
}

#[test]
fn files_that_cannot_be_used_are_told_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ns");
    let failure = |path: &Path| {
        let made = EmulatorDut::new(in_file(path.into()));
        made.err().expect("a namespace in an impossible file").to_string()
    };
    assert!(failure(dir.path()).contains("namespaces.path = "), "{}", failure(dir.path()));
    assert!(failure(&dir.path().join("no/ns")).contains("No such file"));
    assert!(failure(Path::new("/dev/null")).contains("no regular file"));
    std::fs::write(&path, [0; 513]).unwrap();
    let text = failure(&path);
    assert!(text.contains("the file has 513 bytes, blocks * block_bytes are 32768"), "{text}");
    std::fs::write(&path, [0; 32768]).unwrap();
    let held = EmulatorDut::new(in_file(path.clone())).unwrap();
    assert!(failure(&path).contains("in use by another emulator"));
    drop(held);
    assert!(EmulatorDut::new(in_file(path)).is_ok());
}

#[test]
fn a_file_is_not_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut dut = EmulatorDut::new(in_file(dir.path().join("ns"))).unwrap();
    assert!(!dut.capabilities().rewind);
    assert!(dut.mark().is_err() && dut.rewind().is_err());
}
