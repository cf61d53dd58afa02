//! A server at the other end: commands with their replies, and its own commands answered meanwhile.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use dut::Fault;
use rustix::io::Errno;

use super::lines::Lines;
use crate::channel::{Broken, FDS_SENT};
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
    /// Its connection.
    line: usize,
    patience: Duration,
    next_id: u16,
    /// File descriptors that it takes in one message.
    pub fds_max: usize,
    out: Vec<u8>,
}

impl Peer {
    /// The server at the other end of a connection.
    pub fn new(line: usize, patience: Duration) -> Self {
        Self { line, patience, next_id: 0, fds_max: 1, out: Vec::new() }
    }

    /// Sends a command and waits for its reply: the payload, and file descriptors.
    pub fn ask<'l>(
        &mut self,
        lines: &'l mut Lines,
        command: Command,
        write: impl FnOnce(&mut Vec<u8>),
        fds: &[BorrowedFd<'_>],
    ) -> Result<(&'l [u8], Vec<OwnedFd>), Trouble> {
        let id = self.tell(lines, command, write, fds)?;
        self.reply(lines, command, id)
    }

    /// As [`Self::ask`], for a reply that begins with a structure.
    pub fn ask_for<T: Layout>(
        &mut self,
        lines: &mut Lines,
        command: Command,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<T, Trouble> {
        let (payload, _) = self.ask(lines, command, write, &[])?;
        T::decode(payload).map_err(|malformed| nonsense(command, &malformed))
    }

    /// Sends a command. The id of the reply to wait for.
    pub fn tell(
        &mut self,
        lines: &mut Lines,
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
        lines.channel(self.line)?.send(&self.out, fds)?;
        Ok(self.next_id)
    }

    /// Waits for a reply.
    pub fn reply<'l>(
        &mut self,
        lines: &'l mut Lines,
        command: Command,
        id: u16,
    ) -> Result<(&'l [u8], Vec<OwnedFd>), Trouble> {
        let until = Instant::now() + self.patience;
        loop {
            let Some(received) = lines.reply(self.line, until)? else {
                return Err(Trouble::Late(command, self.patience));
            };
            let header = received.header;
            if header.id != id {
                // One that nobody waits for any more; a flood of them has an end too.
                if Instant::now() >= until {
                    return Err(Trouble::Late(command, self.patience));
                }
                continue;
            }
            if header.command != command.0 || !header.is_reply() {
                let why = format!("it is one to {}", Command(header.command));
                return Err(Trouble::Nonsense(command, why));
            }
            if header.is_error() {
                return Err(Trouble::Refused(command, errno(header.error)));
            }
            return Ok((lines.payload(self.line), received.fds));
        }
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
