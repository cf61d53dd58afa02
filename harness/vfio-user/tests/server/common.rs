//! A server with a small device, in a thread, and a client without manners.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lockstep_vfio_user::channel::{Broken, Channel};
use lockstep_vfio_user::message::{
    Capabilities, Command, DmaMap, Header, Layout, Lockstep, RegionAccess, Version,
};
use lockstep_vfio_user::server::{
    Device, Doorbells, Fatal, Function, Host, Messages, Options, PciId, Server, Step, Stopper,
};
use rustix::io::Errno;

/// Registers of the toy.
pub const CAP: u64 = 0x0000_2001_00ff;
pub const ADDRESS: u32 = 0x40;
pub const OPERATION: u32 = 0x48;
pub const RESULT: u32 = 0x4c;
pub const WORD: u32 = 0x50;
pub const RUNG: u32 = 0x58;

/// Operations of the toy.
pub const READ: u32 = 1;
pub const WRITE: u32 = 2;
pub const MESSAGE: u32 = 3;
pub const ALLOWS_READ: u32 = 4;
pub const ALLOWS_WRITE: u32 = 5;
/// Results.
pub const DONE: u32 = 0x600d;
pub const FAULT: u32 = 0xbad;

/// MSI-X vectors of the toy.
pub const VECTORS: usize = 4;

/// A device that accesses memory and sends messages when it is told to, and counts doorbells.
#[derive(Default)]
pub struct Toy {
    /// Its messages, if they are not MSI-X with [`VECTORS`] vectors.
    messages: Option<Messages>,
    address: u64,
    word: u64,
    result: u32,
    rung: u32,
    asked: VecDeque<u32>,
    msix: bool,
    masked: [bool; VECTORS],
    pending: [bool; VECTORS],
    /// Messages granted.
    msi: u16,
}

impl Toy {
    fn perform(&mut self, host: &mut dyn Host, operation: u32) {
        let mut word = [0; 8];
        let done = match operation & 0xff {
            READ => {
                host.read(0, self.address, &mut word).map(|()| self.word = u64::from_ne_bytes(word))
            }
            WRITE => host.write(0, self.address, &self.word.to_ne_bytes()),
            ALLOWS_READ | ALLOWS_WRITE => {
                let write = operation & 0xff == ALLOWS_WRITE;
                match host.allows(0, self.address, (operation >> 8) as usize, write) {
                    true => Ok(()),
                    false => Err(lockstep_vfio_user::server::DmaFault),
                }
            }
            _ => {
                self.message(host, (operation >> 8) as u16);
                Ok(())
            }
        };
        self.result = if done.is_ok() { DONE } else { FAULT };
    }

    fn message(&mut self, host: &mut dyn Host, vector: u16) {
        let n = usize::from(vector) % VECTORS;
        let held = self.msix && self.masked[n];
        self.pending[n] |= held;
        if self.msix && !held || vector < self.msi {
            host.message(0, vector);
        }
    }
}

impl Device for Toy {
    fn functions(&self) -> Vec<Function> {
        vec![Function {
            id: PciId { vendor: 0x1234, device: 0x5678 },
            messages: self.messages.unwrap_or(Messages::Msix(VECTORS as u16)),
            doorbells: 0x1000,
            doorbell_count: 8,
            doorbell_stride: 4,
        }]
    }

    fn name(&self) -> String {
        "toy".into()
    }

    fn is_expendable(&self) -> bool {
        true
    }

    fn read(&mut self, _: usize, _: &mut dyn Host, offset: u32, bytes: u8) -> u64 {
        let value = match offset {
            0 => CAP,
            8 => 0x0002_0000,
            RESULT => self.result.into(),
            WORD => self.word,
            RUNG => self.rung.into(),
            _ => 0,
        };
        value & (u64::MAX >> (64 - 8 * u32::from(bytes)))
    }

    fn write(&mut self, _: usize, _: &mut dyn Host, offset: u32, _: u8, value: u64) {
        match offset {
            ADDRESS => self.address = value,
            OPERATION => {
                self.result = 0;
                self.asked.push_back(value as u32);
            }
            WORD => self.word = value,
            0x1000.. => self.rung += 1,
            _ => {}
        }
    }

    fn takes_doorbells(&self, _: usize) -> bool {
        true
    }

    fn step(&mut self, host: &mut dyn Host) -> Result<Step, Fatal> {
        let Some(operation) = self.asked.pop_front() else { return Ok(Step::Idle) };
        self.perform(host, operation);
        Ok(Step::Worked)
    }

    fn reset(&mut self, _: usize, _: &mut dyn Host) {
        *self = Self { messages: self.messages, ..Self::default() };
    }

    fn msix_enable(&mut self, _: usize, _: &mut dyn Host, on: bool) {
        self.msix = on;
        (self.masked, self.pending) = ([false; VECTORS], [false; VECTORS]);
    }

    fn msix_mask(&mut self, _: usize, host: &mut dyn Host, vector: u16, masked: bool) {
        let n = usize::from(vector);
        self.masked[n] = masked;
        if self.msix && !masked && std::mem::take(&mut self.pending[n]) {
            host.message(0, vector);
        }
    }

    fn msix_pending(&self, _: usize, vector: u16) -> bool {
        self.pending[usize::from(vector)]
    }

    fn msi_enable(&mut self, _: usize, _: &mut dyn Host, messages: u16) {
        self.msi = messages;
    }

    fn intx(&self, _: usize) -> bool {
        self.result != 0
    }
}

/// A server in a thread; it is stopped, and must have ended well, when this is dropped.
pub struct Serving {
    pub socket: PathBuf,
    _folder: tempfile::TempDir,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    pub fn new(doorbells: Doorbells) -> Self {
        Self::of(Toy::default(), doorbells)
    }

    /// A toy with so many messages of MSI, and no MSI-X.
    pub fn with_msi(messages: u16) -> Self {
        let messages = Some(Messages::Msi(messages));
        Self::of(Toy { messages, ..Toy::default() }, Doorbells::Mapped)
    }

    fn of(toy: Toy, doorbells: Doorbells) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let options = Options { sockets: vec![socket.clone()], doorbells, ..Options::default() };
        let (give, take) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let server = Server::bind(toy, &options, Box::new(|_| {})).unwrap();
            give.send(server.stopper()).unwrap();
            server.run().unwrap();
        });
        let stopper = take.recv().unwrap();
        Self { socket, _folder: folder, stopper, thread: Some(thread) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stopper.stop();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
            assert!(!self.socket.exists(), "the socket is removed");
        }
    }
}

/// A client that sends whatever it is told to.
pub struct Raw {
    pub channel: Channel,
    id: u16,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Raw {
    /// Connects, without a word.
    pub fn connect(serving: &Serving) -> Self {
        Self::over(UnixStream::connect(&serving.socket).unwrap())
    }

    /// Over a connected socket.
    pub fn over(stream: UnixStream) -> Self {
        Self { channel: Channel::new(stream).unwrap(), id: 0 }
    }

    /// Connects and exchanges VERSION.
    pub fn greeted(serving: &Serving) -> Self {
        let mut raw = Self::connect(serving);
        let given = Capabilities {
            max_msg_fds: Some(8),
            lockstep: Some(Lockstep::default()),
            ..Capabilities::default()
        };
        raw.ask(Command::VERSION, |to| Version::ours(given).encode(to), &[]).unwrap();
        raw
    }

    /// Connects, exchanges VERSION, and turns memory space and bus mastering on.
    pub fn mastering(serving: &Serving) -> Self {
        let mut raw = Self::greeted(serving);
        raw.write(7, 4, &6u16.to_le_bytes()).unwrap();
        raw
    }

    pub fn tell(&mut self, command: Command, flags: u32, payload: &[u8], fds: &[BorrowedFd<'_>]) {
        self.id += 1;
        let mut header = Header::command(self.id, command, payload.len());
        header.flags |= flags;
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        bytes.extend_from_slice(payload);
        self.channel.send(&bytes, fds).unwrap();
    }

    /// The next message: header and payload. `None`: the server has closed the connection.
    pub fn hear(&mut self) -> Option<(Header, Vec<u8>, Vec<OwnedFd>)> {
        match self.channel.receive_until(Instant::now() + PATIENCE) {
            Ok(received) => {
                let received = received.expect("an answer");
                Some((received.header, self.channel.payload().to_vec(), received.fds))
            }
            Err(Broken::Closed) => None,
            Err(broken) => panic!("{broken}"),
        }
    }

    /// A command and its reply: the payload, or the errno.
    pub fn ask(
        &mut self,
        command: Command,
        write: impl FnOnce(&mut Vec<u8>),
        fds: &[BorrowedFd<'_>],
    ) -> Result<Vec<u8>, u32> {
        let mut payload = Vec::new();
        write(&mut payload);
        self.tell(command, 0, &payload, fds);
        let (header, payload, _) = self.hear().expect("a reply");
        assert_eq!((header.id, header.command), (self.id, command.0));
        if header.is_error() { Err(header.error) } else { Ok(payload) }
    }

    pub fn read(&mut self, region: u32, offset: u64, count: u32) -> Result<Vec<u8>, u32> {
        let access = RegionAccess { offset, region, count };
        let reply = self.ask(Command::REGION_READ, |to| access.encode(to), &[])?;
        Ok(RegionAccess::with_data(&reply).unwrap().1.to_vec())
    }

    pub fn write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<Vec<u8>, u32> {
        let access = RegionAccess { offset, region, count: data.len() as u32 };
        let write = |to: &mut Vec<u8>| {
            access.encode(to);
            to.extend_from_slice(data);
        };
        self.ask(Command::REGION_WRITE, write, &[])
    }

    /// A register of the toy.
    pub fn register(&mut self, offset: u32) -> u32 {
        let bytes = self.read(0, offset.into(), 4).unwrap();
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    /// Starts an operation of the toy.
    pub fn begin(&mut self, address: u64, operation: u32) {
        self.write(0, ADDRESS.into(), &address.to_le_bytes()).unwrap();
        self.write(0, OPERATION.into(), &operation.to_le_bytes()).unwrap();
    }

    /// An operation of the toy, and its result.
    pub fn perform(&mut self, address: u64, operation: u32) -> u32 {
        self.begin(address, operation);
        self.result()
    }

    /// The result of the operation begun last.
    pub fn result(&mut self) -> u32 {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match self.register(RESULT) {
                0 => std::thread::sleep(Duration::from_millis(1)),
                result => return result,
            }
        }
        panic!("the toy does not finish");
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        self.hear().is_none()
    }
}

/// A memfd of so many bytes.
pub fn memfd(bytes: u64, sealed: bool) -> OwnedFd {
    named_memfd("test", bytes, sealed)
}

/// A memfd with a name.
pub fn named_memfd(name: &str, bytes: u64, sealed: bool) -> OwnedFd {
    use rustix::fs::{MemfdFlags, SealFlags};
    let fd = rustix::fs::memfd_create(name, MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&fd, bytes).unwrap();
    if sealed {
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK).unwrap();
    }
    fd
}

/// The eight bytes at an offset.
pub fn word_at(fd: impl AsFd, offset: u64) -> u64 {
    let mut word = [0; 8];
    rustix::io::pread(fd, &mut word, offset).unwrap();
    u64::from_ne_bytes(word)
}

/// A map for both directions.
pub const BOTH: u32 = DmaMap::READABLE | DmaMap::WRITEABLE;

/// As a reply carries it.
pub fn errno(errno: Errno) -> u32 {
    errno.raw_os_error() as u32
}

/// A map as the client asks for it.
pub fn map(address: u64, size: u64, offset: u64, flags: u32) -> DmaMap {
    DmaMap { argsz: 32, flags, offset, address, size }
}

/// A client in good standing gets good answers.
pub fn serves_well(serving: &Serving) {
    let mut raw = Raw::mastering(serving);
    assert_eq!(raw.read(0, 0, 8).unwrap(), CAP.to_le_bytes());
    let fd = memfd(4096, true);
    let map = map(0x1000, 4096, 0, BOTH);
    raw.ask(Command::DMA_MAP, |to| map.encode(to), &[fd.as_fd()]).unwrap();
    raw.write(0, WORD.into(), &77u64.to_le_bytes()).unwrap();
    assert_eq!(raw.perform(0x1100, WRITE), DONE);
    assert_eq!(word_at(&fd, 0x100), 77);
}

/// The same after `raw`, which had its own client, has left.
pub fn serves_well_beside(serving: &Serving, raw: Raw) {
    drop(raw);
    serves_well(serving);
}
