//! Requests held in flight: a small NBD server in this process, the backend of a namespace.
//!
//! QEMU's block requests arrive here. A kind that is held waits until the harness releases it, in
//! any order, with success or an error. Write data are already here when a write is held; the data
//! of a held read leave at its release. Data outlive the QEMU process, so a power cycle keeps them;
//! requests that were held then are lost, as commands are when power is.
//!
//! The protocol is the fixed newstyle handshake with `NBD_OPT_GO`, and simple replies.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054;
const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;
const OPT_INFO: u32 = 6;
const OPT_GO: u32 = 7;
const REP_ACK: u32 = 1;
const REP_INFO: u32 = 3;
const REP_ERR_UNSUPPORTED: u32 = 0x8000_0001;
const CMD_DISCONNECT: u16 = 2;
/// Flags present, flush, FUA, trim, write zeroes.
const TRANSMISSION_FLAGS: u16 = 1 | 4 | 8 | 32 | 64;
/// The longest request that is believed: QEMU sends 32 MiB at most.
const MOST_BYTES: u32 = 64 << 20;

/// What a backend request does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum RequestKind {
    /// NVMe Read, Compare, Verify and Copy read.
    Read = 0,
    /// NVMe Write and Copy write.
    Write = 1,
    /// NVMe Flush.
    Flush = 3,
    /// Dataset Management, deallocate.
    Trim = 4,
    /// Write Zeroes and Format NVM.
    WriteZeroes = 6,
}

impl RequestKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Read, Self::Write, Self::Flush, Self::Trim, Self::WriteZeroes];

    fn from_wire(kind: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|&k| k as u16 == kind)
    }
}

/// Why a request fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Errno {
    /// EIO: QEMU reports a media error.
    Io = 5,
    /// ENOSPC.
    NoSpace = 28,
}

/// How a request is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is executed now, and succeeds.
    Done,
    /// It is not executed, and fails.
    Fails(Errno),
}

/// A request that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldRequest {
    /// Names it for [`Hold::release`].
    pub id: u64,
    /// What it does.
    pub kind: RequestKind,
    /// From which byte of the namespace.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u32,
}

struct Request {
    public: HeldRequest,
    cookie: u64,
    data: Vec<u8>,
}

struct State {
    media: Vec<u8>,
    holding: Vec<RequestKind>,
    failing: Vec<(RequestKind, Errno)>,
    held: Vec<Request>,
    next_id: u64,
    /// To the QEMU that runs now.
    link: Option<UnixStream>,
    /// Counts connections: a thread of an earlier one must not touch the state any more.
    connection: u64,
}

/// The handle on one namespace's backend; clones mean the same one. It may be used from any thread,
/// also while QEMU itself waits for what is held.
#[derive(Clone)]
pub struct Hold {
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Hold {
    /// A backend of `bytes` zeroes.
    pub(crate) fn new(bytes: u64) -> Self {
        let state = State {
            media: vec![0; bytes as usize],
            holding: Vec::new(),
            failing: Vec::new(),
            held: Vec::new(),
            next_id: 0,
            link: None,
            connection: 0,
        };
        Self { shared: Arc::new((Mutex::new(state), Condvar::new())) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on requests of these kinds wait, and others do not. What waits goes on waiting.
    pub fn hold(&self, kinds: &[RequestKind]) {
        self.state().holding = kinds.to_vec();
    }

    /// The next request of this kind fails, if it is not held. Several add up.
    pub fn fail_next(&self, kind: RequestKind, errno: Errno) {
        self.state().failing.push((kind, errno));
    }

    /// What waits, oldest first.
    pub fn held(&self) -> Vec<HeldRequest> {
        self.state().held.iter().map(|request| request.public).collect()
    }

    /// Waits until at least `count` requests are held. False if `time` is over before.
    #[must_use]
    pub fn await_held(&self, count: usize, time: Duration) -> bool {
        let (_, condvar) = &*self.shared;
        let few = |state: &mut State| state.held.len() < count;
        let (state, _) = condvar
            .wait_timeout_while(self.state(), time, few)
            .unwrap_or_else(PoisonError::into_inner);
        state.held.len() >= count
    }

    /// Answers one held request. False if it is not held (any more).
    pub fn release(&self, id: u64, answer: Answer) -> bool {
        let mut state = self.state();
        let Some(n) = state.held.iter().position(|request| request.public.id == id) else {
            return false;
        };
        let request = state.held.remove(n);
        state.answer(&request, answer);
        true
    }

    /// Answers everything held, oldest first, and holds nothing from now on. How many.
    pub fn release_all(&self) -> usize {
        let mut state = self.state();
        state.holding.clear();
        let held = std::mem::take(&mut state.held);
        for request in &held {
            state.answer(request, Answer::Done);
        }
        held.len()
    }

    /// [`Self::release_all`] after `time`, from a thread: for actions on which QEMU waits for what is
    /// held, such as a controller reset.
    pub fn release_all_after(&self, time: Duration) {
        let hold = self.clone();
        std::thread::spawn(move || {
            std::thread::sleep(time);
            hold.release_all();
        });
    }

    /// Serves a new QEMU; what the one before was owed is lost with it.
    pub(crate) fn serve(&self, socket: UnixStream) -> io::Result<()> {
        // A QEMU that does not read is not waited for under the lock for ever.
        socket.set_write_timeout(Some(Duration::from_secs(5)))?;
        let link = socket.try_clone()?;
        let connection = {
            let mut state = self.state();
            state.held.clear();
            state.link = Some(link);
            state.connection += 1;
            state.connection
        };
        let hold = self.clone();
        std::thread::spawn(move || {
            // An error is the end of QEMU, which the DUT notices on its own sockets.
            let _ = hold.converse(socket, connection);
        });
        Ok(())
    }

    /// Ends the conversation with the QEMU that runs now.
    pub(crate) fn disconnect(&self) {
        let mut state = self.state();
        state.held.clear();
        state.connection += 1;
        if let Some(link) = state.link.take() {
            // It may be closed already.
            let _ = link.shutdown(std::net::Shutdown::Both);
        }
    }

    fn converse(&self, mut socket: UnixStream, connection: u64) -> io::Result<()> {
        self.handshake(&mut socket)?;
        loop {
            let mut head = [0; 28];
            socket.read_exact(&mut head)?;
            let (kind, bytes) = (be16(&head, 6), be32(&head, 24));
            if be32(&head, 0) != REQUEST_MAGIC || kind == CMD_DISCONNECT || bytes > MOST_BYTES {
                return Ok(());
            }
            let mut data = Vec::new();
            if kind == RequestKind::Write as u16 {
                data.resize(bytes as usize, 0);
                socket.read_exact(&mut data)?;
            }
            let mut state = self.state();
            if state.connection != connection {
                return Ok(());
            }
            let cookie = be64(&head, 8);
            let Some(kind) = RequestKind::from_wire(kind) else {
                state.send(reply(cookie, 22 /* EINVAL */));
                continue;
            };
            state.next_id += 1;
            let (id, offset) = (state.next_id, be64(&head, 16));
            let public = HeldRequest { id, kind, offset, bytes };
            state.arrive(Request { public, cookie, data });
            self.shared.1.notify_all();
        }
    }

    fn handshake(&self, socket: &mut UnixStream) -> io::Result<()> {
        let bytes = self.state().media.len() as u64;
        socket.write_all(b"NBDMAGICIHAVEOPT\0\x01")?; // fixed newstyle
        socket.read_exact(&mut [0; 4])?; // the client's flags
        loop {
            let mut head = [0; 16];
            socket.read_exact(&mut head)?;
            let (option, len) = (be32(&head, 8), be32(&head, 12));
            if be64(&head, 0) != OPTION_MAGIC || len > 4096 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            socket.read_exact(&mut vec![0; len as usize])?;
            if !matches!(option, OPT_INFO | OPT_GO) {
                socket.write_all(&option_reply(option, REP_ERR_UNSUPPORTED, &[]))?;
                continue;
            }
            let mut info = vec![0; 2]; // NBD_INFO_EXPORT
            info.extend_from_slice(&bytes.to_be_bytes());
            info.extend_from_slice(&TRANSMISSION_FLAGS.to_be_bytes());
            socket.write_all(&option_reply(option, REP_INFO, &info))?;
            socket.write_all(&option_reply(option, REP_ACK, &[]))?;
            if option == OPT_GO {
                return Ok(());
            }
        }
    }
}

impl State {
    fn arrive(&mut self, request: Request) {
        let kind = request.public.kind;
        if self.holding.contains(&kind) {
            self.held.push(request);
            return;
        }
        let failing = self.failing.iter().position(|(k, _)| *k == kind);
        let answer = failing.map_or(Answer::Done, |n| Answer::Fails(self.failing.remove(n).1));
        self.answer(&request, answer);
    }

    fn answer(&mut self, request: &Request, answer: Answer) {
        let HeldRequest { kind, offset, bytes, .. } = request.public;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let range = from..from.saturating_add(bytes as usize);
        let inside = self.media.get_mut(range).filter(|_| answer == Answer::Done);
        let Some(media) = inside else {
            let errno = if let Answer::Fails(errno) = answer { errno } else { Errno::NoSpace };
            return self.send(reply(request.cookie, errno as u32));
        };
        let mut message = reply(request.cookie, 0);
        match kind {
            RequestKind::Read => message.extend_from_slice(media),
            RequestKind::Write => media.copy_from_slice(&request.data),
            RequestKind::WriteZeroes => media.fill(0),
            RequestKind::Flush | RequestKind::Trim => {}
        }
        self.send(message);
    }

    fn send(&mut self, message: Vec<u8>) {
        let sent = self.link.as_mut().map(|link| link.write_all(&message));
        // A reply that broke off leaves the stream useless; QEMU's end is noticed elsewhere.
        if matches!(sent, Some(Err(_))) {
            self.link = None;
        }
    }
}

fn reply(cookie: u64, error: u32) -> Vec<u8> {
    let mut message = REPLY_MAGIC.to_be_bytes().to_vec();
    message.extend_from_slice(&error.to_be_bytes());
    message.extend_from_slice(&cookie.to_be_bytes());
    message
}

fn option_reply(option: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let mut message = OPTION_REPLY_MAGIC.to_be_bytes().to_vec();
    message.extend_from_slice(&option.to_be_bytes());
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&(data.len() as u32).to_be_bytes());
    message.extend_from_slice(data);
    message
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(std::array::from_fn(|n| bytes[at + n]))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(std::array::from_fn(|n| bytes[at + n]))
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|n| bytes[at + n]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn client(hold: &Hold) -> UnixStream {
        let (ours, mut client) = UnixStream::pair().unwrap();
        hold.serve(ours).unwrap();
        let mut greeting = [0; 18];
        client.read_exact(&mut greeting).unwrap();
        client.write_all(&[0, 0, 0, 1]).unwrap();
        for (option, answer) in [(8_u32, 20), (OPT_GO, 32 + 20)] {
            client.write_all(&OPTION_MAGIC.to_be_bytes()).unwrap();
            client.write_all(&option.to_be_bytes()).unwrap();
            client.write_all(&[0; 4]).unwrap();
            client.read_exact(&mut vec![0; answer]).unwrap();
        }
        client
    }

    fn ask(client: &mut UnixStream, kind: RequestKind, offset: u64, data: &[u8], bytes: u32) {
        let mut message = REQUEST_MAGIC.to_be_bytes().to_vec();
        message.extend_from_slice(&[0, 0]);
        message.extend_from_slice(&(kind as u16).to_be_bytes());
        message.extend_from_slice(&offset.to_be_bytes()); // the cookie is the offset
        message.extend_from_slice(&offset.to_be_bytes());
        message.extend_from_slice(&bytes.to_be_bytes());
        message.extend_from_slice(data);
        client.write_all(&message).unwrap();
    }

    /// Error and cookie of the next reply.
    fn answered(client: &mut UnixStream) -> (u32, u64) {
        let mut head = [0; 16];
        client.read_exact(&mut head).unwrap();
        (be32(&head, 4), be64(&head, 8))
    }

    #[test]
    fn holds_reorders_fails_and_keeps_data_over_connections() {
        let hold = Hold::new(4096);
        let mut qemu = client(&hold);
        ask(&mut qemu, RequestKind::Write, 8, b"abcd", 4);
        assert_eq!(answered(&mut qemu), (0, 8));

        hold.hold(&[RequestKind::Read]);
        for offset in [8, 16, 24] {
            ask(&mut qemu, RequestKind::Read, offset, &[], 4);
        }
        assert!(hold.await_held(3, SOON));
        let held = hold.held();
        assert!(hold.release(held[2].id, Answer::Fails(Errno::Io)));
        assert_eq!(answered(&mut qemu), (5, 24));
        assert!(hold.release(held[0].id, Answer::Done));
        assert_eq!(answered(&mut qemu), (0, 8));
        let mut data = [0; 4];
        qemu.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"abcd");
        assert!(!hold.release(held[0].id, Answer::Done));

        // The connection ends with one request held: lost. The data stay.
        drop(qemu);
        let mut qemu = client(&hold);
        assert!(hold.held().is_empty());
        hold.hold(&[]);
        hold.fail_next(RequestKind::Flush, Errno::NoSpace);
        ask(&mut qemu, RequestKind::Flush, 0, &[], 0);
        assert_eq!(answered(&mut qemu), (28, 0));
        ask(&mut qemu, RequestKind::Read, 8, &[], 4);
        assert_eq!(answered(&mut qemu), (0, 8));
        qemu.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"abcd");
        // Beyond the end: an error, never a panic.
        ask(&mut qemu, RequestKind::WriteZeroes, 4095, &[], 2);
        assert_eq!(answered(&mut qemu), (28, 4095));
    }
}
