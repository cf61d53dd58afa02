//! One connection: messages whole, file descriptors with the message that they belong to, nothing
//! that blocks without a deadline, nothing that grows without a bound.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::message::{Header, Layout};

/// How many file descriptors are taken with one message.
pub const FDS_MAX: usize = 16;
/// How many are sent with one message; some servers end when they get more than 16.
pub const FDS_SENT: usize = 8;
/// The largest data of one access that is sent or taken.
pub const DATA_MAX: usize = 64 << 10;
/// The largest message that is taken: an access with its data, with room for a longer header.
const MESSAGE_MAX: usize = DATA_MAX + 1024;
/// Bytes that wait to be sent before the peer counts as one that does not read.
const UNSENT_MAX: usize = 4 << 20;

/// Why a connection is of no more use.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Broken {
    /// The peer closed it.
    #[error("the peer has closed the connection")]
    Closed,
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Socket(Errno),
    /// The header says a size that no message has.
    #[error("a message of {0} bytes was announced")]
    Size(u32),
    /// More file descriptors than anybody sends.
    #[error("more than {FDS_MAX} file descriptors came with one message")]
    Fds,
    /// The peer does not read what is sent to it.
    #[error("the peer does not read: {0} bytes wait for it")]
    Unread(usize),
}

/// A message that has come in whole. Its payload stays in the channel until the next one.
#[derive(Debug)]
pub struct Received {
    /// Its header.
    pub header: Header,
    /// The file descriptors that came with it.
    pub fds: Vec<OwnedFd>,
}

/// A message, or the rest of one, that waits to be sent.
struct Unsent {
    bytes: Vec<u8>,
    fds: Vec<OwnedFd>,
}

/// A connection.
pub struct Channel {
    stream: UnixStream,
    /// What has come of the message that is coming in.
    buffer: Vec<u8>,
    filled: usize,
    /// It came in whole and was handed over: the next one overwrites it.
    handed_over: bool,
    dead: bool,
    fds: Vec<OwnedFd>,
    unsent: VecDeque<Unsent>,
    unsent_bytes: usize,
}

impl Channel {
    /// Over a connected socket.
    pub fn new(stream: UnixStream) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; Header::SIZE],
            filled: 0,
            handed_over: false,
            dead: false,
            fds: Vec::new(),
            unsent: VecDeque::new(),
            unsent_bytes: 0,
        })
    }

    /// The payload of the message received last.
    pub fn payload(&self) -> &[u8] {
        self.buffer.get(Header::SIZE..self.filled).unwrap_or_default()
    }

    /// Takes what has come in. `None`: no whole message yet.
    pub fn receive(&mut self) -> Result<Option<Received>, Broken> {
        let received = self.receive_some();
        self.dead |= received.is_err();
        received
    }

    fn receive_some(&mut self) -> Result<Option<Received>, Broken> {
        if std::mem::take(&mut self.handed_over) {
            self.filled = 0;
            self.buffer.truncate(Header::SIZE);
        }
        loop {
            if let Some(header) = self.header() {
                let size = header.size as usize;
                if !(Header::SIZE..=MESSAGE_MAX).contains(&size) {
                    return Err(Broken::Size(header.size));
                }
                self.buffer.resize(size, 0);
                if self.filled == size {
                    self.handed_over = true;
                    return Ok(Some(Received { header, fds: std::mem::take(&mut self.fds) }));
                }
            }
            if !self.read_some()? {
                return Ok(None);
            }
        }
    }

    fn header(&self) -> Option<Header> {
        let bytes = self.buffer.get(..self.filled.min(Header::SIZE))?;
        Header::decode(bytes).ok()
    }

    /// Reads into the rest of the buffer. False: nothing is there.
    fn read_some(&mut self) -> Result<bool, Broken> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let rest = &mut self.buffer[self.filled..];
        let mut parts = [IoSliceMut::new(rest)];
        let got = loop {
            match recvmsg(&self.stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::CONNRESET) => return Err(Broken::Closed),
                Err(errno) => return Err(Broken::Socket(errno)),
                Ok(got) => break got,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.fds.extend(fds);
            }
        }
        if got.flags.contains(ReturnFlags::CTRUNC) || self.fds.len() > FDS_MAX {
            return Err(Broken::Fds);
        }
        if got.bytes == 0 {
            return Err(Broken::Closed);
        }
        self.filled += got.bytes;
        Ok(true)
    }

    /// Sends a message, or as much of it as the socket takes: [`Self::flush`] sends the rest.
    pub fn send(&mut self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Broken> {
        let sent = match self.unsent.is_empty() {
            true => self.send_some(bytes, fds)?,
            false => 0,
        };
        if sent == bytes.len() {
            return Ok(());
        }
        if self.unsent_bytes + bytes.len() > UNSENT_MAX {
            return Err(Broken::Unread(self.unsent_bytes));
        }
        let with = if sent == 0 { fds } else { &[] };
        let fds = with.iter().map(|fd| fd.try_clone_to_owned()).collect::<Result<_, _>>();
        let fds = fds.map_err(|error| {
            Broken::Socket(Errno::from_io_error(&error).unwrap_or(Errno::MFILE))
        })?;
        self.unsent_bytes += bytes.len() - sent;
        self.unsent.push_back(Unsent { bytes: bytes[sent..].to_vec(), fds });
        Ok(())
    }

    /// Sends what waits. True: nothing waits any more.
    pub fn flush(&mut self) -> Result<bool, Broken> {
        while let Some(mut unsent) = self.unsent.pop_front() {
            let fds: Vec<_> = unsent.fds.iter().map(AsFd::as_fd).collect();
            let sent = self.send_some(&unsent.bytes, &fds)?;
            self.unsent_bytes -= sent;
            if sent < unsent.bytes.len() {
                if sent != 0 {
                    unsent.fds.clear();
                    unsent.bytes.drain(..sent);
                }
                self.unsent.push_front(unsent);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the peer has closed the connection, or it has failed.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Whether something waits to be sent.
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn send_some(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize, Broken> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(Broken::Fds);
        }
        loop {
            let parts = [IoSlice::new(bytes)];
            return match sendmsg(&self.stream, &parts, &mut control, SendFlags::NOSIGNAL) {
                Ok(sent) => Ok(sent),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Ok(0),
                Err(Errno::PIPE | Errno::CONNRESET) => Err(Broken::Closed),
                Err(errno) => Err(Broken::Socket(errno)),
            };
        }
    }

    /// What is to be waited for: something to read, and room to send if something waits.
    pub fn interest(&self) -> PollFlags {
        match self.has_unsent() {
            true => PollFlags::IN | PollFlags::OUT,
            false => PollFlags::IN,
        }
    }

    /// Waits until something may have come in, or may go out. False: the time is over.
    pub fn wait(&mut self, until: Instant) -> Result<bool, Broken> {
        let mut fds = [PollFd::from_borrowed_fd(self.stream.as_fd(), self.interest())];
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
        match poll(&mut fds, Some(&left)) {
            Ok(0) | Err(Errno::INTR) => Ok(Instant::now() < until),
            Ok(_) => {
                if fds[0].revents().contains(PollFlags::OUT) {
                    self.flush()?;
                }
                Ok(true)
            }
            Err(errno) => Err(Broken::Socket(errno)),
        }
    }

    /// The next message, waited for until a deadline. `None`: it did not come.
    pub fn receive_until(&mut self, until: Instant) -> Result<Option<Received>, Broken> {
        loop {
            if let Some(received) = self.receive()? {
                return Ok(Some(received));
            }
            if !self.wait(until)? {
                return Ok(None);
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
