//! By which of the kernel's two interfaces a function is opened.

use std::fmt;

use crate::tree::{Tree, names};
use crate::{Bdf, OpenError};

/// An interface, for one function that is bound to vfio-pci. What the kernel offers decides, and no
/// attempt: whoever may open only the other one is told so, and never tested by surprise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Interface {
    /// A device file of the function's own, and iommufd for its memory (Linux 6.6 and later, if built so).
    Device {
        /// The kernel's name of it, `vfio0`.
        name: String,
    },
    /// The file of its IOMMU group, in a container.
    Group {
        /// The group.
        number: u32,
        /// Why not the other one.
        why: &'static str,
    },
}

impl Interface {
    /// The newer one, if the kernel has iommufd and a device file for the function; else the group.
    pub fn choose(tree: &Tree, bdf: Bdf, group: u32) -> Self {
        let group = |why| Self::Group { number: group, why };
        if !tree.path("dev/iommu").exists() {
            return group("there is no /dev/iommu");
        }
        let folder = tree.device(bdf).join("vfio-dev");
        // The folder is older than the device file: only with a device number there is one.
        let name = names(&folder).into_iter().find(|name| folder.join(name).join("dev").exists());
        match name {
            Some(name) => Self::Device { name },
            None => group("the kernel makes no device file for it"),
        }
    }

    /// The files that it needs, the function's own first.
    pub fn files(&self) -> [String; 2] {
        match self {
            Self::Device { name } => [format!("/dev/vfio/devices/{name}"), "/dev/iommu".into()],
            Self::Group { number, .. } => [format!("/dev/vfio/{number}"), "/dev/vfio/vfio".into()],
        }
    }

    /// The files of it that the kernel makes for root alone.
    pub fn files_of_root(&self) -> Vec<String> {
        let [own, common] = self.files();
        match self {
            Self::Device { .. } => vec![own, common],
            Self::Group { .. } => vec![own],
        }
    }

    /// An error of the attempt by this interface.
    pub(crate) fn failed(&self, error: &OpenError) -> OpenError {
        OpenError::Machine(format!("by {self}: {error}"))
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device { name } => write!(f, "iommufd (/dev/vfio/devices/{name})"),
            Self::Group { number, why } => write!(f, "IOMMU group {number} ({why})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_device_file_is_used_where_the_kernel_has_one_and_iommufd_and_else_the_group() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, bdf) = (Tree::at(folder.path()), "0000:01:00.0".parse().unwrap());
        let chosen = || Interface::choose(&tree, bdf, 7);
        let said = "IOMMU group 7 (there is no /dev/iommu)";
        assert_eq!(chosen().to_string(), said);
        // Without CONFIG_VFIO_DEVICE_CDEV, from 6.1 on: a folder, and no device number.
        let own = tree.device(bdf).join("vfio-dev/vfio3");
        fs::create_dir_all(&own).unwrap();
        assert_eq!(chosen().to_string(), said);
        fs::create_dir_all(tree.path("dev")).unwrap();
        fs::write(tree.path("dev/iommu"), "").unwrap();
        assert_eq!(chosen().to_string(), "IOMMU group 7 (the kernel makes no device file for it)");
        assert_eq!(chosen().files(), ["/dev/vfio/7", "/dev/vfio/vfio"]);
        assert_eq!(chosen().files_of_root(), ["/dev/vfio/7"]);
        fs::write(own.join("dev"), "511:3\n").unwrap();
        assert_eq!(chosen(), Interface::Device { name: "vfio3".into() });
        assert_eq!(chosen().to_string(), "iommufd (/dev/vfio/devices/vfio3)");
        assert_eq!(chosen().files(), ["/dev/vfio/devices/vfio3", "/dev/iommu"]);
        assert_eq!(chosen().files_of_root(), chosen().files());
        // With a device file and without iommufd there is nothing to give it memory by.
        fs::remove_file(tree.path("dev/iommu")).unwrap();
        assert_eq!(chosen().to_string(), said);
    }
}
