# Runs lockstep in a machine that has NVMe controllers behind an IOMMU. The kernel's own driver has
# them first, as on any machine; lockstep takes what it needs from it.
#   here    the folder to run in
#   "$@"    lockstep's arguments
load nvme || exit 4
load vfio_iommu_type1 || exit 4
load vfio-pci || exit 4
cd "$here" || exit 4
/vm/bin/lockstep "$@"
