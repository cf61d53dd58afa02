//! One client of one function, from connection to departure.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::DmaFault;
use super::doorbells::Page;
use super::memory::{Memory, Moved};
use crate::channel::{Broken, Channel, DATA_MAX};
use crate::message::{Command, DmaAccess, Header, Layout};

/// How long a client may take to answer an access to its memory.
const DMA_PATIENCE: Duration = Duration::from_secs(2);
/// Messages that may come in while an answer is waited for.
const INBOX_MAX: usize = 64;

/// A message kept for later.
pub struct Kept {
    pub header: Header,
    pub payload: Vec<u8>,
    pub fds: Vec<OwnedFd>,
}

/// A client.
pub struct Link {
    pub channel: Channel,
    pub memory: Memory,
    /// The doorbells, once the client was given them.
    pub page: Option<Page>,
    /// VERSION was exchanged.
    pub greeted: bool,
    /// The largest data of one access that the client takes.
    pub data_max: usize,
    /// Came in while an answer was waited for.
    pub inbox: VecDeque<Kept>,
    /// Why it is of no more use.
    pub broken: Option<String>,
    next_id: u16,
    scratch: Vec<u8>,
}

impl Link {
    pub fn new(stream: UnixStream) -> std::io::Result<Self> {
        Ok(Self {
            channel: Channel::new(stream)?,
            memory: Memory::default(),
            page: None,
            greeted: false,
            data_max: DATA_MAX,
            inbox: VecDeque::new(),
            broken: None,
            next_id: 0,
            scratch: Vec::new(),
        })
    }

    /// Reads client memory, by whatever way each region has.
    pub fn read(&mut self, at: u64, to: &mut [u8]) -> Result<(), DmaFault> {
        if !self.memory.allows(at, to.len(), false) {
            return Err(DmaFault);
        }
        let mut done = 0;
        while done < to.len() {
            let here = at + done as u64;
            done += match self.memory.read(here, &mut to[done..])? {
                Moved::Done(len) => len,
                Moved::ByMessages(len) => {
                    let len = len.min(self.data_max);
                    self.read_by_message(here, &mut to[done..done + len])?;
                    len
                }
            };
        }
        Ok(())
    }

    /// Writes client memory, by whatever way each region has.
    pub fn write(&mut self, at: u64, from: &[u8]) -> Result<(), DmaFault> {
        if !self.memory.allows(at, from.len(), true) {
            return Err(DmaFault);
        }
        let mut done = 0;
        while done < from.len() {
            let here = at + done as u64;
            done += match self.memory.write(here, &from[done..])? {
                Moved::Done(len) => len,
                Moved::ByMessages(len) => {
                    let len = len.min(self.data_max);
                    self.write_by_message(here, &from[done..done + len])?;
                    len
                }
            };
        }
        Ok(())
    }

    fn read_by_message(&mut self, address: u64, to: &mut [u8]) -> Result<(), DmaFault> {
        let access = DmaAccess { address, count: to.len() as u64 };
        self.ask(Command::DMA_READ, access, &[])?;
        let (echo, data) = DmaAccess::with_data(self.channel.payload()).map_err(|_| DmaFault)?;
        if echo != access || data.len() != to.len() {
            return Err(DmaFault);
        }
        to.copy_from_slice(data);
        Ok(())
    }

    fn write_by_message(&mut self, address: u64, from: &[u8]) -> Result<(), DmaFault> {
        self.ask(Command::DMA_WRITE, DmaAccess { address, count: from.len() as u64 }, from)
    }

    /// Sends a command to the client and waits for its reply, which then is the channel's payload.
    fn ask(&mut self, command: Command, access: DmaAccess, data: &[u8]) -> Result<(), DmaFault> {
        if self.broken.is_some() {
            return Err(DmaFault);
        }
        self.next_id = self.next_id.wrapping_add(1);
        let header = Header::command(self.next_id, command, DmaAccess::BYTES + data.len());
        self.scratch.clear();
        header.encode(&mut self.scratch);
        access.encode(&mut self.scratch);
        self.scratch.extend_from_slice(data);
        let asked = self.channel.send(&self.scratch, &[]);
        match asked.map_err(|broken| broken.to_string()).and_then(|()| self.reply_to(&header)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(DmaFault),
            Err(why) => {
                self.broken = Some(why);
                Err(DmaFault)
            }
        }
    }

    /// Waits for the reply to a command of ours; what else comes in is kept. False: refused.
    fn reply_to(&mut self, sent: &Header) -> Result<bool, String> {
        let until = Instant::now() + DMA_PATIENCE;
        loop {
            let received = self.channel.receive_until(until).map_err(|b: Broken| b.to_string())?;
            let Some(received) = received else {
                return Err(format!(
                    "no answer to {} within {} s",
                    Command(sent.command),
                    DMA_PATIENCE.as_secs()
                ));
            };
            let header = received.header;
            if header.is_reply() {
                if (header.id, header.command) == (sent.id, sent.command) {
                    return Ok(!header.is_error());
                }
                continue;
            }
            if self.inbox.len() >= INBOX_MAX {
                return Err(format!("{INBOX_MAX} messages before an answer"));
            }
            let payload = self.channel.payload().to_vec();
            self.inbox.push_back(Kept { header, payload, fds: received.fds });
        }
    }
}
