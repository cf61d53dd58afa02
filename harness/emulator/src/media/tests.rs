//! What a file that fails does to a namespace.

use std::fs::File;
use std::path::PathBuf;

use super::*;
use crate::config::NamespaceConfig;

fn of_16_blocks(path: PathBuf) -> Namespace {
    let namespace = NamespaceConfig { blocks: 16, path: Some(path), ..NamespaceConfig::default() };
    Namespace::new(&Config { namespaces: vec![namespace], ..Config::default() }, 0, 1).unwrap()
}

/// A namespace of 16 blocks whose file cannot be written.
fn read_only() -> (tempfile::TempDir, Namespace) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ns");
    let mut namespace = of_16_blocks(path.clone());
    namespace.backing = Backing::File(File::open(path).unwrap());
    (dir, namespace)
}

#[test]
fn what_a_file_does_not_take_stays_volatile() {
    let (_dir, mut namespace) = read_only();
    namespace.write(3, 2, false).fill(7);
    assert!(namespace.flush().is_err());
    assert!(namespace.commit(3, 1).is_err());
    assert!(namespace.settle(3, 1).is_err());
    assert_eq!(namespace.read(3, 2), [7; 1024]);
    assert_eq!(namespace.durable(4), Some(&[0; 512][..]));
    namespace.lose_power();
    assert_eq!(namespace.read(3, 2), [0; 1024]);
    // Nothing volatile, nothing to write, no error.
    assert!(namespace.flush().is_ok());
    assert!(namespace.commit(3, 2).is_ok());
}

#[test]
fn blocks_become_durable_one_by_one_and_in_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ns");
    let mut namespace = of_16_blocks(path.clone());
    for (lba, count, byte) in [(9, 1, 9), (2, 3, 2), (5, 1, 5), (12, 2, 12)] {
        namespace.write(lba, count, false).fill(byte);
    }
    namespace.commit(12, 1).unwrap();
    let file = |lba: usize| std::fs::read(&path).unwrap()[lba * 512..][..512].to_vec();
    assert_eq!((file(12), file(13), file(2)), (vec![12; 512], vec![0; 512], vec![0; 512]));
    namespace.flush().unwrap();
    let blocks: Vec<u8> = (0..16).map(|lba| file(lba)[0]).collect();
    assert_eq!(blocks, [0, 0, 2, 2, 2, 5, 0, 0, 0, 9, 0, 0, 12, 12, 0, 0]);
}
