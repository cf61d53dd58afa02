//! A server that answers honestly, but for what its script says.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lockstep_vfio_user::channel::Channel;
use lockstep_vfio_user::message::{
    Capabilities, Command, DeviceInfo, Header, IrqInfo, Layout, RegionAccess, RegionInfo,
    RegionInfoReply, SparseArea, Version,
};
use lockstep_vfio_user::{Options, VfioUser};

/// What the server does with a command instead of answering it.
#[derive(Clone, Debug)]
pub enum Lie {
    /// Nothing.
    Silence,
    /// It dies.
    Close,
    /// It says no.
    Refuse(u32),
    /// It answers with this payload.
    Payload(Vec<u8>),
    /// It sends these bytes instead of a message.
    Bytes(Vec<u8>),
    /// It answers another command.
    Another,
    /// It answers with the type neither command nor reply.
    Neither,
    /// It sends commands of its own without end.
    Flood,
    /// It sends this command first, and tells what it got for it; then it is honest.
    First(Command, Vec<u8>),
    /// It is honest, and sends more file descriptors than were asked for.
    Descriptors,
}

/// Decides by the command and its payload.
pub type Script = Arc<dyn Fn(Command, &[u8]) -> Option<Lie> + Send + Sync>;

/// What is fixed before the client comes.
#[derive(Clone)]
pub struct Shape {
    pub script: Script,
    /// The file and areas of the doorbells.
    pub doorbells: Option<(Arc<OwnedFd>, Vec<SparseArea>)>,
}

/// A server in a thread.
pub struct Fake {
    pub socket: PathBuf,
    _folder: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    /// What the server heard: commands with their payloads, and replies to its own.
    pub heard: mpsc::Receiver<(Header, Vec<u8>)>,
    thread: Option<JoinHandle<()>>,
}

pub const PATIENCE: Duration = Duration::from_secs(2);

impl Fake {
    pub fn new(shape: Shape) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, heard) = mpsc::channel();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            serve(Channel::new(stream).unwrap(), &shape, &stopped, &tell);
        });
        Self { socket, _folder: folder, stop, heard, thread: Some(thread) }
    }

    /// One that lies about one command, always.
    pub fn lying(about: Command, lie: Lie) -> Self {
        let script = move |command, _: &[u8]| (command == about).then(|| lie.clone());
        Self::new(Shape { script: Arc::new(script), doorbells: None })
    }

    /// One that lies about accesses to BAR 0 at this offset.
    pub fn lying_at(offset: u64, lie: Lie) -> Self {
        let script = move |command, payload: &[u8]| {
            let access = RegionAccess::decode(payload).ok();
            let there = access.is_some_and(|a| (a.region, a.offset) == (0, offset));
            let is_access = matches!(command, Command::REGION_READ | Command::REGION_WRITE);
            (is_access && there).then(|| lie.clone())
        };
        Self::new(Shape { script: Arc::new(script), doorbells: None })
    }

    pub fn options(&self) -> Options {
        let sockets = vec![self.socket.clone()];
        Options { sockets, answer_time: PATIENCE, memory: 1 << 20, ..Options::default() }
    }

    pub fn open(&self) -> Result<VfioUser, String> {
        VfioUser::open(self.options()).map_err(|error| error.to_string())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It may never have been connected to.
        let _ = std::os::unix::net::UnixStream::connect(&self.socket);
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

fn serve(
    mut channel: Channel,
    shape: &Shape,
    stop: &AtomicBool,
    tell: &mpsc::Sender<(Header, Vec<u8>)>,
) {
    while !stop.load(Ordering::Relaxed) {
        let received = channel.receive_until(Instant::now() + Duration::from_millis(20));
        let Ok(received) = received else { return };
        let Some(received) = received else { continue };
        let payload = channel.payload().to_vec();
        let _ = tell.send((received.header, payload.clone()));
        if !received.header.is_command() {
            continue;
        }
        let command = Command(received.header.command);
        let lie = (shape.script)(command, &payload);
        if !answer(&mut channel, shape, &received.header, &payload, lie, stop) {
            return;
        }
    }
}

/// False: it ends here.
fn answer(
    channel: &mut Channel,
    shape: &Shape,
    header: &Header,
    payload: &[u8],
    lie: Option<Lie>,
    stop: &AtomicBool,
) -> bool {
    let (mut reply, mut fds) = honest(shape, Command(header.command), payload);
    let mut head = header.reply(reply.len());
    match lie {
        None => {}
        Some(Lie::Silence) => return true,
        Some(Lie::Close) => return false,
        Some(Lie::Refuse(errno)) => {
            head = header.refusal(errno);
            reply.clear();
        }
        Some(Lie::Payload(other)) => {
            head = header.reply(other.len());
            reply = other;
        }
        Some(Lie::Bytes(bytes)) => return channel.send(&bytes, &[]).is_ok(),
        Some(Lie::Another) => head.command = 0x7777,
        Some(Lie::Neither) => head.flags = 7,
        Some(Lie::Flood) => {
            let mut flood = Vec::new();
            Header::command(1, Command::DMA_READ, 16).encode(&mut flood);
            flood.resize(32, 0xff);
            while !stop.load(Ordering::Relaxed) {
                let sent = match channel.has_unsent() {
                    true => channel.flush().map(drop),
                    false => channel.send(&flood, &[]),
                };
                if sent.is_err() {
                    return false;
                }
                while let Ok(Some(_)) = channel.receive() {}
            }
            return false;
        }
        Some(Lie::First(command, payload)) => {
            let mut bytes = Vec::new();
            Header::command(99, command, payload.len()).encode(&mut bytes);
            bytes.extend_from_slice(&payload);
            if channel.send(&bytes, &[]).is_err() {
                return false;
            }
        }
        Some(Lie::Descriptors) => {
            let fd = rustix::fs::memfd_create("unwanted", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
            let fd = Arc::new(fd);
            fds = vec![Arc::clone(&fd), Arc::clone(&fd), fd];
        }
    }
    let mut bytes = Vec::new();
    head.encode(&mut bytes);
    bytes.extend_from_slice(&reply);
    let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
    channel.send(&bytes, &fds).is_ok()
}

/// What a plain NVMe function says.
fn honest(shape: &Shape, command: Command, payload: &[u8]) -> (Vec<u8>, Vec<Arc<OwnedFd>>) {
    let mut to = Vec::new();
    let mut fds = Vec::new();
    match command {
        Command::VERSION => {
            let capabilities = Capabilities { max_msg_fds: Some(8), ..Capabilities::default() };
            Version::ours(capabilities).encode(&mut to);
        }
        Command::DEVICE_GET_INFO => {
            DeviceInfo { argsz: 16, flags: 3, num_regions: 9, num_irqs: 5 }.encode(&mut to);
        }
        Command::DEVICE_GET_REGION_INFO => {
            let asked = RegionInfo::decode(payload).unwrap();
            let size = if asked.index == 0 { 0x4000 } else { 0x1000 };
            let info = RegionInfo { flags: 3, size, index: asked.index, ..RegionInfo::default() };
            let mut reply = RegionInfoReply { info, sparse: None };
            if let (0, Some((file, areas))) = (asked.index, &shape.doorbells) {
                reply.info.flags |= RegionInfo::MMAP | RegionInfo::CAPS;
                reply.sparse = Some(areas.clone());
                fds.push(Arc::clone(file));
            }
            reply.encode(&mut to, asked.argsz);
        }
        Command::DEVICE_GET_IRQ_INFO => {
            let asked = IrqInfo::decode(payload).unwrap();
            IrqInfo { argsz: 16, flags: 1, count: 8, ..asked }.encode(&mut to);
        }
        Command::REGION_READ => {
            let access = RegionAccess::decode(payload).unwrap();
            access.encode(&mut to);
            let value = register(access.region, access.offset).to_le_bytes();
            to.extend_from_slice(&value[..access.count as usize]);
        }
        Command::REGION_WRITE => RegionAccess::decode(payload).unwrap().encode(&mut to),
        _ => {}
    }
    (to, fds)
}

fn register(region: u32, offset: u64) -> u64 {
    match (region, offset) {
        (0, 0) => 0x2001_00ff,
        (7, 8) => 0x0108_0201,
        (7, 0x34) => 0x40,
        // MSI-X with 8 vectors.
        (7, 0x40) => 0x0007_0011,
        _ => 0,
    }
}
