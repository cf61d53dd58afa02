//! Numbers looked up by hand in the figures: PRP arithmetic, status values, opcodes.

use lockstep_spec as spec;
use spec::prp::{self, Prp2};
use spec::{Addr, Bytes, Status, opcode};

#[test]
fn prp_arithmetic() {
    // §4.3.1, 4 KiB pages. 4,096 bytes from offset 0 are one page, from offset 4 two.
    let (at, page) = (|n| Addr(n), 4096);
    assert_eq!(prp::prp2(at(0x1000), Bytes(4096), page), Prp2::Unused);
    assert_eq!(prp::prp2(at(0x1004), Bytes(4096), page), Prp2::Page);
    assert_eq!(prp::prp2(at(0x1000), Bytes(8192), page), Prp2::Page);
    assert_eq!(prp::prp2(at(0x1004), Bytes(8192), page), Prp2::List { entries: 2 });
    assert_eq!(prp::pages(at(0x1ffc), Bytes(0), page), 0);
    // 512 entries fill a list page; one more takes a second page, and the last slot for it.
    assert_eq!(prp::slots(at(0x5000), page), 512);
    assert_eq!(
        (prp::list_pages(at(0x5000), 512, page), prp::chain_slot(at(0x5000), 512, page)),
        (1, None)
    );
    assert_eq!(
        (prp::list_pages(at(0x5000), 513, page), prp::chain_slot(at(0x5000), 513, page)),
        (2, Some(511))
    );
    // A list in the last slot of a page: one entry, or nothing but the pointer to the next page.
    assert_eq!(
        (prp::list_pages(at(0x5ff8), 1, page), prp::list_pages(at(0x5ff8), 2, page)),
        (1, 2)
    );
    // 1 + 511 + 512 entries take three pages of a list that begins at slot 510.
    assert_eq!(prp::list_pages(at(0x5ff0), 1 + 511 + 512, page), 3);
    assert_eq!(prp::list_pages(at(0x5ff0), 1 + 511 + 513, page), 4);
}

#[test]
fn statuses_and_opcodes_by_number() {
    // Figures 102 to 107, a few from each end.
    for (status, sct, sc) in [
        (Status::SUCCESSFUL_COMPLETION, 0, 0x00),
        (Status::COMMAND_ABORTED_DUE_TO_SQ_DELETION, 0, 0x08),
        (Status::INVALID_NAMESPACE_OR_FORMAT, 0, 0x0b),
        (Status::COMMAND_SEQUENCE_ERROR, 0, 0x0c),
        (Status::PRP_OFFSET_INVALID, 0, 0x13),
        (Status::LBA_OUT_OF_RANGE, 0, 0x80),
        (Status::COMPLETION_QUEUE_INVALID, 1, 0x00),
        (Status::INVALID_QUEUE_IDENTIFIER, 1, 0x01),
        (Status::INVALID_QUEUE_SIZE, 1, 0x02),
        (Status::ABORT_COMMAND_LIMIT_EXCEEDED, 1, 0x03),
        (Status::ASYNCHRONOUS_EVENT_REQUEST_LIMIT_EXCEEDED, 1, 0x05),
        (Status::INVALID_INTERRUPT_VECTOR, 1, 0x08),
        (Status::INVALID_LOG_PAGE, 1, 0x09),
        (Status::INVALID_QUEUE_DELETION, 1, 0x0c),
        (Status::FEATURE_IDENTIFIER_NOT_SAVEABLE, 1, 0x0d),
        (Status::UNRECOVERED_READ_ERROR, 2, 0x81),
        (Status::COMMAND_ABORTED_BY_HOST, 3, 0x71),
    ] {
        assert_eq!((status.sct(), status.sc()), (sct, sc), "{status}");
    }
    assert_eq!(Status::new(1, 1).to_string(), "Invalid Queue Identifier (SCT 1h SC 01h)");
    assert_eq!(Status::new(0, 0xc0).to_string(), "vendor specific (SCT 0h SC C0h)");
    assert_eq!(Status::new(4, 0).to_string(), "unnamed status (SCT 4h SC 00h)");

    // Figure 142: the low two bits of an opcode are the direction that the figure lists.
    use opcode::{Direction, admin, nvm};
    for (opcode, number, direction) in [
        (admin::DELETE_IO_SUBMISSION_QUEUE, 0x00, Direction::None),
        (admin::CREATE_IO_SUBMISSION_QUEUE, 0x01, Direction::ToController),
        (admin::GET_LOG_PAGE, 0x02, Direction::ToHost),
        (admin::DELETE_IO_COMPLETION_QUEUE, 0x04, Direction::None),
        (admin::CREATE_IO_COMPLETION_QUEUE, 0x05, Direction::ToController),
        (admin::IDENTIFY, 0x06, Direction::ToHost),
        (admin::ABORT, 0x08, Direction::None),
        (admin::SET_FEATURES, 0x09, Direction::ToController),
        (admin::GET_FEATURES, 0x0a, Direction::ToHost),
        (admin::ASYNCHRONOUS_EVENT_REQUEST, 0x0c, Direction::None),
        (admin::FABRICS_COMMANDS, 0x7f, Direction::Both),
        (nvm::FLUSH, 0x00, Direction::None),
        (nvm::WRITE, 0x01, Direction::ToController),
        (nvm::READ, 0x02, Direction::ToHost),
    ] {
        assert_eq!((opcode, opcode::direction(opcode)), (number, direction));
    }
}
