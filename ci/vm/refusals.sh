# What lockstep refuses before it touches a controller: each with its exit code, with words that say what
# is wrong and what to do, and without a trace: drivers, journal and the kernel's log are as before.
#   iommu    yes or no: whether this machine's kernel has an IOMMU
#   bdf      a controller, alone in its IOMMU group
#   grouped  another one, which shares its group with a function that has a driver
load nvme || exit 4
load ext4 || exit 4
load crc32c_generic || exit 4
failures=0
mkdir -p /mnt /run /etc
echo 'somebody:x:1000:1000::/tmp:/vm/bin/sh' > /etc/passwd

# Everything that a refusal must leave alone.
state() {
  for function in /sys/bus/pci/devices/*; do
    echo "$function $(driver "${function##*/}") $(cat "$function/driver_override" "$function/enable")"
  done
  ls -R /run
  # A driver that lets go of a controller, or takes it, says so. While it is in use others may.
  [ -n "$busy" ] || dmesg | grep -i 'nvme\|vfio-pci'
}
fault() { echo "FAILED  $1: $2" && sed 's/^/        /' /tmp/said && failures=$((failures + 1)); }

# refused NAME CODE WORDS COMMAND...: the command ends so, says that, and has touched nothing.
refused() {
  local name=$1 code=$2 words=$3
  shift 3
  state > /tmp/before
  "$@" >/tmp/said 2>&1
  local found=$?
  state > /tmp/after
  if [ "$found" != "$code" ]; then
    fault "$name" "exit code $found, where $code is right"
  elif ! grep -qF -- "$words" /tmp/said; then
    fault "$name" "it does not say: $words"
  elif ! cmp -s /tmp/before /tmp/after; then
    diff /tmp/before /tmp/after >> /tmp/said
    fault "$name" "something was touched"
  else
    echo "ok      $name ($code): $(grep -F -- "$words" /tmp/said | head -n 1 | cut -c 1-150)"
  fi
}
harmless() { /vm/bin/lockstep run --dut "vfio:$1" --filter hazard:harmless --out /tmp/out; }
erasing() { /vm/bin/lockstep run --dut "vfio:$bdf" --out /tmp/out "$@"; }
# as_somebody KIB COMMAND: without root, with so much memory that may be locked.
as_somebody() { (ulimit -l "$1" && su somebody -s /vm/bin/sh -c "$2"); }
as_somebody_harmless() {
  as_somebody "$1" "lockstep run --dut vfio:$bdf --filter hazard:harmless --out /tmp/some"
}
finished() { cat "$1/events.jsonl" 2>/dev/null | grep -c '"event":"test-finished"'; }
# The only one that has a namespace.
there() { [ -b /dev/nvme*n1 ]; }
until_true 30 there || { echo "no namespace appeared within 30 s"; exit 4; }
disk=$(echo /dev/nvme*n1)
name=${disk#/dev/}

if [ "$iommu" = no ]; then
  load vfio-pci && load vfio_iommu_type1 || exit 4
  refused "no IOMMU" 4 "is in no IOMMU group: the machine has no IOMMU, or it is off" harmless "$bdf"
  refused "no IOMMU, bind" 4 "boot with intel_iommu=on" lockstep bind "$bdf"
  [ "$failures" = 0 ]
  exit
fi

refused "no vfio" 4 "modprobe vfio-pci" harmless "$bdf"
load vfio-pci || exit 4
refused "vfio without type 1" 4 "modprobe vfio_iommu_type1" harmless "$bdf"
load vfio_iommu_type1 || exit 4

refused "no such function" 2 "0000:00:1e.7: no such PCI function; NVMe controllers are" harmless 0000:00:1e.7
refused "not an NVMe controller" 2 "no NVMe controller, whose class begins with 0x0108" harmless 0000:00:00.0
refused "no address" 2 "is no PCI address" harmless 4
refused "tests that erase, without consent" 2 "--erase SERIAL" erasing
printf 'lockstep sequence 1\nstart enabled\nwrite-reg nssr 0x4e564d65 width=4\n' > /tmp/subsystem-reset
refused "an action that disrupts, with consent to erase" 2 "--disrupt" lockstep replay \
  /tmp/subsystem-reset --dut "vfio:$bdf" --erase lockstep
refused "another serial number" 2 "--erase somebody-else: the controller's serial number is" erasing --erase somebody-else
refused "others in the group" 4 "holds others with drivers of their own: 0000:00:06.1 (virtio-pci)" \
  harmless "$grouped"
refused "nothing to restore" 2 "nothing was taken from it" lockstep unbind "$bdf" --restore

mke2fs -q "$disk" > /tmp/said 2>&1 && mount -t ext4 "$disk" /mnt || fault "a file system" "not made"
refused "a mounted namespace" 4 "$name is mounted at /mnt" harmless "$bdf"
refused "a mounted namespace, consent or not" 4 "$name is mounted at /mnt" erasing --erase lockstep \
  --disrupt
refused "a mounted namespace, bind" 4 "$name is mounted at /mnt" lockstep bind "$bdf"
umount /mnt
# Where neither this process nor the first one sees it.
unshare -m sh -c "mount -t ext4 $disk /mnt && touch /tmp/mounted && exec sleep 600" &
hidden=$!
mounted() { [ -e /tmp/mounted ]; }
until_true 30 mounted
refused "a namespace mounted elsewhere" 4 "$name is held open by another program" harmless "$bdf"
kill "$hidden" && wait "$hidden"
# The mount goes a moment after its last user.
swap() { mkswap "$disk" > /tmp/said 2>&1 && swapon "$disk"; }
until_true 10 swap || fault "swap" "not made"
refused "a namespace that is swap" 4 "$name is swap" harmless "$bdf"
swapoff "$disk"

# A run that is under way keeps its controller.
harmless "$bdf" > /tmp/first 2>&1 &
first=$!
some() { [ "$(finished /tmp/out)" -ge 3 ] || ! kill -0 "$first" 2>/dev/null; }
until_true 120 some
busy=yes
refused "another run has it" 4 "another program is using it" lockstep run --dut "vfio:$bdf" \
  --filter hazard:harmless --out /tmp/second
busy=
wait "$first"
code=$?
case $code in
  0 | 1 | 3) echo "ok      the run that had it went on: $(finished /tmp/out) tests, exit code $code" ;;
  *) cp /tmp/first /tmp/said && fault "the run that had it" "exit code $code" ;;
esac

refused "not root, not bound" 4 "run as root" as_somebody_harmless 66560
lockstep bind "$bdf" > /tmp/said 2>&1 || fault "bind" "exit code $?"
group=$(basename "$(readlink /sys/bus/pci/devices/$bdf/iommu_group)")
grep -qF "chown USER /dev/vfio/$group" /tmp/said || fault "bind" "it does not name the group"
refused "not root, not the owner" 4 "/dev/vfio/$group: Permission denied" as_somebody_harmless 66560
chown somebody "/dev/vfio/$group"
refused "not root, too little may be locked" 4 "raise \`ulimit -l\`" as_somebody_harmless 64
as_somebody_harmless 66560 >/tmp/said 2>&1
code=$?
tests=$(finished /tmp/some)
case $code in
  0 | 1 | 3) [ "$tests" -gt 20 ] || fault "not root" "$tests tests finished" ;;
  *) fault "not root" "exit code $code" ;;
esac
[ "$(driver "$bdf")" = vfio-pci ] || fault "not root" "the driver is $(driver "$bdf")"
echo "        not root, as docs/dut-vfio.md has it: $tests tests, exit code $code"
lockstep unbind "$bdf" > /tmp/said 2>&1 && until_true 30 there || fault "unbind" "exit code $?"
[ "$(driver "$bdf")" = nvme ] || fault "unbind" "the driver is $(driver "$bdf")"

[ "$failures" = 0 ]
