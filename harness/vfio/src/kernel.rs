//! [`Hardware`] by the kernel's vfio: an address space of its own, BARs mapped, interrupts by eventfd.

#![expect(unsafe_code, reason = "registers are volatile memory, and an IOMMU is given the arena")]

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dut::{Arena, Width};
use memmap2::{MmapOptions, MmapRaw};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vfio_bindings::bindings::vfio as b;
use vfio_ioctls::{VfioDevice, VfioError, VfioRegionInfoCap};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use crate::hardware::{DmaFault, Hardware, IrqKind};
use crate::kmsg::KernelLog;
use crate::space::Space;
use crate::{Bdf, Interface, OpenError, raw};

/// A function that the kernel has given to this process. Fields are dropped in this order: a mapping
/// that outlives the device would keep the group busy.
pub(crate) struct Kernel {
    bars: [Bar; 6],
    irqs: Irqs,
    /// Signaled when the kernel wants the function back, and when it has seen a fatal error.
    recalls: Vec<(EventFd, &'static str)>,
    log: Option<KernelLog>,
    start: Instant,
    config: u64,
    /// Another descriptor of the device, for reads and writes that say how they ended.
    file: ManuallyDrop<File>,
    proof: Option<Proof>,
    device: Device,
    space: Space,
}

/// By what the kernel is shown that everything that a hot reset reaches is ours.
#[derive(Clone, Copy)]
enum Proof {
    /// The descriptor of the group.
    Group(RawFd),
    /// The device's own, of whose iommufd everything is.
    Iommufd,
}

/// A BAR.
#[derive(Default)]
struct Bar {
    bytes: u64,
    /// Where it begins in the device's file.
    offset: u64,
    /// What of it is mapped: first byte, mapping.
    areas: Vec<(u64, MmapRaw)>,
    /// Whether the part with the MSI-X table can be reached.
    whole: bool,
}

/// The vectors that are on.
#[derive(Default)]
struct Irqs {
    kind: Option<IrqKind>,
    fds: Vec<EventFd>,
}

/// The device of `vfio-ioctls`, whose drop unwraps.
struct Device {
    device: ManuallyDrop<VfioDevice>,
    sysfs: PathBuf,
}

impl Drop for Device {
    fn drop(&mut self) {
        // It looks its group up in sysfs. A function that was removed has none: what it holds then
        // goes with the process.
        if std::fs::read_link(self.sysfs.join("iommu_group")).is_err() {
            return;
        }
        // SAFETY: dropped here and nowhere else.
        let dropped = AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut self.device) });
        let _ = catch_unwind(dropped);
    }
}

impl Kernel {
    /// Opens a function that is bound to vfio-pci, by an interface.
    pub fn open(bdf: Bdf, interface: &Interface) -> Result<Self, OpenError> {
        let sysfs = Path::new("/sys/bus/pci/devices").join(bdf.to_string());
        let (space, device) = Space::open(&sysfs, interface)?;
        let bars = std::array::from_fn(|n| Bar::open(&device, n as u32));
        let config = device.get_region_offset(b::VFIO_PCI_CONFIG_REGION_INDEX);
        // SAFETY: the descriptor lives as long as `device`, which is dropped later; never closed here.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(device.as_raw_fd()) });
        let mut recalls = Vec::new();
        for (index, why) in [
            (b::VFIO_PCI_REQ_IRQ_INDEX, "the kernel wants it back: it is being removed or unbound"),
            (b::VFIO_PCI_ERR_IRQ_INDEX, "PCI Express reported an error that cannot be corrected"),
        ] {
            // Not every function can tell.
            if let Ok(fd) = EventFd::new(EFD_NONBLOCK)
                && device.enable_irq(index, vec![&fd]).is_ok()
            {
                recalls.push((fd, why));
            }
        }
        Ok(Self {
            bars,
            irqs: Irqs::default(),
            recalls,
            log: KernelLog::open(bdf).ok(),
            start: Instant::now(),
            config,
            file,
            proof: match interface {
                Interface::Device { .. } => Some(Proof::Iommufd),
                Interface::Group { number, .. } => group_descriptor(*number).map(Proof::Group),
            },
            device: Device { device: ManuallyDrop::new(device), sysfs },
            space,
        })
    }

    /// The I/O virtual addresses that can be mapped; empty if the kernel does not tell.
    pub fn iova_ranges(&self) -> io::Result<Vec<std::ops::RangeInclusive<u64>>> {
        self.space.iova_ranges()
    }

    /// The same, with the bus to be reset by it or not.
    pub fn with_hot_reset(mut self, ours: bool) -> Self {
        self.proof = self.proof.filter(|_| ours);
        self
    }

    /// Gives the function `bytes` of the arena from byte `offset` on.
    pub fn map(&self, arena: &Arena, offset: u64, bytes: u64, writable: bool) -> io::Result<()> {
        let (iova, host) = (arena.base().0 + offset, arena.host_address() + offset);
        // SAFETY: the owner of this value keeps the arena for longer, and no reference into an arena
        // ever exists.
        unsafe { self.space.map(iova, host, bytes, writable) }
    }

    /// The functions that a hot reset reaches.
    pub fn hot_reset_reaches(&self) -> io::Result<raw::Reach> {
        raw::hot_reset_reaches(&*self.file)
    }

    fn area(&self, bar: u8, offset: u64, width: Width) -> Option<*mut u8> {
        let bytes = u64::from(width.bytes());
        let bar = self.bars.get(usize::from(bar))?;
        let inside = |(from, map): &(u64, MmapRaw)| {
            let at = offset.checked_sub(*from)?;
            let fits = at + bytes <= map.len() as u64 && offset.is_multiple_of(bytes);
            // SAFETY: within the mapping, as was just checked.
            fits.then(|| unsafe { map.as_mut_ptr().add(at as usize) })
        };
        bar.areas.iter().find_map(inside)
    }

    /// The place of an access in the device's file.
    fn place(&self, bar: u8, offset: u64) -> io::Result<u64> {
        let bar = self.bars.get(usize::from(bar)).filter(|bar| offset < bar.bytes);
        bar.map(|bar| bar.offset + offset).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    fn index(kind: IrqKind) -> u32 {
        match kind {
            IrqKind::Intx => b::VFIO_PCI_INTX_IRQ_INDEX,
            IrqKind::Msi => b::VFIO_PCI_MSI_IRQ_INDEX,
            IrqKind::Msix => b::VFIO_PCI_MSIX_IRQ_INDEX,
        }
    }
}

impl Bar {
    fn open(device: &VfioDevice, index: u32) -> Self {
        let (bytes, flags) = (device.get_region_size(index), device.get_region_flags(index));
        let offset = device.get_region_offset(index);
        let mut bar = Self { bytes, offset, areas: Vec::new(), whole: false };
        if bytes == 0 || flags & b::VFIO_REGION_INFO_FLAG_MMAP == 0 {
            return bar;
        }
        let mut areas = vec![(0, bytes)];
        for cap in device.get_region_caps(index) {
            match cap {
                VfioRegionInfoCap::SparseMmap(sparse) => {
                    areas = sparse.areas.iter().map(|area| (area.offset, area.size)).collect();
                }
                VfioRegionInfoCap::MsixMappable => bar.whole = true,
                _ => {}
            }
        }
        for (from, len) in areas {
            let mut options = MmapOptions::new();
            let map = options.offset(offset + from).len(len as usize).map_raw(device);
            // What cannot be mapped is read and written by file.
            bar.areas.extend(map.ok().map(|map| (from, map)));
        }
        bar
    }
}

/// The descriptor by which `vfio-ioctls` holds a group: a hot reset wants it, and a group opens once.
fn group_descriptor(group: u32) -> Option<RawFd> {
    let wanted = PathBuf::from(format!("/dev/vfio/{group}"));
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    entries.flatten().find_map(|entry| {
        let found = std::fs::read_link(entry.path()).is_ok_and(|to| to == wanted);
        found.then(|| entry.file_name().to_str()?.parse().ok())?
    })
}

fn full(done: io::Result<usize>, bytes: u8) -> io::Result<()> {
    match done? {
        n if n == usize::from(bytes) => Ok(()),
        n => Err(io::Error::other(format!("{n} of {bytes} bytes"))),
    }
}

impl Hardware for Kernel {
    fn bar_bytes(&self, bar: u8) -> u64 {
        self.bars.get(usize::from(bar)).map_or(0, |bar| bar.bytes)
    }

    fn reaches_msix_table(&self) -> bool {
        // The kernel answers file accesses of the table by itself: only a mapping reaches it.
        self.bars.iter().any(|bar| bar.whole && !bar.areas.is_empty())
    }

    fn bar_read(&mut self, bar: u8, offset: u64, width: Width) -> io::Result<u64> {
        if let Some(at) = self.area(bar, offset, width) {
            // SAFETY: mapped, aligned to the width; device memory, so volatile.
            return Ok(unsafe {
                match width {
                    Width::U8 => u64::from(at.read_volatile()),
                    Width::U16 => u64::from(u16::from_le(at.cast::<u16>().read_volatile())),
                    Width::U32 => u64::from(u32::from_le(at.cast::<u32>().read_volatile())),
                    Width::U64 => u64::from_le(at.cast::<u64>().read_volatile()),
                }
            });
        }
        let (mut bytes, len) = ([0; 8], width.bytes());
        let place = self.place(bar, offset)?;
        full(self.file.read_at(&mut bytes[..usize::from(len)], place), len)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn bar_write(&mut self, bar: u8, offset: u64, width: Width, value: u64) -> io::Result<()> {
        if let Some(at) = self.area(bar, offset, width) {
            // SAFETY: mapped, aligned to the width; device memory, so volatile.
            unsafe {
                match width {
                    Width::U8 => at.write_volatile(value as u8),
                    Width::U16 => at.cast::<u16>().write_volatile((value as u16).to_le()),
                    Width::U32 => at.cast::<u32>().write_volatile((value as u32).to_le()),
                    Width::U64 => at.cast::<u64>().write_volatile(value.to_le()),
                }
            }
            return Ok(());
        }
        let (bytes, len) = (value.to_le_bytes(), width.bytes());
        let place = self.place(bar, offset)?;
        full(self.file.write_at(&bytes[..usize::from(len)], place), len)
    }

    fn config_read(&mut self, offset: u16, bytes: u8) -> io::Result<u32> {
        let (mut value, place) = ([0; 4], self.config + u64::from(offset));
        full(self.file.read_at(&mut value[..usize::from(bytes)], place), bytes)?;
        Ok(u32::from_le_bytes(value))
    }

    fn config_write(&mut self, offset: u16, bytes: u8, value: u32) -> io::Result<()> {
        let (value, place) = (value.to_le_bytes(), self.config + u64::from(offset));
        full(self.file.write_at(&value[..usize::from(bytes)], place), bytes)
    }

    fn irq_vectors(&self, kind: IrqKind) -> u16 {
        let info = self.device.device.get_irq_info(Self::index(kind));
        info.map_or(0, |info| info.count.min(2048) as u16)
    }

    fn irq_enable(&mut self, kind: IrqKind, vectors: u16) -> io::Result<()> {
        let failed = |error: VfioError| io::Error::other(error.to_string());
        let device = &self.device.device;
        if let Some(old) = self.irqs.kind.take() {
            let off = device.disable_irq(Self::index(old)).map_err(failed);
            self.irqs.fds.clear();
            off?;
        }
        if vectors == 0 {
            return Ok(());
        }
        let fds: io::Result<Vec<_>> = (0..vectors).map(|_| EventFd::new(EFD_NONBLOCK)).collect();
        let fds = fds?;
        device.enable_irq(Self::index(kind), fds.iter().collect()).map_err(failed)?;
        self.irqs = Irqs { kind: Some(kind), fds };
        Ok(())
    }

    fn irq_take(&mut self, sink: &mut dyn FnMut(u16, u64)) {
        if self.irqs.fds.is_empty() || !signaled(&self.irqs.fds, Duration::ZERO) {
            return;
        }
        for (vector, fd) in self.irqs.fds.iter().enumerate() {
            if let Ok(count) = fd.read() {
                sink(vector as u16, count);
            }
        }
        // The kernel masks the pin when it tells of it.
        if self.irqs.kind == Some(IrqKind::Intx) {
            let _ = self.device.device.unmask_irq(b::VFIO_PCI_INTX_IRQ_INDEX);
        }
    }

    fn doze(&mut self, nap: Duration) {
        if self.irqs.fds.is_empty() {
            std::thread::sleep(nap);
        } else {
            signaled(&self.irqs.fds, nap);
        }
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn function_reset(&mut self) -> io::Result<()> {
        raw::reset(&*self.file)
    }

    fn can_hot_reset(&self) -> bool {
        self.proof.is_some()
    }

    fn hot_reset(&mut self) -> io::Result<()> {
        let group = match self.proof.ok_or(io::ErrorKind::Unsupported)? {
            Proof::Group(group) => Some(group),
            Proof::Iommufd => None,
        };
        raw::hot_reset(&*self.file, group)
    }

    fn recalled(&mut self) -> Option<String> {
        let fired = |(fd, why): &(EventFd, &str)| fd.read().is_ok().then(|| why.to_string());
        self.recalls.iter().find_map(fired)
    }

    fn kernel_log(&mut self, sink: &mut dyn FnMut(Result<DmaFault, String>)) {
        if let Some(log) = &mut self.log {
            log.drain(sink);
        }
    }
}

/// Whether one of the descriptors is signaled within `time`.
fn signaled(fds: &[EventFd], time: Duration) -> bool {
    let borrow = |fd: &EventFd| {
        // SAFETY: the descriptor lives as long as the slice.
        unsafe { BorrowedFd::borrow_raw(fd.as_raw_fd()) }
    };
    let fds: Vec<BorrowedFd<'_>> = fds.iter().map(borrow).collect();
    let mut fds: Vec<_> =
        fds.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)).collect();
    let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) };
    poll(&mut fds, Some(&time)).is_ok_and(|ready| ready != 0)
}
