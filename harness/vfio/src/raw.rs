//! The ioctls that `vfio-ioctls` does not wrap, or whose failure it hides.

#![expect(unsafe_code, reason = "ioctls")]

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, RawFd};

use iommufd_bindings::iommufd as i;
use vfio_bindings::bindings::vfio as b;
use vmm_sys_util::ioctl::{ioctl, ioctl_with_mut_ptr, ioctl_with_mut_ref, ioctl_with_ref};
use vmm_sys_util::ioctl_io_nr;

ioctl_io_nr!(VFIO_DEVICE_RESET, b::VFIO_TYPE.into(), b::VFIO_BASE + 11);
ioctl_io_nr!(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, b::VFIO_TYPE.into(), b::VFIO_BASE + 12);
ioctl_io_nr!(VFIO_DEVICE_PCI_HOT_RESET, b::VFIO_TYPE.into(), b::VFIO_BASE + 13);
ioctl_io_nr!(VFIO_IOMMU_GET_INFO, b::VFIO_TYPE.into(), b::VFIO_BASE + 12);
ioctl_io_nr!(VFIO_IOMMU_MAP_DMA, b::VFIO_TYPE.into(), b::VFIO_BASE + 13);
ioctl_io_nr!(IOMMU_IOAS_IOVA_RANGES, i::IOMMUFD_TYPE.into(), i::IOMMUFD_CMD_IOAS_IOVA_RANGES);
ioctl_io_nr!(IOMMU_IOAS_MAP, i::IOMMUFD_TYPE.into(), i::IOMMUFD_CMD_IOAS_MAP);

/// The largest answer that is taken: far more ranges or devices than there can be.
const ANSWER_MAX: usize = 1 << 16;

fn checked(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Resets the function.
pub(crate) fn reset(device: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: this ioctl takes no argument.
    checked(unsafe { ioctl(device, VFIO_DEVICE_RESET()) })
}

/// Maps `bytes` at `host` (an address of this process) for the devices of a container, at `iova`.
///
/// # Safety
/// The memory must stay mapped in this process for as long as the container exists, and nothing may
/// hold a Rust reference into it.
pub(crate) unsafe fn map_dma(
    container: &impl AsRawFd,
    iova: u64,
    host: u64,
    bytes: u64,
    writable: bool,
) -> io::Result<()> {
    let write = if writable { b::VFIO_DMA_MAP_FLAG_WRITE } else { 0 };
    let map = b::vfio_iommu_type1_dma_map {
        argsz: size_of::<b::vfio_iommu_type1_dma_map>() as u32,
        flags: b::VFIO_DMA_MAP_FLAG_READ | write,
        vaddr: host,
        iova,
        size: bytes,
    };
    // SAFETY: `map` is what the ioctl takes; the memory it names is the caller's to vouch for.
    checked(unsafe { ioctl_with_ref(container, VFIO_IOMMU_MAP_DMA(), &map) })
}

/// The same for the devices of an address space of iommufd.
///
/// # Safety
/// As for [`map_dma`].
pub(crate) unsafe fn map_ioas(
    iommufd: &impl AsRawFd,
    ioas: u32,
    iova: u64,
    host: u64,
    bytes: u64,
    writable: bool,
) -> io::Result<()> {
    let write = if writable { i::iommufd_ioas_map_flags_IOMMU_IOAS_MAP_WRITEABLE } else { 0 };
    let map = i::iommu_ioas_map {
        size: size_of::<i::iommu_ioas_map>() as u32,
        flags: i::iommufd_ioas_map_flags_IOMMU_IOAS_MAP_FIXED_IOVA
            | i::iommufd_ioas_map_flags_IOMMU_IOAS_MAP_READABLE
            | write,
        ioas_id: ioas,
        __reserved: 0,
        user_va: host,
        length: bytes,
        iova,
    };
    // SAFETY: `map` is what the ioctl takes; the memory it names is the caller's to vouch for.
    checked(unsafe { ioctl_with_ref(iommufd, IOMMU_IOAS_MAP(), &map) })
}

/// The I/O virtual addresses that can be mapped in an address space of iommufd.
pub(crate) fn ioas_ranges(
    iommufd: &impl AsRawFd,
    ioas: u32,
) -> io::Result<Vec<RangeInclusive<u64>>> {
    const NO_ROOM: Option<i32> = Some(rustix::io::Errno::MSGSIZE.raw_os_error());
    let mut ranges = vec![i::iommu_iova_range::default(); 16];
    loop {
        let mut ask = i::iommu_ioas_iova_ranges {
            size: size_of::<i::iommu_ioas_iova_ranges>() as u32,
            ioas_id: ioas,
            num_iovas: ranges.len() as u32,
            allowed_iovas: ranges.as_mut_ptr() as u64,
            ..Default::default()
        };
        // SAFETY: the kernel writes to `ask`, and at most `num_iovas` ranges to the vector.
        let done =
            checked(unsafe { ioctl_with_mut_ref(iommufd, IOMMU_IOAS_IOVA_RANGES(), &mut ask) });
        let count = ask.num_iovas as usize;
        match done {
            Ok(()) => {
                let ranges = ranges.iter().take(count);
                return Ok(ranges.map(|range| range.start..=range.last).collect());
            }
            Err(error) if error.raw_os_error() == NO_ROOM && count > ranges.len() => {
                if count > ANSWER_MAX / 16 {
                    return Err(io::Error::other(format!("the kernel tells of {count} ranges")));
                }
                ranges.resize(count, i::iommu_iova_range::default());
            }
            Err(error) => return Err(error),
        }
    }
}

/// An ioctl whose answer has no fixed size: asked again with more room for as long as `bytes_of` the
/// answer is more than it had. The first two dwords are `argsz` and `flags`.
fn sized(
    fd: &impl AsRawFd,
    request: u64,
    head: usize,
    bytes_of: fn(&[u32]) -> usize,
) -> io::Result<Vec<u32>> {
    const NO_ROOM: Option<i32> = Some(rustix::io::Errno::NOSPC.raw_os_error());
    let mut answer = vec![0_u32; head.div_ceil(4)];
    loop {
        answer[0] = 4 * answer.len() as u32;
        // SAFETY: the kernel writes at most `argsz` bytes, the length of the vector.
        let done = checked(unsafe { ioctl_with_mut_ptr(fd, request, answer.as_mut_ptr()) });
        let wanted = bytes_of(&answer);
        let fits = wanted <= 4 * answer.len();
        match done {
            Ok(()) if fits => return Ok(answer),
            Ok(()) => {}
            Err(error) if error.raw_os_error() == NO_ROOM && !fits => {}
            Err(error) => return Err(error),
        }
        if wanted > ANSWER_MAX {
            return Err(io::Error::other(format!("the kernel's answer has {wanted} bytes")));
        }
        answer = vec![0; wanted.div_ceil(4)];
    }
}

fn qword(words: &[u32], at: usize) -> Option<u64> {
    Some(u64::from(*words.get(at)?) | u64::from(*words.get(at + 1)?) << 32)
}

/// The I/O virtual addresses that can be mapped; empty if the kernel does not tell.
pub(crate) fn iova_ranges(container: &impl AsRawFd) -> io::Result<Vec<RangeInclusive<u64>>> {
    let head = size_of::<b::vfio_iommu_type1_info>();
    let info = sized(container, VFIO_IOMMU_GET_INFO(), head, |info| info[0] as usize)?;
    if info[1] & b::VFIO_IOMMU_INFO_CAPS == 0 {
        return Ok(Vec::new());
    }
    Ok(ranges_of(&info))
}

/// The ranges in an answer: a chain of capabilities, each beginning with id and version, and the
/// offset of the next.
fn ranges_of(info: &[u32]) -> Vec<RangeInclusive<u64>> {
    let mut at = info.get(4).map_or(0, |offset| *offset as usize / 4);
    for _ in 0..16 {
        let (Some(id), Some(next)) = (info.get(at), info.get(at + 1)) else { break };
        if at == 0 {
            break;
        }
        if id & 0xffff == b::VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE {
            let count = info.get(at + 2).map_or(0, |count| *count as usize).min(ANSWER_MAX / 16);
            let range = |n: usize| {
                let from = at + 4 + 4 * n;
                Some(qword(info, from)?..=qword(info, from + 2)?)
            };
            return (0..count).filter_map(range).collect();
        }
        at = *next as usize / 4;
    }
    Vec::new()
}

/// What a hot reset reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reach {
    /// Of a device file: whether everything is of the iommufd that the device is of. Of a device of a
    /// group: not told.
    pub owned: Option<bool>,
    pub functions: Vec<Reached>,
}

/// A function that a hot reset reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reached {
    /// Its group, unless a device file was asked.
    pub group: u32,
    pub segment: u16,
    pub bus: u8,
    pub devfn: u8,
}

/// The functions that a hot reset reaches. `ENODEV`: there is nothing to reset them by.
pub(crate) fn hot_reset_reaches(device: &impl AsRawFd) -> io::Result<Reach> {
    let bytes_of = |info: &[u32]| 12 + 8 * info[2] as usize;
    let answer = sized(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO(), 12, bytes_of)?;
    reach_of(&answer)
        .ok_or_else(|| io::Error::other("the kernel told fewer functions than it counted"))
}

/// The functions in an answer: argsz, flags, count, and for each a group and its place.
fn reach_of(answer: &[u32]) -> Option<Reach> {
    let (flags, count) = (*answer.get(1)?, *answer.get(2)? as usize);
    let owned = (flags & b::VFIO_PCI_HOT_RESET_FLAG_DEV_ID != 0)
        .then_some(flags & b::VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED != 0);
    let reached = |n: usize| {
        let (group, place) = (*answer.get(3 + 2 * n)?, *answer.get(4 + 2 * n)?);
        let [low, high, bus, devfn] = place.to_ne_bytes();
        Some(Reached { group, segment: u16::from_ne_bytes([low, high]), bus, devfn })
    };
    let functions = (0..count.min(ANSWER_MAX / 8)).map(reached).collect::<Option<_>>()?;
    Some(Reach { owned, functions })
}

/// Resets the bus of a function; `group` is the descriptor of the only group on it, and none if the
/// device was opened by its own file.
pub(crate) fn hot_reset(device: &impl AsRawFd, group: Option<RawFd>) -> io::Result<()> {
    let request = match group {
        Some(group) => [16_u32, 0, 1, group as u32],
        None => [12, 0, 0, 0],
    };
    // SAFETY: argsz, flags, count and as many descriptors, as `argsz` says.
    checked(unsafe { ioctl_with_ref(device, VFIO_DEVICE_PCI_HOT_RESET(), &request) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_of_an_answer_are_found_and_nonsense_has_none() {
        // Head: argsz, flags, page sizes, offset of the first capability, padding.
        let mut info = vec![88, 3, 0x1000, 0, 24, 0];
        // A capability of another kind, then the ranges: two of them.
        info.extend([3 | 1 << 16, 32, 1 | 1 << 16, 0, 2, 0]);
        info.extend([0, 0, 0xfedf_ffff, 0, 0xfef0_0000, 0, 0xffff_ffff, 0x7f]);
        // The id of the second stands where the first one says: 32 bytes in.
        let ranges = [0..=0xfedf_ffff, 0xfef0_0000..=0x7f_ffff_ffff];
        assert_eq!(ranges_of(&info), ranges);
        info[7] = 24;
        assert_eq!(ranges_of(&info), []);
        info[4] = 4096;
        assert_eq!(ranges_of(&info), []);
        assert_eq!(ranges_of(&[]), []);
    }

    #[test]
    fn a_device_file_tells_whether_all_that_a_hot_reset_reaches_is_ours() {
        let place = u32::from_ne_bytes([0, 0, 1, 0x08]);
        let at = |group| Reached { group, segment: 0, bus: 1, devfn: 8 };
        for (flags, owned) in [(0, None), (1, Some(false)), (3, Some(true))] {
            let reach = reach_of(&[20, flags, 1, 7, place]);
            assert_eq!(reach, Some(Reach { owned, functions: vec![at(7)] }));
        }
        assert_eq!(reach_of(&[20, 3, 2, 7, place]), None);
        assert_eq!(reach_of(&[]), None);
    }
}
