//! What a function may reach of this process' memory: a container, or an address space of iommufd.

#![expect(unsafe_code, reason = "an IOMMU is given memory")]

use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use iommufd_ioctls::{IommuFd, IommufdError};
use vfio_ioctls::{VfioContainer, VfioDevice, VfioError, VfioIommufd};

use crate::{Interface, OpenError, raw};

/// An address space of the IOMMU, of one function.
pub(crate) enum Space {
    Container(Arc<VfioContainer>),
    Iommufd(Arc<VfioIommufd>),
}

impl Space {
    /// Whether there is a vfio that could open a function. Asked before one is taken from its driver; only
    /// afterwards does it show whether the function has a device file.
    pub fn can_open() -> Result<(), OpenError> {
        let (common, tried) = match Path::new("/dev/iommu").exists() {
            true => ("/dev/iommu", IommuFd::new().map(drop).map_err(VfioError::NewVfioIommufd)),
            false => ("/dev/vfio/vfio", VfioContainer::new(None).map(drop)),
        };
        tried.map_err(|error| explain(&error, [String::new(), common.into()]))
    }

    /// A new one, and the function in it, which is bound to vfio-pci.
    pub fn open(sysfs: &Path, interface: &Interface) -> Result<(Self, VfioDevice), OpenError> {
        let open = || -> Result<(Self, VfioDevice), VfioError> {
            match interface {
                Interface::Device { .. } => {
                    let iommufd = IommuFd::new().map_err(VfioError::NewVfioIommufd)?;
                    let iommufd = Arc::new(VfioIommufd::new(Arc::new(iommufd), None, None)?);
                    let device = VfioDevice::new(sysfs, Arc::clone(&iommufd) as _, true)?;
                    Ok((Self::Iommufd(iommufd), device))
                }
                Interface::Group { .. } => {
                    let container = Arc::new(VfioContainer::new(None)?);
                    let device = VfioDevice::new(sysfs, Arc::clone(&container) as _, false)?;
                    Ok((Self::Container(container), device))
                }
            }
        };
        open().map_err(|error| interface.failed(&explain(&error, interface.files())))
    }

    /// The I/O virtual addresses that can be mapped; empty if the kernel does not tell.
    pub fn iova_ranges(&self) -> io::Result<Vec<RangeInclusive<u64>>> {
        match self {
            Self::Container(container) => raw::iova_ranges(&**container),
            Self::Iommufd(iommufd) => raw::ioas_ranges(&**iommufd.iommufd(), iommufd.ioas().id()),
        }
    }

    /// Maps `bytes` at `host` (an address of this process) for the function, at `iova`.
    ///
    /// # Safety
    /// The memory must stay mapped in this process for as long as this exists, and nothing may hold a
    /// Rust reference into it.
    pub unsafe fn map(&self, iova: u64, host: u64, bytes: u64, writable: bool) -> io::Result<()> {
        match self {
            Self::Container(container) => {
                // SAFETY: the caller's promise.
                unsafe { raw::map_dma(&**container, iova, host, bytes, writable) }
            }
            Self::Iommufd(iommufd) => {
                let (fd, ioas) = (&**iommufd.iommufd(), iommufd.ioas().id());
                // SAFETY: the caller's promise.
                unsafe { raw::map_ioas(fd, ioas, iova, host, bytes, writable) }
            }
        }
    }
}

/// What the kernel's refusal means, and what to do. The files are [`Interface::files`].
fn explain(error: &VfioError, [own, common]: [String; 2]) -> OpenError {
    let os = |error: &vmm_sys_util::errno::Error| io::Error::from_raw_os_error(error.errno());
    let (path, io) = match error {
        VfioError::OpenContainer(io) | VfioError::NewVfioIommufd(IommufdError::OpenIommufd(io)) => {
            (common, io)
        }
        VfioError::OpenGroup(io, _) | VfioError::OpenDeviceCdev(io) => (own, io),
        VfioError::GroupViable => {
            return OpenError::machine(
                "not viable: another of its devices has a driver of its own",
            );
        }
        VfioError::VfioExtension => {
            let what = "the kernel's vfio knows no IOMMU of type 1: modprobe vfio_iommu_type1";
            return OpenError::machine(what);
        }
        // A device file opens often, and is taken once: EINVAL; EBUSY if its group is taken.
        VfioError::VfioDeviceBindIommufd(why) => {
            let hint = "another program is using it, or its group";
            return OpenError::file(&own, &os(why), hint);
        }
        VfioError::VfioDeviceAttachIommufdPt(why) => {
            let hint = "the IOMMU does not take it; the kernel's log says why (dmesg)";
            return OpenError::file(&own, &os(why), hint);
        }
        _ => return OpenError::machine(format!("vfio: {error}")),
    };
    let hint = match io.kind() {
        io::ErrorKind::NotFound => "load the driver: modprobe vfio-pci".to_string(),
        io::ErrorKind::PermissionDenied => {
            format!("run as root, or give it to yourself: chown $USER {path}")
        }
        io::ErrorKind::ResourceBusy => "another program is using it".into(),
        _ => "see `lockstep doctor`".into(),
    };
    OpenError::file(&path, io, &hint)
}

#[cfg(test)]
mod tests {
    use vmm_sys_util::errno::Error as Errno;

    use super::*;

    #[test]
    fn a_refusal_says_which_interface_was_tried_and_why_it_failed() {
        let device = Interface::Device { name: "vfio3".into() };
        let group = Interface::Group { number: 7, why: "there is no /dev/iommu" };
        let denied = || io::Error::from_raw_os_error(13);
        for (interface, error, words) in [
            (
                &device,
                VfioError::NewVfioIommufd(IommufdError::OpenIommufd(denied())),
                "by iommufd (/dev/vfio/devices/vfio3): /dev/iommu: Permission denied (os error 13); \
                 run as root, or give it to yourself: chown $USER /dev/iommu",
            ),
            (
                &device,
                VfioError::OpenDeviceCdev(denied()),
                "by iommufd (/dev/vfio/devices/vfio3): /dev/vfio/devices/vfio3: Permission denied \
                 (os error 13); run as root, or give it to yourself: chown $USER \
                 /dev/vfio/devices/vfio3",
            ),
            (
                &device,
                VfioError::VfioDeviceBindIommufd(Errno::new(22)),
                "by iommufd (/dev/vfio/devices/vfio3): /dev/vfio/devices/vfio3: Invalid argument \
                 (os error 22); another program is using it, or its group",
            ),
            (
                &group,
                VfioError::OpenGroup(denied(), "7".into()),
                "by IOMMU group 7 (there is no /dev/iommu): /dev/vfio/7: Permission denied (os error \
                 13); run as root, or give it to yourself: chown $USER /dev/vfio/7",
            ),
            (
                &group,
                VfioError::GroupViable,
                "by IOMMU group 7 (there is no /dev/iommu): not viable: another of its devices has a \
                 driver of its own",
            ),
        ] {
            assert_eq!(interface.failed(&explain(&error, interface.files())).to_string(), words);
        }
    }
}
