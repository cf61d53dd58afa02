//! The thinnest line: enable, Identify, a queue pair, Write and Read.

mod common;

use common::{DATA, TestHost};
use lockstep_emulator::Config;
use spec::command::{Read, Write};
use spec::identify::{IdentifyController, IdentifyNamespace, NamespaceList};
use spec::{Addr, Cns, Entries, Lba, Nsid, Status};

#[test]
fn enables_identifies_writes_and_reads() {
    let mut host = TestHost::ready(Config::default());
    let controller = IdentifyController(host.identify(Cns::IDENTIFY_CONTROLLER, 0));
    assert_eq!(controller.ver(), 0x0002_0300);
    assert_eq!(controller.nn(), 1);
    let namespace = IdentifyNamespace(host.identify(Cns::IDENTIFY_NAMESPACE, 1));
    assert_eq!(namespace.nsze(), 16384);
    let list = NamespaceList(host.identify(Cns::ACTIVE_NAMESPACE_ID_LIST, 0));
    assert_eq!(list.iter().collect::<Vec<_>>(), [Nsid(1)]);

    let bytes: Vec<u8> = (0..8192).map(|n| (n / 7) as u8).collect();
    host.fill(DATA, &bytes);
    let (prp1, prp2) = (Addr(DATA), Addr(DATA + 4096));
    let write =
        Write { nsid: Nsid(1), slba: Lba(100), nlb: Entries(16), prp1, prp2, ..Write::default() };
    assert_eq!(host.io(write).status(), Status::SUCCESSFUL_COMPLETION);
    let (prp1, prp2) = (Addr(DATA + 0x2000), Addr(DATA + 0x3000));
    let read =
        Read { nsid: Nsid(1), slba: Lba(100), nlb: Entries(16), prp1, prp2, ..Read::default() };
    assert_eq!(host.io(read).status(), Status::SUCCESSFUL_COMPLETION);
    assert_eq!(host.data(DATA + 0x2000, 8192), bytes);
}
