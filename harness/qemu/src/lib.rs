//! QEMU's hw/nvme as a device under test, driven from the host: no guest, no kernel.
//!
//! QEMU runs with its CPU stopped (`-accel tcg -S`). Registers are reached over the qtest protocol,
//! resets over QMP, and guest memory is a file that both map, so SQEs, CQEs and data never pass a
//! socket. The parts, from the outside in:
//!
//! - [`Qemu`]: the [`dut::Dut`]; [`Options`] say what to start, [`OpenError`] why it did not.
//! - [`Hold`]: commands held in flight, reordered or failed, by an NBD server in this process
//!   ([`Backend::Nbd`]).
//! - inside: the process and its guards, a qtest and a QMP client, PCI bring-up, MSI-X vectors.
//!
//! Nothing has a name in the file system: guest memory, images, standard error and trace are
//! anonymous files, sockets are pairs, all handed over as file descriptors. So nothing stale can be
//! left, however this process ends; QEMU itself dies with it (`PR_SET_PDEATHSIG`).
//!
//! **Guest memory.** The first MiB belongs to the transport: the BIOS's holes are there, and the
//! words that MSI-X messages are written to. [`dut::Dut::memory`] begins at 1 MiB
//! ([`Qemu::ARENA_BASE`]) and its addresses are guest physical addresses.
//!
//! With [`Options::iommu`] they are that plus 4 GiB, and only what [`dut::Dut::map`] was told is
//! accessible; QEMU's tables then take the top of memory.
//!
//! What this crate does not do: INTx (IRQ lines are skipped), controllers behind bridges, SR-IOV functions, QEMU before 7.2 (whose queues run from a clock that stands still here).

mod device;
mod error;
mod iommu;
mod machine;
mod msix;
mod nbd;
mod options;
mod pci;
mod process;
mod qmp;
mod qtest;
mod tail;

pub use device::Qemu;
pub use error::OpenError;
pub use nbd::{Answer, Errno, HeldRequest, Hold, RequestKind};
pub use options::{Backend, Namespace, Options};
