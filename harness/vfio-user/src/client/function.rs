//! One function at a server: brought up, and what is known of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use dut::{Ctrl, Fault};

use super::doorbells::Mapped;
use super::irqs::Irqs;
use super::lines::Lines;
use super::peer::{Peer, Trouble, nonsense};
use super::{Dma, OpenError, Options, Ring};
use crate::channel::{Broken, Channel, DATA_MAX, FDS_MAX, FDS_SENT};
use crate::message::device_info::{irq, region};
use crate::message::{
    Capabilities, Command, DeviceInfo, DmaMap, IrqInfo, IrqSet, Layout, Lockstep, RegionAccess,
    RegionInfo, RegionInfoReply, SetIrqs, SingleWrite, Version, WriteMulti,
};

/// Vectors that are used at most: each costs a file descriptor.
const VECTORS_MAX: u32 = 128;
/// The largest reply to a question about a region.
const REGION_REPLY: u32 = 4096;
/// More regions than any PCI device has.
const REGIONS_MAX: u32 = 256;
/// Class code of NVMe controllers.
const CLASS_NVME: u32 = 0x01_0802;

const CONFIG_COMMAND: u64 = 4;
const CONFIG_CLASS: u64 = 8;
const CONFIG_CAPABILITIES: u64 = 0x34;
/// Memory space, bus mastering, and no INTx: nobody here takes it, and a server that has it to signal
/// and nowhere to may take that for a fault (SPDK does).
const COMMAND_ON: u16 = 0x0406;
const CAP_MSIX: u8 = 0x11;
/// MSI-X Enable and Function Mask, in Message Control.
const MSIX_ENABLE: u16 = 0x8000;
const MSIX_MASK_ALL: u16 = 0x4000;
/// More capabilities than fit into configuration space.
const CAPS_MAX: usize = 48;

/// The MSI-X capability, and where the table and the pending bits are.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    capability: u64,
    table: (u32, u64),
    pending: (u32, u64),
}

/// A function.
pub struct Remote {
    pub peer: Peer,
    /// Size of BAR 0 in bytes.
    bar0_bytes: u64,
    mapped: Option<Mapped>,
    /// Why doorbells that are offered are not mapped.
    pub unmapped_because: Option<String>,
    write_multi: bool,
    pub lockstep: Option<Lockstep>,
    pub can_reset: bool,
    /// MSI-X vectors that can be used.
    pub vectors: u16,
    /// Of the MSI-X capability.
    msix: Option<Tables>,
    /// The server says that masks and pending bits work.
    pub tables: bool,
    pub wide_access: bool,
    pub irqs: Irqs,
    /// Doorbells rung in the mapping, and not known to have been taken: offset, value.
    untaken: Vec<(u32, u32)>,
    /// Why it is gone.
    pub gone: Option<String>,
}

/// Connects, and makes the function ready: memory mapped, BARs decoded, MSI-X off.
pub fn open(
    options: &Options,
    path: &Path,
    ctrl: Ctrl,
    lines: &mut Lines,
    memory: BorrowedFd<'_>,
) -> Result<Remote, OpenError> {
    let connect = |source| OpenError::Connect { path: path.into(), source };
    let stream = UnixStream::connect(path).map_err(connect)?;
    lines.add(Channel::new(stream).map_err(connect)?);
    let peer = Peer::new(ctrl.0.into(), options.answer_time);
    let server = |why: String| OpenError::Server { path: path.into(), why };
    let mut remote =
        Remote::greet(peer, &mut *lines).map_err(|trouble| server(trouble.to_string()))?;
    remote.survey(lines, options.ring).map_err(server)?;
    let fds = if options.dma == Dma::Descriptors { &[memory][..] } else { &[] };
    remote.map_arena(lines, fds).map_err(|trouble| server(trouble.to_string()))?;
    remote.turn_on(lines).map_err(|trouble| server(trouble.to_string()))?;
    // A server may keep its configuration space from one client to the next.
    remote.enable_msix(lines, false).map_err(|trouble| server(trouble.to_string()))?;
    // Whoever does not take 8 bytes at once gets 4 and 4.
    remote.wide_access = remote.read(lines, spec::register::CAP, 8).is_ok();
    Ok(remote)
}

impl Remote {
    /// VERSION.
    fn greet(mut peer: Peer, lines: &mut Lines) -> Result<Self, Trouble> {
        let ours = Version::ours(Capabilities {
            max_msg_fds: Some(FDS_MAX as u64),
            max_data_xfer_size: Some(DATA_MAX as u64),
            write_multiple: Some(true),
            lockstep: Some(Lockstep::default()),
            ..Capabilities::default()
        });
        let command = Command::VERSION;
        let (payload, _) = peer.ask(lines, command, |to| ours.encode(to), &[])?;
        let theirs = Version::decode(payload).map_err(|m| nonsense(command, &m))?;
        if theirs.major != ours.major || theirs.minor > ours.minor {
            let why = format!("version {}.{} was agreed to", theirs.major, theirs.minor);
            return Err(Trouble::Nonsense(command, why));
        }
        let given = theirs.capabilities;
        peer.fds_max = given.max_msg_fds.unwrap_or(1).clamp(1, FDS_SENT as u64) as usize;
        Ok(Self {
            peer,
            bar0_bytes: 0,
            mapped: None,
            unmapped_because: None,
            write_multi: given.write_multiple == Some(true),
            lockstep: given.lockstep,
            can_reset: false,
            vectors: 0,
            msix: None,
            tables: false,
            wide_access: true,
            irqs: Irqs::default(),
            untaken: Vec::new(),
            gone: None,
        })
    }

    /// What there is: regions, interrupts, capabilities. In words, why it cannot be used.
    fn survey(&mut self, lines: &mut Lines, ring: Ring) -> Result<(), String> {
        let text = |trouble: Trouble| trouble.to_string();
        let ask = DeviceInfo { argsz: DeviceInfo::BYTES as u32, ..DeviceInfo::default() };
        let asked = self.peer.ask_for(lines, Command::DEVICE_GET_INFO, |to| ask.encode(to));
        let device: DeviceInfo = asked.map_err(text)?;
        if device.flags & DeviceInfo::PCI == 0 || device.num_regions <= region::CONFIG {
            return Err("it exports no PCI device".into());
        }
        if device.num_regions > REGIONS_MAX {
            return Err(format!("it says that it has {} regions", device.num_regions));
        }
        self.can_reset = device.flags & DeviceInfo::RESET != 0;
        let (bar0, fd) = self.region(lines, region::BAR0).map_err(text)?;
        self.bar0_bytes = bar0.info.size;
        if self.bar0_bytes < u64::from(spec::register::DOORBELLS) {
            return Err(format!("its BAR 0 has {:#x} bytes", self.bar0_bytes));
        }
        if bar0.info.flags & RegionInfo::MMAP != 0 && ring != Ring::ByMessages {
            let mapped = fd.ok_or("no file descriptor came".to_string());
            match mapped.and_then(|fd| Mapped::new(&bar0, fd, ring)) {
                Ok(mapped) => self.mapped = Some(mapped),
                Err(why) => self.unmapped_because = Some(why),
            }
        }
        let class = self.config_dword(lines, CONFIG_CLASS).map_err(text)? >> 8;
        if class != CLASS_NVME {
            return Err(format!("its class code is {class:06x}h, not that of an NVMe controller"));
        }
        let info = IrqInfo { argsz: IrqInfo::BYTES as u32, index: irq::MSIX, ..IrqInfo::default() };
        let info = self.peer.ask_for(lines, Command::DEVICE_GET_IRQ_INFO, |to| info.encode(to));
        let usable = match info {
            Ok(IrqInfo { flags, count, .. }) if flags & IrqInfo::EVENTFD != 0 => count,
            Ok(_) | Err(Trouble::Refused(..)) => 0,
            Err(trouble) => return Err(trouble.to_string()),
        };
        let (size, tables) = self.find_msix(lines).map_err(text)?;
        self.vectors = usable.min(size).min(VECTORS_MAX) as u16;
        let works = self.lockstep.as_ref().is_some_and(|ours| ours.msix_table == Some(true));
        self.msix = tables;
        self.tables = tables.is_some() && works;
        Ok(())
    }

    fn region(
        &mut self,
        lines: &mut Lines,
        index: u32,
    ) -> Result<(RegionInfoReply, Option<OwnedFd>), Trouble> {
        let command = Command::DEVICE_GET_REGION_INFO;
        let ask = RegionInfo { argsz: REGION_REPLY, index, ..RegionInfo::default() };
        let (payload, fds) = self.peer.ask(lines, command, |to| ask.encode(to), &[])?;
        let reply = RegionInfoReply::decode(payload).map_err(|m| nonsense(command, &m))?;
        if reply.info.argsz > REGION_REPLY || reply.info.index != index {
            let RegionInfo { index, argsz, .. } = reply.info;
            return Err(Trouble::Nonsense(command, format!("region {index}, {argsz} bytes")));
        }
        Ok((reply, fds.into_iter().next()))
    }

    /// The size of the MSI-X table (0: there is none), and where it is.
    fn find_msix(&mut self, lines: &mut Lines) -> Result<(u32, Option<Tables>), Trouble> {
        let mut at = u64::from(self.config_dword(lines, CONFIG_CAPABILITIES)? as u8);
        for _ in 0..CAPS_MAX {
            if at < 0x40 {
                break;
            }
            let header = self.config_dword(lines, at & !3)?;
            if header as u8 == CAP_MSIX {
                let place = |dword: u32| (dword & 7, u64::from(dword & !7));
                let table = place(self.config_dword(lines, (at & !3) + 4)?);
                let pending = place(self.config_dword(lines, (at & !3) + 8)?);
                return Ok((
                    (header >> 16 & 0x7ff) + 1,
                    Some(Tables { capability: at & !3, table, pending }),
                ));
            }
            at = u64::from(header >> 8) & 0xfc;
        }
        Ok((0, None))
    }

    fn config_dword(&mut self, lines: &mut Lines, offset: u64) -> Result<u32, Trouble> {
        self.read_region(lines, region::CONFIG, offset, 4).map(|value| value as u32)
    }

    fn map_arena(&mut self, lines: &mut Lines, fds: &[BorrowedFd<'_>]) -> Result<(), Trouble> {
        let map = DmaMap {
            argsz: DmaMap::BYTES as u32,
            flags: DmaMap::READABLE | DmaMap::WRITEABLE,
            offset: 0,
            address: lines.host.arena.base().0,
            size: lines.host.arena.bytes(),
        };
        self.peer.ask(lines, Command::DMA_MAP, |to| map.encode(to), fds).map(drop)
    }

    /// Programs Command as [`COMMAND_ON`] has it; a reset clears it.
    pub fn turn_on(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        let value = COMMAND_ON.into();
        self.write_region(lines, region::CONFIG, CONFIG_COMMAND, 2, value)
    }

    // ---- accesses

    fn read_region(
        &mut self,
        lines: &mut Lines,
        region: u32,
        offset: u64,
        bytes: u8,
    ) -> Result<u64, Trouble> {
        let command = Command::REGION_READ;
        let access = RegionAccess { offset, region, count: bytes.into() };
        let (payload, _) = self.peer.ask(lines, command, |to| access.encode(to), &[])?;
        let reply = RegionAccess::with_data(payload);
        let (echo, data) = reply.map_err(|m| nonsense(command, &m))?;
        if echo != access {
            return Err(Trouble::Nonsense(command, format!("it is one to {echo:?}")));
        }
        let mut value = [0; 8];
        value[..usize::from(bytes)].copy_from_slice(data);
        Ok(u64::from_le_bytes(value))
    }

    fn write_region(
        &mut self,
        lines: &mut Lines,
        region: u32,
        offset: u64,
        bytes: u8,
        value: u64,
    ) -> Result<(), Trouble> {
        let id = self.tell_write(lines, region, offset, bytes, value)?;
        self.peer.reply(lines, Command::REGION_WRITE, id).map(drop)
    }

    fn tell_write(
        &mut self,
        lines: &mut Lines,
        region: u32,
        offset: u64,
        bytes: u8,
        value: u64,
    ) -> Result<u16, Trouble> {
        let access = RegionAccess { offset, region, count: bytes.into() };
        let write = |to: &mut Vec<u8>| {
            access.encode(to);
            to.extend_from_slice(&value.to_le_bytes()[..usize::from(bytes)]);
        };
        self.peer.tell(lines, Command::REGION_WRITE, write, &[])
    }

    /// Whether an access lies in BAR 0.
    pub fn inside(&self, offset: u32, bytes: u8) -> Result<(), Fault> {
        if u64::from(offset) + u64::from(bytes) <= self.bar0_bytes {
            return Ok(());
        }
        let size = self.bar0_bytes;
        Err(Fault::Refused(format!("offset {offset:#x} is beyond BAR 0, of {size:#x} bytes")))
    }

    /// Reads a register.
    pub fn read(&mut self, lines: &mut Lines, offset: u32, bytes: u8) -> Result<u64, Trouble> {
        // The server has taken what was rung before a message.
        self.untaken.clear();
        if bytes == 8 && !self.wide_access {
            let low = self.read_region(lines, region::BAR0, offset.into(), 4)?;
            let high = self.read_region(lines, region::BAR0, u64::from(offset) + 4, 4)?;
            return Ok(low | high << 32);
        }
        self.read_region(lines, region::BAR0, offset.into(), bytes)
    }

    /// Writes a register.
    pub fn write(
        &mut self,
        lines: &mut Lines,
        offset: u32,
        bytes: u8,
        value: u64,
    ) -> Result<(), Trouble> {
        self.untaken.clear();
        if bytes == 8 && !self.wide_access {
            let low = value & u64::from(u32::MAX);
            self.write_region(lines, region::BAR0, offset.into(), 4, low)?;
            return self.write_region(lines, region::BAR0, u64::from(offset) + 4, 4, value >> 32);
        }
        self.write_region(lines, region::BAR0, offset.into(), bytes, value)
    }

    /// Rings doorbells in order.
    pub fn ring(&mut self, lines: &mut Lines, doorbells: &[dut::Doorbell]) -> Result<(), Trouble> {
        let mut rest = doorbells;
        while let [first, behind @ ..] = rest {
            self.take_turns(lines, first.offset)?;
            let Some(true) = self.mapped.as_ref().map(|map| map.ring(first.offset, first.value))
            else {
                return self.ring_by_messages(lines, rest);
            };
            self.untaken.push((first.offset, first.value));
            rest = behind;
        }
        Ok(())
    }

    /// A doorbell that was rung in the mapping is not rung again before the server has taken the
    /// value: one of the two writes would be lost.
    fn take_turns(&mut self, lines: &mut Lines, offset: u32) -> Result<(), Trouble> {
        let Some(place) = self.untaken.iter().position(|(other, _)| *other == offset) else {
            return Ok(());
        };
        let (_, value) = self.untaken.swap_remove(place);
        let taken = self.mapped.as_ref().is_none_or(|map| !map.holds(offset, value));
        // Only our own server takes values away; others are asked something, and look before they
        // answer, or merge as they like.
        if !taken && self.lockstep.is_some() {
            self.read(lines, spec::register::VS, 4)?;
        }
        Ok(())
    }

    fn ring_by_messages(
        &mut self,
        lines: &mut Lines,
        doorbells: &[dut::Doorbell],
    ) -> Result<(), Trouble> {
        self.untaken.clear();
        if self.write_multi && doorbells.len() > 1 {
            let write = |doorbell: &dut::Doorbell| {
                let mut data = [0; 8];
                data[..4].copy_from_slice(&doorbell.value.to_le_bytes());
                let offset = doorbell.offset.into();
                SingleWrite { offset, region: region::BAR0, count: 4, data }
            };
            let writes: Vec<_> = doorbells.iter().map(write).collect();
            let command = Command::REGION_WRITE_MULTI;
            return self
                .peer
                .ask(lines, command, |to| WriteMulti::encode(&writes, to), &[])
                .map(drop);
        }
        let mut ids = Vec::with_capacity(doorbells.len());
        for doorbell in doorbells {
            let value = doorbell.value.into();
            ids.push(self.tell_write(lines, region::BAR0, doorbell.offset.into(), 4, value)?);
        }
        // All replies are waited for; the first trouble is told.
        let mut first = Ok(());
        for id in ids {
            let reply = self.peer.reply(lines, Command::REGION_WRITE, id).map(drop);
            if matches!(reply, Err(Trouble::Broken(_) | Trouble::Late(..))) {
                return reply;
            }
            first = first.and(reply);
        }
        first
    }

    // ---- interrupts

    /// Turns MSI-X off, and on with so many vectors.
    pub fn set_up_irqs(
        &mut self,
        lines: &mut Lines,
        vectors: u16,
        now: u64,
    ) -> Result<(), Trouble> {
        self.turn_irqs_off(lines)?;
        self.irqs = Irqs::new(vectors, now).map_err(|error| {
            let errno = rustix::io::Errno::from_io_error(&error);
            Trouble::Broken(Broken::Socket(errno.unwrap_or(rustix::io::Errno::MFILE)))
        })?;
        let flags = IrqSet::DATA_EVENTFD | IrqSet::ACTION_TRIGGER;
        let mut start = 0;
        for batch in self.irqs.fds.chunks(self.peer.fds_max) {
            let fds: Vec<_> = batch.iter().map(AsFd::as_fd).collect();
            let count = fds.len() as u32;
            let set = IrqSet { argsz: 0, flags, index: irq::MSIX, start, count };
            let write = |to: &mut Vec<u8>| SetIrqs { set, bools: &[] }.encode(to);
            self.peer.ask(lines, Command::DEVICE_SET_IRQS, write, &fds)?;
            start += count;
        }
        if vectors > 0 {
            self.enable_msix(lines, true)?;
        }
        Ok(())
    }

    /// Writes MSI-X Enable. Some servers, ours among them, go by SET_IRQS alone; others do not signal
    /// before they see this bit.
    fn enable_msix(&mut self, lines: &mut Lines, on: bool) -> Result<(), Trouble> {
        let Some(Tables { capability, .. }) = self.msix else { return Ok(()) };
        let control = (self.config_dword(lines, capability)? >> 16) as u16;
        let off = control & !(MSIX_ENABLE | MSIX_MASK_ALL);
        let value = if on { off | MSIX_ENABLE } else { off };
        self.write_region(lines, region::CONFIG, capability + 2, 2, value.into())
    }

    fn turn_irqs_off(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        self.enable_msix(lines, false)?;
        let flags = IrqSet::DATA_NONE | IrqSet::ACTION_TRIGGER;
        let set = IrqSet { argsz: 0, flags, index: irq::MSIX, start: 0, count: 0 };
        let write = |to: &mut Vec<u8>| SetIrqs { set, bools: &[] }.encode(to);
        match self.peer.ask(lines, Command::DEVICE_SET_IRQS, write, &[]) {
            // Nothing was on: some servers say no to that.
            Err(Trouble::Refused(..)) if self.irqs.fds.is_empty() => Ok(()),
            done => done.map(drop),
        }
    }

    fn usable(&self) -> Option<Tables> {
        self.msix.filter(|_| self.tables)
    }

    /// Sets the mask bit of a vector.
    pub fn mask(&mut self, lines: &mut Lines, vector: u16, masked: bool) -> Result<(), Trouble> {
        let Some(Tables { table: (bar, start), .. }) = self.usable() else { return Ok(()) };
        let at = start + 16 * u64::from(vector) + 12;
        self.write_region(lines, bar, at, 4, masked.into())
    }

    /// The pending bit of a vector.
    pub fn is_pending(&mut self, lines: &mut Lines, vector: u16) -> Result<bool, Trouble> {
        let Some(Tables { pending: (bar, start), .. }) = self.usable() else { return Ok(false) };
        let at = start + u64::from(vector / 32) * 4;
        let bits = self.read_region(lines, bar, at, 4)?;
        Ok(bits >> (vector % 32) & 1 != 0)
    }

    // ---- reset

    /// DEVICE_RESET, and what it turned off on again, but for MSI-X.
    pub fn reset(&mut self, lines: &mut Lines) -> Result<(), Trouble> {
        self.untaken.clear();
        self.peer.ask(lines, Command::DEVICE_RESET, |_| {}, &[])?;
        self.turn_on(lines)?;
        self.turn_irqs_off(lines)?;
        self.irqs = Irqs::default();
        Ok(())
    }
}
