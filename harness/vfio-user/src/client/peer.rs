//! A server at the other end: commands with their replies, and its own commands answered meanwhile.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use dut::{Ctrl, Fault};
use rustix::io::Errno;

use super::host::HostSide;
use crate::channel::{Broken, Channel, FDS_SENT};
use crate::message::{Command, Header, Layout, Malformed};

/// Why a command has no result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// The connection is of no more use.
    #[error("{0}")]
    Broken(#[from] Broken),
    /// The server said no.
    #[error("{0}: {1}")]
    Refused(Command, String),
    /// No reply in time.
    #[error("no reply to {0} within {1:?}")]
    Late(Command, Duration),
    /// The reply makes no sense.
    #[error("the reply to {0} makes no sense: {1}")]
    Nonsense(Command, String),
}

impl Trouble {
    /// As the harness is told.
    pub fn fault(self) -> Fault {
        match self {
            Self::Broken(_) => Fault::Gone(self.to_string()),
            Self::Refused(..) | Self::Nonsense(..) => Fault::Refused(self.to_string()),
            Self::Late(..) => Fault::NoAnswer(self.to_string()),
        }
    }
}

/// A server.
pub struct Peer {
    channel: Channel,
    pub ctrl: Ctrl,
    pub patience: Duration,
    start: Instant,
    next_id: u16,
    /// File descriptors that it takes in one message.
    pub fds_max: usize,
    out: Vec<u8>,
}

impl Peer {
    pub fn new(
        stream: UnixStream,
        ctrl: Ctrl,
        patience: Duration,
        start: Instant,
    ) -> std::io::Result<Self> {
        let channel = Channel::new(stream)?;
        Ok(Self { channel, ctrl, patience, start, next_id: 0, fds_max: 1, out: Vec::new() })
    }

    /// Sends a command and waits for its reply: the payload, and file descriptors.
    pub fn ask(
        &mut self,
        host: &mut HostSide,
        command: Command,
        write: impl FnOnce(&mut Vec<u8>),
        fds: &[BorrowedFd<'_>],
    ) -> Result<(&[u8], Vec<OwnedFd>), Trouble> {
        let id = self.tell(command, write, fds)?;
        self.reply(host, command, id)
    }

    /// As [`Self::ask`], for a reply that begins with a structure.
    pub fn ask_for<T: Layout>(
        &mut self,
        host: &mut HostSide,
        command: Command,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(T, &[u8]), Trouble> {
        let (payload, _) = self.ask(host, command, write, &[])?;
        T::split(payload).map_err(|malformed| nonsense(command, &malformed))
    }

    /// Sends a command. The id of the reply to wait for.
    pub fn tell(
        &mut self,
        command: Command,
        write: impl FnOnce(&mut Vec<u8>),
        fds: &[BorrowedFd<'_>],
    ) -> Result<u16, Trouble> {
        debug_assert!(fds.len() <= FDS_SENT.min(self.fds_max));
        self.next_id = self.next_id.wrapping_add(1);
        self.out.clear();
        self.out.resize(Header::SIZE, 0);
        write(&mut self.out);
        let header = Header::command(self.next_id, command, self.out.len() - Header::SIZE);
        self.out[..Header::SIZE].copy_from_slice(zerocopy::IntoBytes::as_bytes(&header));
        self.channel.send(&self.out, fds)?;
        Ok(self.next_id)
    }

    /// Waits for a reply.
    pub fn reply(
        &mut self,
        host: &mut HostSide,
        command: Command,
        id: u16,
    ) -> Result<(&[u8], Vec<OwnedFd>), Trouble> {
        let until = Instant::now() + self.patience;
        loop {
            let Some(received) = self.channel.receive_until(until)? else {
                return Err(Trouble::Late(command, self.patience));
            };
            let header = received.header;
            if header.is_command() {
                self.serve(host, &header)?;
            } else if header.id == id {
                if header.command != command.0 || !header.is_reply() {
                    let why = format!("it is one to {}", Command(header.command));
                    return Err(Trouble::Nonsense(command, why));
                }
                if header.is_error() {
                    return Err(Trouble::Refused(command, errno(header.error)));
                }
                return Ok((self.channel.payload(), received.fds));
            }
            // Else it is a reply that nobody waits for any more.
            if Instant::now() >= until {
                return Err(Trouble::Late(command, self.patience));
            }
        }
    }

    fn serve(&mut self, host: &mut HostSide, header: &Header) -> Result<(), Trouble> {
        let time = self.start.elapsed().as_nanos() as u64;
        if let Some(reply) = host.answer(self.ctrl, time, header, self.channel.payload()) {
            self.channel.send(reply, &[])?;
        }
        Ok(())
    }

    /// Answers what has come in by itself.
    pub fn pump(&mut self, host: &mut HostSide) -> Result<(), Trouble> {
        if self.channel.has_unsent() {
            self.channel.flush()?;
        }
        while let Some(received) = self.channel.receive()? {
            if received.header.is_command() {
                self.serve(host, &received.header)?;
            }
        }
        Ok(())
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// For `map_err`.
pub fn nonsense(command: Command, malformed: &Malformed) -> Trouble {
    Trouble::Nonsense(command, malformed.to_string())
}

/// An errno in words.
fn errno(raw: u32) -> String {
    match i32::try_from(raw) {
        Ok(0) => "refused, without a reason".into(),
        Ok(raw) if raw < 4096 => format!("refused: {}", Errno::from_raw_os_error(raw)),
        _ => format!("refused, with the errno {raw}"),
    }
}
