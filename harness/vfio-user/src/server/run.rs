//! The loop: messages, doorbells, work, rest.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::idle::{Idle, Rest};
use super::irqs::Irqs;
use super::link::{Kept, Link};
use super::port::{Port, Ports};
use super::{Device, Fatal, Host, Step};
use crate::channel::Broken;

/// Messages of one client, and steps of the device, before the others have their turn. Doorbells and INTx
/// are looked at between turns: before a client has one reply more than this.
pub const TURN: usize = 64;
/// Spins between two looks at the sockets.
const SPINS: u32 = 16;

/// How clients reach doorbells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Doorbells {
    /// They may map them.
    #[default]
    Mapped,
    /// By messages only.
    Messages,
}

/// For how long the server looks at mapped doorbells without a pause after the last event, unless told
/// otherwise. What it costs, and how other times compare in a guest: docs/performance.md.
pub const SPIN: Duration = Duration::from_micros(50);

/// How to serve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// A socket for each controller of the device, in their order.
    pub sockets: Vec<PathBuf>,
    /// How clients reach doorbells.
    pub doorbells: Doorbells,
    /// For how long to look at mapped doorbells without a pause after the last event.
    pub spin: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { sockets: Vec::new(), doorbells: Doorbells::default(), spin: SPIN }
    }
}

/// Why a server does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Sockets and controllers do not match.
    #[error("{sockets} sockets for {controllers} controllers")]
    Count {
        /// How many sockets.
        sockets: usize,
        /// How many controllers.
        controllers: usize,
    },
    /// A socket cannot be made.
    #[error("cannot listen on {}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The machine failed.
    #[error("{0}")]
    Machine(#[from] std::io::Error),
    /// The device cannot go on.
    #[error("{0}")]
    Device(Fatal),
}

/// Ends a server from another thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    asked: Arc<AtomicBool>,
    bell: Arc<OwnedFd>,
}

impl Stopper {
    /// The server ends after the unit of work at hand.
    pub fn stop(&self) {
        self.asked.store(true, Ordering::Release);
        let _ = rustix::io::write(&*self.bell, &1u64.to_ne_bytes());
    }
}

/// A device behind its sockets.
pub struct Server<D> {
    pub(super) device: D,
    pub(super) ports: Ports,
    pub(super) doorbells: Doorbells,
    stopper: Stopper,
    idle: Idle,
    /// What is told of clients, if anybody listens.
    tell: Box<dyn FnMut(&str)>,
    pub(super) reply: Vec<u8>,
    payload: Vec<u8>,
}

impl<D: Device> Server<D> {
    /// Makes the sockets. `tell` hears of clients that come and go.
    pub fn bind(
        device: D,
        options: &Options,
        tell: Box<dyn FnMut(&str)>,
    ) -> Result<Self, ServeError> {
        let functions = device.functions();
        if functions.len() != options.sockets.len() {
            let (sockets, controllers) = (options.sockets.len(), functions.len());
            return Err(ServeError::Count { sockets, controllers });
        }
        let mut list = Vec::with_capacity(functions.len());
        for (path, function) in options.sockets.iter().zip(functions) {
            let port = Port::bind(path, function);
            let port =
                port.map_err(|source| ServeError::Socket { path: PathBuf::clone(path), source })?;
            list.push(port);
        }
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let bell = Arc::new(bell.map_err(std::io::Error::from)?);
        Ok(Self {
            device,
            ports: Ports { list, start: Instant::now() },
            doorbells: options.doorbells,
            stopper: Stopper { asked: Arc::default(), bell },
            idle: Idle::new(options.spin),
            tell,
            reply: Vec::new(),
            payload: Vec::new(),
        })
    }

    /// Ends it from elsewhere.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Serves until it is stopped. The device comes back, to be put away.
    pub fn run(mut self) -> Result<D, ServeError> {
        let mut spins = 0u32;
        while !self.stopper.asked.load(Ordering::Acquire) {
            let mut busy = false;
            if spins.is_multiple_of(SPINS) {
                busy |= self.serve_clients();
            }
            busy |= self.look_at_doorbells();
            let due = self.work(&mut busy)?;
            self.level_intx();
            if busy {
                self.idle.touch();
                spins = 0;
                continue;
            }
            match self.idle.rest(self.watches()) {
                Rest::Spin => {
                    spins = spins.wrapping_add(1);
                    std::thread::yield_now();
                }
                Rest::Sleep(pause) => {
                    spins = 0;
                    self.sleep(Some(pause), due)?;
                }
                Rest::Block => {
                    spins = 0;
                    self.sleep(None, due)?;
                }
            }
        }
        Ok(self.device)
    }

    /// Whether any client may ring mapped doorbells.
    fn watches(&self) -> bool {
        let ports = self.ports.list.iter().enumerate();
        ports.into_iter().any(|(ctrl, port)| {
            let mapped = port.link.as_ref().is_some_and(|link| link.page.is_some());
            mapped && self.device.takes_doorbells(ctrl)
        })
    }

    /// Waits for a message, a pause to end, or the device to have work.
    fn sleep(&mut self, pause: Option<Duration>, due: Option<u64>) -> Result<(), ServeError> {
        let due = due.map(|due| Duration::from_nanos(due.saturating_sub(self.ports.now())));
        let pause = match (pause, due) {
            (Some(pause), Some(due)) => Some(pause.min(due)),
            (pause, due) => pause.or(due),
        };
        let limit = pause.map(|pause| {
            Timespec::try_from(pause).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 })
        });
        let mut fds = vec![PollFd::from_borrowed_fd(self.stopper.bell.as_fd(), PollFlags::IN)];
        fds.extend(self.ports.list.iter().map(|port| match &port.link {
            Some(link) => PollFd::from_borrowed_fd(link.channel.as_fd(), interest(link)),
            None => PollFd::from_borrowed_fd(port.listener.as_fd(), PollFlags::IN),
        }));
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(ServeError::Machine(errno.into())),
        }
    }

    /// Takes new clients and messages. Whether there were any.
    fn serve_clients(&mut self) -> bool {
        let mut any = false;
        for n in 0..self.ports.list.len() {
            if self.ports.list[n].link.is_none() {
                any |= self.accept(n);
            }
            if self.ports.list[n].link.is_some() {
                any |= self.serve_client(n);
            }
        }
        any
    }

    fn accept(&mut self, n: usize) -> bool {
        let port = &mut self.ports.list[n];
        let Ok((stream, _)) = port.listener.accept() else { return false };
        let Ok(link) = Link::new(stream) else { return false };
        port.link = Some(link);
        (self.tell)(&format!("a client has come to {}", self.ports.list[n].path.display()));
        true
    }

    /// Takes messages of a client, and lets it go if it leaves or breaks the protocol.
    fn serve_client(&mut self, n: usize) -> bool {
        let mut any = false;
        for _ in 0..TURN {
            match self.next_message(n) {
                Ok(true) => any = true,
                Ok(false) => break,
                Err(why) => {
                    self.part(n, &why);
                    return true;
                }
            }
        }
        any
    }

    /// Handles the next message of a client, if there is one and the one before is answered.
    fn next_message(&mut self, n: usize) -> Result<bool, String> {
        let Some(link) = self.ports.list[n].link.as_mut() else { return Ok(false) };
        if let Some(why) = link.broken.take() {
            return Err(why);
        }
        let text = |broken: Broken| broken.to_string();
        if link.channel.has_unsent() && !link.channel.flush().map_err(text)? {
            return Ok(false);
        }
        let mut payload = std::mem::take(&mut self.payload);
        let (header, fds) = match link.inbox.pop_front() {
            Some(Kept { header, payload: kept, fds }) => {
                payload = kept;
                (header, fds)
            }
            None => {
                let Some(received) = link.channel.receive().map_err(text)? else {
                    self.payload = payload;
                    return Ok(false);
                };
                payload.clear();
                payload.extend_from_slice(link.channel.payload());
                (received.header, received.fds)
            }
        };
        // A message comes after the doorbells that were rung before it was sent.
        self.take_doorbells(n);
        let done = self.handle(n, &header, &payload, fds);
        self.payload = payload;
        done.map(|()| true)
    }

    /// A client leaves: what it gave us goes, and its function is reset.
    fn part(&mut self, n: usize, why: &str) {
        let port = &mut self.ports.list[n];
        port.link = None;
        port.irqs = Irqs::new(port.function.messages);
        port.config.reset();
        let text = format!("the client of {} is gone: {why}", port.path.display());
        self.device.reset(n, &mut self.ports);
        self.device.unmapped(n, &mut self.ports, None);
        (self.tell)(&text);
    }

    fn look_at_doorbells(&mut self) -> bool {
        let mut any = false;
        for n in 0..self.ports.list.len() {
            any |= self.take_doorbells(n);
        }
        any
    }

    /// Rings the doorbells that a client has written in its page. Whether there were any.
    fn take_doorbells(&mut self, n: usize) -> bool {
        let port = &self.ports.list[n];
        let Some(page) = port.link.as_ref().and_then(|link| link.page.as_ref()) else {
            return false;
        };
        if !page.is_touched() {
            return false;
        }
        let decodes = port.config.decodes_memory();
        let first = port.function.doorbells;
        let mut rung = Vec::new();
        page.take(|offset, value| rung.push((first + offset, value)));
        for (offset, value) in rung {
            if decodes {
                self.device.write(n, &mut self.ports, offset, 4, value.into());
            }
        }
        true
    }

    /// Lets the device work for a turn. When it has something to do next, if it has nothing now.
    fn work(&mut self, busy: &mut bool) -> Result<Option<u64>, ServeError> {
        for _ in 0..TURN {
            match self.device.step(&mut self.ports).map_err(ServeError::Device)? {
                Step::Worked => *busy = true,
                Step::Until(due) => return Ok(Some(due)),
                Step::Idle => return Ok(None),
            }
        }
        Ok(None)
    }

    fn level_intx(&mut self) {
        for (n, port) in self.ports.list.iter_mut().enumerate() {
            if port.irqs.intx.is_some() && port.irqs.on == 0 && !port.irqs.intx_masked {
                let may = port.config.allows_intx();
                port.irqs.intx_level(may && self.device.intx(n));
            }
        }
    }
}

/// A client that does not read its replies is not read from either.
fn interest(link: &Link) -> PollFlags {
    match link.channel.has_unsent() {
        true => PollFlags::OUT,
        false => PollFlags::IN,
    }
}
