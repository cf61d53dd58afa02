//! Commands of a client, one function each.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;

use super::doorbells::Page;
use super::irqs::{ENTRY_BYTES, Signal};
use super::pci::{CONFIG_BYTES, Effect, Live};
use super::port::Messages;
use super::run::{Doorbells, Server};
use super::{Device, Rights};
use crate::channel::{DATA_MAX, FDS_SENT};
use crate::message::device_info::{irq, region};
use crate::message::version::{MAJOR, MINOR};
use crate::message::write_multi::WriteCount;
use crate::message::{
    Capabilities, Command, DeviceInfo, DmaMap, DmaUnmap, Header, IrqInfo, IrqSet, Layout, Lockstep,
    Malformed, RegionAccess, RegionInfo, RegionInfoReply, SetIrqs, SparseArea, Version, WriteMulti,
};
use crate::server::memory::MAPS_MAX;

/// What goes back with a reply.
enum Sent {
    Bytes,
    WithDoorbells,
}

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        Self(Errno::INVAL)
    }
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

/// A command that is answered with an error.
struct Refused(Errno);

type Answer = Result<Sent, Refused>;

impl<D: Device> Server<D> {
    /// Handles a message. An error: the client is to be let go.
    pub(super) fn handle(
        &mut self,
        n: usize,
        header: &Header,
        payload: &[u8],
        fds: Vec<OwnedFd>,
    ) -> Result<(), String> {
        if !header.is_command() {
            // A reply that nobody waits for any more.
            return Ok(());
        }
        let command = Command(header.command);
        let greeted = self.ports.list[n].link.as_ref().is_some_and(|link| link.greeted);
        if greeted == (command == Command::VERSION) {
            return Err(format!("{command} at the wrong time"));
        }
        self.reply.clear();
        self.reply.resize(Header::SIZE, 0);
        let answer = self.answer(n, command, payload, fds);
        if header.wants_no_reply() {
            return Ok(());
        }
        let (header, with) = match answer {
            Ok(sent) => (header.reply(self.reply.len() - Header::SIZE), Some(sent)),
            Err(Refused(errno)) => {
                self.reply.truncate(Header::SIZE);
                (header.refusal(errno.raw_os_error().unsigned_abs()), None)
            }
        };
        let bytes = zerocopy::IntoBytes::as_bytes(&header);
        self.reply[..Header::SIZE].copy_from_slice(bytes);
        let Some(link) = self.ports.list[n].link.as_mut() else { return Ok(()) };
        let page = link.page.as_ref().map(AsFd::as_fd);
        let fds = page.as_slice();
        let fds = if matches!(with, Some(Sent::WithDoorbells)) { fds } else { &[] };
        link.channel.send(&self.reply, fds).map_err(|broken| broken.to_string())
    }

    fn answer(&mut self, n: usize, command: Command, payload: &[u8], fds: Vec<OwnedFd>) -> Answer {
        match command {
            Command::VERSION => self.version(n, payload),
            Command::DMA_MAP => self.dma_map(n, payload, fds),
            Command::DMA_UNMAP => self.dma_unmap(n, payload),
            Command::DEVICE_GET_INFO => self.device_info(payload),
            Command::DEVICE_GET_REGION_INFO => self.region_info(n, payload),
            Command::DEVICE_GET_IRQ_INFO => self.irq_info(n, payload),
            Command::DEVICE_SET_IRQS => self.set_irqs(n, payload, fds),
            Command::REGION_READ => self.region_read(n, payload),
            Command::REGION_WRITE => self.region_write(n, payload),
            Command::REGION_WRITE_MULTI => self.write_multi(n, payload),
            Command::DEVICE_RESET => {
                self.reset(n);
                Ok(Sent::Bytes)
            }
            _ => Err(Refused(Errno::OPNOTSUPP)),
        }
    }

    fn version(&mut self, n: usize, payload: &[u8]) -> Answer {
        let asked = Version::decode(payload)?;
        if asked.major != MAJOR {
            return Err(Refused(Errno::INVAL));
        }
        let given = asked.capabilities;
        let Some(link) = self.ports.list[n].link.as_mut() else {
            return Err(Refused(Errno::INVAL));
        };
        let data_max = given.max_data_xfer_size.unwrap_or(1 << 20).clamp(1, DATA_MAX as u64);
        link.data_max = data_max as usize;
        link.greeted = true;
        // Nothing that the client did not propose, but for limits, which everybody understands.
        let capabilities = Capabilities {
            max_msg_fds: Some(FDS_SENT as u64),
            max_data_xfer_size: Some(DATA_MAX as u64),
            max_dma_maps: given.max_dma_maps.map(|_| MAPS_MAX as u64),
            pgsizes: given.pgsizes.map(|_| 4096),
            write_multiple: given.write_multiple.filter(|wanted| *wanted),
            lockstep: given.lockstep.map(|_| Lockstep {
                expendable: Some(self.device.is_expendable()),
                msix_table: Some(true),
                device: Some(self.device.name()),
            }),
        };
        let minor = asked.minor.min(MINOR);
        Version { major: MAJOR, minor, capabilities }.encode(&mut self.reply);
        Ok(Sent::Bytes)
    }

    fn dma_map(&mut self, n: usize, payload: &[u8], fds: Vec<OwnedFd>) -> Answer {
        let map = DmaMap::decode(payload)?;
        if fds.len() > 1 {
            return Err(Refused(Errno::INVAL));
        }
        let link = self.ports.list[n].link.as_mut().ok_or(Refused(Errno::INVAL))?;
        link.memory.map(&map, fds.into_iter().next())?;
        let rights = Rights {
            read: map.flags & DmaMap::READABLE != 0,
            write: map.flags & DmaMap::WRITEABLE != 0,
        };
        self.device.mapped(n, &mut self.ports, (map.address, map.size), rights);
        Ok(Sent::Bytes)
    }

    fn dma_unmap(&mut self, n: usize, payload: &[u8]) -> Answer {
        let unmap = DmaUnmap::decode(payload)?;
        let link = self.ports.list[n].link.as_mut().ok_or(Refused(Errno::INVAL))?;
        match unmap.flags {
            0 => {
                link.memory.unmap(unmap.address, unmap.size)?;
                let range = Some((unmap.address, unmap.size));
                self.device.unmapped(n, &mut self.ports, range);
            }
            DmaUnmap::ALL if (unmap.address, unmap.size) == (0, 0) => {
                link.memory.clear();
                self.device.unmapped(n, &mut self.ports, None);
            }
            _ => return Err(Refused(Errno::INVAL)),
        }
        unmap.encode(&mut self.reply);
        Ok(Sent::Bytes)
    }

    fn device_info(&mut self, payload: &[u8]) -> Answer {
        DeviceInfo::decode(payload)?;
        let info = DeviceInfo {
            argsz: DeviceInfo::BYTES as u32,
            flags: DeviceInfo::PCI | DeviceInfo::RESET,
            num_regions: region::COUNT,
            num_irqs: irq::COUNT,
        };
        info.encode(&mut self.reply);
        Ok(Sent::Bytes)
    }

    fn region_info(&mut self, n: usize, payload: &[u8]) -> Answer {
        let asked = RegionInfo::decode(payload)?;
        let port = &mut self.ports.list[n];
        let read_write = RegionInfo::READ | RegionInfo::WRITE;
        let (size, flags) = match asked.index {
            region::BAR0 => (port.shape.bar0_bytes.into(), read_write),
            region::BAR4 if port.shape.bar4_bytes != 0 => {
                (port.shape.bar4_bytes.into(), read_write)
            }
            region::CONFIG => (CONFIG_BYTES as u64, read_write),
            index if index < region::COUNT => (0, 0),
            _ => return Err(Refused(Errno::INVAL)),
        };
        let info = RegionInfo { flags, index: asked.index, size, ..RegionInfo::default() };
        let mut reply = RegionInfoReply { info, sparse: None };
        let mut offers = false;
        if asked.index == region::BAR0 && self.doorbells == Doorbells::Mapped {
            let function = port.function;
            let (offset, size) = (function.doorbells.into(), function.doorbell_bytes());
            if let Some(link) = port.link.as_mut().filter(|link| link.page.is_none()) {
                let page = Page::new(function.doorbells, size, function.doorbell_stride);
                link.page = Some(page.map_err(|_| Refused(Errno::NOMEM))?);
            }
            reply.sparse = Some(vec![SparseArea { offset, size: size.into() }]);
            reply.info.flags |= RegionInfo::MMAP | RegionInfo::CAPS;
            offers = true;
        }
        let whole = reply.encode(&mut self.reply, asked.argsz);
        Ok(if offers && whole { Sent::WithDoorbells } else { Sent::Bytes })
    }

    fn irq_info(&mut self, n: usize, payload: &[u8]) -> Answer {
        let asked = IrqInfo::decode(payload)?;
        let count = self.irq_count(n, asked.index);
        let flags = match asked.index {
            irq::MSI | irq::MSIX if count == 0 => 0,
            irq::INTX => IrqInfo::EVENTFD | IrqInfo::MASKABLE | IrqInfo::AUTOMASKED,
            irq::MSIX => IrqInfo::EVENTFD | IrqInfo::MASKABLE,
            irq::MSI | irq::ERR | irq::REQ => IrqInfo::EVENTFD,
            _ => return Err(Refused(Errno::INVAL)),
        };
        let argsz = IrqInfo::BYTES as u32;
        IrqInfo { argsz, flags, index: asked.index, count }.encode(&mut self.reply);
        Ok(Sent::Bytes)
    }

    /// How many interrupts of a type there are.
    fn irq_count(&self, n: usize, index: u32) -> u32 {
        match (index, self.ports.list[n].function.messages) {
            (irq::MSIX, Messages::Msix(count)) | (irq::MSI, Messages::Msi(count)) => count.into(),
            (irq::INTX | irq::ERR | irq::REQ, _) => 1,
            _ => 0,
        }
    }

    fn set_irqs(&mut self, n: usize, payload: &[u8], fds: Vec<OwnedFd>) -> Answer {
        let asked = SetIrqs::decode(payload)?;
        let IrqSet { flags, index, start, count, .. } = asked.set;
        let one = |bits: u32| (flags & bits).count_ones() == 1;
        if flags & !(IrqSet::DATA | IrqSet::ACTION) != 0
            || !one(IrqSet::DATA)
            || !one(IrqSet::ACTION)
        {
            return Err(Refused(Errno::INVAL));
        }
        let there = self.irq_count(n, index);
        let end = start.checked_add(count).filter(|end| there != 0 && *end <= there);
        let end = end.ok_or(Refused(Errno::INVAL))?;
        let (data, action) = (flags & IrqSet::DATA, flags & IrqSet::ACTION);
        if data == IrqSet::DATA_EVENTFD {
            if action != IrqSet::ACTION_TRIGGER {
                return Err(Refused(Errno::OPNOTSUPP));
            }
            if !fds.is_empty() && fds.len() != count as usize {
                return Err(Refused(Errno::INVAL));
            }
            let signals = fds.into_iter().map(Signal::new).collect::<Result<Vec<_>, _>>()?;
            self.assign(n, index, start..end, signals);
            return Ok(Sent::Bytes);
        }
        if !fds.is_empty() {
            return Err(Refused(Errno::INVAL));
        }
        if count == 0 {
            if (data, action, start) != (IrqSet::DATA_NONE, IrqSet::ACTION_TRIGGER, 0) {
                return Err(Refused(Errno::INVAL));
            }
            self.turn_off(n, index, there);
            return Ok(Sent::Bytes);
        }
        for (place, which) in (start..end).enumerate() {
            if data == IrqSet::DATA_NONE || asked.bools.get(place).is_some_and(|bool| *bool != 0) {
                self.act(n, index, which, action)?;
            }
        }
        Ok(Sent::Bytes)
    }

    /// Gives interrupts their eventfds, or takes them away if none came.
    fn assign(&mut self, n: usize, index: u32, range: std::ops::Range<u32>, signals: Vec<Signal>) {
        let assigns = !signals.is_empty();
        let irqs = &mut self.ports.list[n].irqs;
        match index {
            irq::INTX => {
                irqs.intx = signals.into_iter().next();
                irqs.intx_masked = false;
            }
            irq::ERR => irqs.err = signals.into_iter().next(),
            irq::REQ => irqs.req = signals.into_iter().next(),
            _ => {
                let mut signals = signals.into_iter();
                for vector in range.clone() {
                    if let Some(entry) = irqs.vectors.get_mut(vector as usize) {
                        entry.signal = signals.next();
                        entry.masked = entry.signal.is_none();
                    }
                }
                match index {
                    irq::MSI if assigns => self.grant_msi(n, range.end as u16),
                    irq::MSI => {}
                    _ => self.change_msix(n, range, assigns),
                }
            }
        }
    }

    /// MSI has messages up to `end`, as many as there were, or more: clients that send few eventfds at
    /// a time enable it piece by piece.
    fn grant_msi(&mut self, n: usize, end: u16) {
        let irqs = &mut self.ports.list[n].irqs;
        irqs.on = irqs.on.max(end.next_power_of_two());
        let messages = irqs.on;
        self.device.msi_enable(n, &mut self.ports, messages);
    }

    /// Vectors of MSI-X were given eventfds, or have lost them.
    fn change_msix(&mut self, n: usize, range: std::ops::Range<u32>, assigns: bool) {
        let irqs = &mut self.ports.list[n].irqs;
        if assigns && irqs.on == 0 {
            irqs.on = irqs.vectors.len() as u16;
            return self.apply_msix(n);
        }
        for vector in range {
            self.device.msix_mask(n, &mut self.ports, vector as u16, !assigns);
        }
    }

    /// Turns an interrupt type off.
    fn turn_off(&mut self, n: usize, index: u32, count: u32) {
        self.assign(n, index, 0..count, Vec::new());
        match index {
            irq::MSIX => self.device.msix_enable(n, &mut self.ports, false),
            irq::MSI => self.device.msi_enable(n, &mut self.ports, 0),
            _ => return,
        }
        self.ports.list[n].irqs.on = 0;
    }

    /// Makes the device's MSI-X what the client set up.
    fn apply_msix(&mut self, n: usize) {
        self.device.msix_enable(n, &mut self.ports, true);
        for vector in 0..self.ports.list[n].irqs.vectors.len() {
            if self.ports.list[n].irqs.vectors[vector].masked {
                self.device.msix_mask(n, &mut self.ports, vector as u16, true);
            }
        }
    }

    /// Masks, unmasks or triggers one interrupt.
    fn act(&mut self, n: usize, index: u32, which: u32, action: u32) -> Result<(), Errno> {
        let irqs = &mut self.ports.list[n].irqs;
        let masked = action == IrqSet::ACTION_MASK;
        match (index, action) {
            (irq::MSIX | irq::MSI, IrqSet::ACTION_TRIGGER) => irqs.message(which as u16),
            (irq::MSIX, _) => self.mask_vector(n, which as usize, masked),
            (irq::INTX, IrqSet::ACTION_TRIGGER) => irqs.intx_level(true),
            (irq::INTX, _) => irqs.intx_masked = masked,
            (_, IrqSet::ACTION_TRIGGER) => {
                let signal = if index == irq::ERR { &irqs.err } else { &irqs.req };
                signal.iter().for_each(Signal::signal);
            }
            _ => return Err(Errno::OPNOTSUPP),
        }
        Ok(())
    }

    fn mask_vector(&mut self, n: usize, vector: usize, masked: bool) {
        if let Some(entry) = self.ports.list[n].irqs.vectors.get_mut(vector) {
            entry.masked = masked;
            self.device.msix_mask(n, &mut self.ports, vector as u16, masked);
        }
    }

    fn region_read(&mut self, n: usize, payload: &[u8]) -> Answer {
        let access = RegionAccess::decode(payload)?;
        let len = usize::try_from(access.count).ok().filter(|len| *len <= DATA_MAX);
        let len = len.ok_or(Refused(Errno::INVAL))?;
        access.encode(&mut self.reply);
        let data = self.reply.len();
        self.reply.resize(data + len, 0);
        match access.region {
            region::BAR0 => {
                let offset = self.place(n, &access)?;
                let port = &self.ports.list[n];
                let value = match port.config.decodes_memory() {
                    true => self.device.read(n, &mut self.ports, offset, access.count as u8),
                    false => u64::MAX,
                };
                self.reply[data..].copy_from_slice(&value.to_le_bytes()[..len]);
            }
            region::BAR4 => {
                let offset = self.place(n, &access)?;
                for (byte, place) in (offset as usize..offset as usize + len).enumerate() {
                    self.reply[data + byte] = self.msix_byte(n, place);
                }
            }
            region::CONFIG => {
                let port = &self.ports.list[n];
                let messages = port.irqs.on;
                let live = Live { messages, intx: messages == 0 && self.device.intx(n) };
                if !port.config.read(access.offset, &mut self.reply[data..], live) {
                    return Err(Refused(Errno::INVAL));
                }
            }
            _ => return Err(Refused(Errno::INVAL)),
        }
        Ok(Sent::Bytes)
    }

    /// The offset of an access to a BAR, if it has a possible width and lies inside.
    fn place(&self, n: usize, access: &RegionAccess) -> Result<u32, Errno> {
        let shape = &self.ports.list[n].shape;
        let bytes = match access.region {
            region::BAR0 => shape.bar0_bytes,
            _ => shape.bar4_bytes,
        };
        let end = access.offset.checked_add(access.count.into());
        let inside = end.is_some_and(|end| end <= bytes.into());
        if !inside || !matches!(access.count, 1 | 2 | 4 | 8) {
            return Err(Errno::INVAL);
        }
        u32::try_from(access.offset).map_err(|_| Errno::INVAL)
    }

    /// A byte of BAR 4: the MSI-X table, then the pending bits.
    fn msix_byte(&self, n: usize, place: usize) -> u8 {
        let port = &self.ports.list[n];
        if let Some(bit) = place.checked_sub(port.shape.pba_offset as usize) {
            let first = (bit * 8).min(port.irqs.vectors.len());
            let last = (first + 8).min(port.irqs.vectors.len());
            let pending = |vector| u8::from(self.device.msix_pending(n, vector as u16));
            return (first..last).fold(0, |bits, vector| bits | pending(vector) << (vector % 8));
        }
        let Some(entry) = port.irqs.vectors.get(place / ENTRY_BYTES) else { return 0 };
        match place % ENTRY_BYTES {
            12 => u8::from(entry.masked),
            byte => entry.message.get(byte).copied().unwrap_or(0),
        }
    }

    fn region_write(&mut self, n: usize, payload: &[u8]) -> Answer {
        let (access, data) = RegionAccess::with_data(payload)?;
        self.write_region(n, &access, data)?;
        access.encode(&mut self.reply);
        Ok(Sent::Bytes)
    }

    fn write_region(&mut self, n: usize, access: &RegionAccess, data: &[u8]) -> Result<(), Errno> {
        match access.region {
            region::BAR0 => {
                let offset = self.place(n, access)?;
                if self.ports.list[n].config.decodes_memory() {
                    let mut bytes = [0; 8];
                    bytes[..data.len()].copy_from_slice(data);
                    let (width, value) = (access.count as u8, u64::from_le_bytes(bytes));
                    self.device.write(n, &mut self.ports, offset, width, value);
                }
            }
            region::BAR4 => {
                let offset = self.place(n, access)? as usize;
                for (place, byte) in (offset..).zip(data) {
                    let (vector, field) = (place / ENTRY_BYTES, place % ENTRY_BYTES);
                    let entry = self.ports.list[n].irqs.vectors.get_mut(vector);
                    match (entry, field) {
                        (Some(entry), 0..12) => entry.message[field] = *byte,
                        (Some(_), 12) => self.mask_vector(n, vector, byte & 1 != 0),
                        _ => {}
                    }
                }
            }
            region::CONFIG => {
                let effect = self.ports.list[n].config.write(access.offset, data);
                if effect.ok_or(Errno::INVAL)? == Effect::Reset {
                    self.reset(n);
                }
            }
            _ => return Err(Errno::INVAL),
        }
        Ok(())
    }

    fn write_multi(&mut self, n: usize, payload: &[u8]) -> Answer {
        let mut done = 0;
        for write in WriteMulti::decode(payload)? {
            let crate::message::SingleWrite { offset, region, count, data } = write;
            let bytes = data.get(..count as usize).ok_or(Refused(Errno::INVAL))?;
            self.write_region(n, &RegionAccess { offset, region, count }, bytes)?;
            done += 1;
        }
        WriteCount { wr_cnt: done }.encode(&mut self.reply);
        Ok(Sent::Bytes)
    }

    /// A Function Level Reset. Eventfds stay, as VFIO has it: MSI-X or MSI is as it was set up.
    fn reset(&mut self, n: usize) {
        self.device.reset(n, &mut self.ports);
        self.ports.list[n].config.reset();
        let port = &mut self.ports.list[n];
        match (port.irqs.on, port.function.messages) {
            (0, _) => {}
            (messages, Messages::Msi(_)) => self.device.msi_enable(n, &mut self.ports, messages),
            (_, Messages::Msix(_)) => {
                for entry in &mut port.irqs.vectors {
                    entry.masked = entry.signal.is_none();
                }
                self.apply_msix(n);
            }
        }
        self.ports.list[n].irqs.intx_masked = false;
    }
}
