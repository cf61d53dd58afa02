//! A function behind its socket: what it looks like, and its client.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::irqs::{ENTRY_BYTES, Irqs};
use super::link::Link;
use super::pci::{Config, PciId, Shape};
use super::{DmaFault, Host};

/// A function to be exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Function {
    /// Who it says it is.
    pub id: PciId,
    /// Its messages.
    pub messages: Messages,
    /// Where the doorbells begin in BAR 0; a whole number of pages.
    pub doorbells: u32,
    /// How many doorbells.
    pub doorbell_count: u32,
    /// Bytes from one doorbell to the next.
    pub doorbell_stride: u32,
}

/// The messages by which a function interrupts, unless it has to use the pin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Messages {
    /// MSI-X with so many vectors, 1 to 2,048.
    Msix(u16),
    /// MSI with so many messages: 1, 2, 4, 8, 16 or 32. They cannot be masked one by one.
    Msi(u16),
}

impl Messages {
    /// How many there are.
    pub const fn count(self) -> u16 {
        match self {
            Self::Msix(count) | Self::Msi(count) => count,
        }
    }
}

const PAGE: u32 = 4096;
/// The smallest BAR 0, as controllers have it.
const BAR0_MIN: u32 = 0x4000;

impl Function {
    /// Bytes of whole pages that hold the doorbells.
    pub fn doorbell_bytes(&self) -> u32 {
        (self.doorbell_count * self.doorbell_stride).next_multiple_of(PAGE)
    }

    /// What configuration space tells.
    pub fn shape(&self) -> Shape {
        let (pba_offset, bar4_bytes) = match self.messages {
            Messages::Msix(vectors) => {
                let pba_offset = (u32::from(vectors) * ENTRY_BYTES as u32).next_multiple_of(PAGE);
                (pba_offset, (pba_offset + PAGE).next_power_of_two())
            }
            Messages::Msi(_) => (0, 0),
        };
        Shape {
            bar0_bytes: (self.doorbells + self.doorbell_bytes()).next_power_of_two().max(BAR0_MIN),
            bar4_bytes,
            messages: self.messages,
            pba_offset,
        }
    }
}

/// A function behind its socket.
pub struct Port {
    pub path: PathBuf,
    pub listener: UnixListener,
    /// The inode of the socket that was made: another one is not ours to remove.
    inode: u64,
    pub function: Function,
    pub shape: Shape,
    pub config: Config,
    pub irqs: Irqs,
    pub link: Option<Link>,
}

impl Port {
    /// Makes the socket. One that nobody listens on any more is replaced.
    pub fn bind(path: &Path, function: Function) -> std::io::Result<Self> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && is_stale(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            bound => bound?,
        };
        listener.set_nonblocking(true)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        let inode = std::fs::symlink_metadata(path)?.ino();
        let shape = function.shape();
        let config = Config::new(function.id, &shape);
        let irqs = Irqs::new(function.messages);
        Ok(Self { path: path.into(), listener, inode, function, shape, config, irqs, link: None })
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let found = std::fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| found.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether this is a socket that nobody listens on.
fn is_stale(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    let refused = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).is_err_and(refused)
}

/// All functions.
pub struct Ports {
    pub list: Vec<Port>,
    pub start: Instant,
}

impl Ports {
    fn link(&mut self, ctrl: usize) -> Result<&mut Link, DmaFault> {
        let port = self.list.get_mut(ctrl).filter(|port| port.config.is_bus_master());
        port.and_then(|port| port.link.as_mut()).ok_or(DmaFault)
    }
}

impl Host for Ports {
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn masters(&self, ctrl: usize) -> bool {
        let port = self.list.get(ctrl);
        port.is_some_and(|port| port.link.is_some() && port.config.is_bus_master())
    }

    fn allows(&self, ctrl: usize, at: u64, len: usize, write: bool) -> bool {
        let port = self.list.get(ctrl).filter(|port| port.config.is_bus_master());
        let link = port.and_then(|port| port.link.as_ref());
        link.is_some_and(|link| link.memory.allows(at, len, write))
    }

    fn read(&mut self, ctrl: usize, at: u64, to: &mut [u8]) -> Result<(), DmaFault> {
        self.link(ctrl)?.read(at, to)
    }

    fn write(&mut self, ctrl: usize, at: u64, from: &[u8]) -> Result<(), DmaFault> {
        self.link(ctrl)?.write(at, from)
    }

    fn peek(&self, ctrl: usize, at: u64, to: &mut [u8]) -> bool {
        let link = self.list.get(ctrl).and_then(|port| port.link.as_ref());
        link.is_some_and(|link| link.memory.peek(at, to))
    }

    fn message(&mut self, ctrl: usize, vector: u16) {
        if let Some(port) = self.list.get(ctrl).filter(|port| port.config.is_bus_master()) {
            port.irqs.message(vector);
        }
    }
}
