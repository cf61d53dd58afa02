# Linux's own NVMe driver on a controller, with Linux's own tools.
#   phase   first: everything; second: what must have survived; third: the end of the server; pin, iommu,
#           msi, msi-single: the essentials, by INTx, behind an IOMMU, by MSI with a message for each
#           queue and with one for all; rates: numbers, no verdicts
#   cpus    processors of the machine, for which the driver makes an I/O queue each
#   turns   how often each rate is measured
#
# Results go to standard output, one a line: STEP, a tab, what came of it. `ok` is good; anything
# else is held against ci/vm/linux-guest.toml by the host. Everything else goes to standard error.
exec 3>&1 1>&2
disk=/dev/nvme0n1
ctrl=/dev/nvme0

load nvme-core || exit 4
if [ "$phase" = third ]; then
  # The driver notices the end of a controller by a command that times out, after 30 s usually.
  echo 8 > /sys/module/nvme_core/parameters/io_timeout || exit 4
  echo 8 > /sys/module/nvme_core/parameters/admin_timeout || exit 4
fi
load nvme || exit 4
load ext4 || exit 4
load crc32c_generic || exit 4
mkdir -p /vm/tools
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=loose,ro tools /vm/tools || exit 4
for folder in proc sys dev; do mount --rbind "/$folder" "/vm/tools/$folder" || exit 4; done
mount -t tmpfs tmp /vm/tools/tmp || exit 4
mount -t tmpfs mnt /vm/tools/mnt || exit 4
mkdir -p /vm/tools/mnt/fs
fs=/vm/tools/mnt/fs

# tool COMMAND...: one of Debian's programs.
tool() { PATH=/usr/sbin:/usr/bin HOME=/tmp TMPDIR=/tmp chroot /vm/tools "$@"; }

# result STEP TEXT...: what came of a step.
result() { printf '%s\t%s\n' "$1" "$2" >&3; }

# step NAME COMMAND...: `ok` if the command succeeds, else the last thing that it said.
step() {
  local name=$1 code
  shift
  echo "== $name ($(cut -d' ' -f1 /proc/uptime) s)"
  if "$@" >/tmp/said 2>&1; then
    sed 's/^/   /' /tmp/said
    result "$name" ok
  else
    code=$?
    sed 's/^/   /' /tmp/said
    result "$name" "failed ($code): $(grep . /tmp/said | tail -n 1 | cut -c 1-120)"
  fi
}

there() { [ -b "$disk" ]; }
gone() { [ ! -e /sys/block/nvme0n1 ]; }
appears() { until_true 30 there || { echo "$disk did not appear within 30 s"; return 1; }; }

# What two ways of asking must agree on.
same() { [ "$2" = "$3" ] || { echo "$1: $2 and $3"; return 1; }; }
serial_agrees() {
  shown=$(tool nvme id-ctrl "$ctrl" | sed -n 's/^sn *: *//p' | sed 's/ *$//')
  same serial "$shown" "$(sed 's/ *$//' /sys/class/nvme/nvme0/serial)"
}
size_agrees() {
  blocks=$(tool nvme id-ns "$disk" | sed -n 's/^nsze *: *//p')
  bytes=$(tool blockdev --getsize64 "$disk") && block=$(tool blockdev --getss "$disk")
  same bytes "$bytes" "$((blocks * block))"
}

# Interrupts that queue $1 has had, over all processors.
interrupts() {
  awk -v queue="nvme0q$1" -v cpus="$cpus" \
    '$NF == queue { for (n = 2; n < 2 + cpus; n++) sum += $n; print sum + 0 }' /proc/interrupts
}
vectors() {
  found=$(grep -c ' nvme0q[0-9]*$' /proc/interrupts)
  same 'vectors' "$found" "$((cpus + 1))" && grep -q 'PCI-MSI.*nvme0q' /proc/interrupts
}
interrupts_rose() {
  local queue=0 before now
  while [ "$queue" -lt "$cpus" ]; do
    queue=$((queue + 1))
    eval "before=\$before$queue"
    now=$(interrupts "$queue")
    echo "queue $queue: $before, then $now"
    [ "$now" -gt "$before" ] || return 1
  done
}

# The file system has the first 32 MiB; fio has the rest, so that the files stay for phase two.
verified() {
  local name=$1
  shift
  tool fio --name="$name" --filename="$disk" --rw=randwrite --direct=1 --verify=crc32c \
    --do_verify=1 --verify_fatal=1 --verify_state_save=0 --randseed=1 --output-format=terse "$@"
}
fio_random() {
  verified random --offset=32m --size=4m --offset_increment=4m --bs=4k --numjobs=4 --iodepth=16 \
    --ioengine=libaio --group_reporting
}
fio_mixed() {
  verified mixed --offset=48m --size=8m --bsrange=512-128k --blockalign=512 --ioengine=psync
}
fio_on_every_processor() {
  local processor=0
  while [ "$processor" -lt "$cpus" ]; do
    tool fio --name="cpu$processor" --filename="$disk" --rw=randread --bs=4k --size=1m \
      --ioengine=psync --direct=1 --cpus_allowed="$processor" --output-format=terse || return 1
    processor=$((processor + 1))
  done
}

make_file_system() { tool mkfs.ext4 -q -F "$disk" 32m; }
mount_it() { mount -t ext4 "$disk" "$fs"; }
copy_files() {
  for n in 1 2 3; do
    dd if=/dev/urandom of=/tmp/file bs=1M count=4 && cp /tmp/file "$fs/$n" || return 1
  done
  (cd "$fs" && sha256sum 1 2 3 > sums) && sync
}
check_files() { (cd "$fs" && sha256sum -c sums); }

controller_is_live() { [ "$(cat /sys/class/nvme/nvme0/state)" = live ]; }
reset_it() { tool nvme reset "$ctrl" && until_true 30 controller_is_live; }
reset_under_load() {
  verified load --offset=56m --size=4m --bs=4k --iodepth=8 --ioengine=libaio --time_based \
    --runtime=4 &
  load=$!
  for _ in 1 2 3; do sleep 1; reset_it || return 1; done
  wait "$load"
}
address() { basename "$(readlink -f /sys/class/nvme/nvme0/device)"; }
rebind() {
  local pci=$(address)
  echo "$pci" > /sys/bus/pci/drivers/nvme/unbind && until_true 10 gone || return 1
  echo "$pci" > /sys/bus/pci/drivers/nvme/bind && appears
}
remove_and_rescan() {
  local pci=$(address)
  echo 1 > "/sys/bus/pci/devices/$pci/remove" && until_true 10 gone || return 1
  echo 1 > /sys/bus/pci/rescan && appears
}
rescan_namespaces() { tool nvme ns-rescan "$ctrl" && there; }

first() {
  step "driver" appears
  dmesg | grep -i nvme
  # Without a disk the tools would make do with a file of its name.
  there || return 0
  for command in list "id-ctrl $ctrl" "list-ns $ctrl" "id-ns $disk" "ns-descs $disk" \
    "smart-log $ctrl" "error-log $ctrl" "fw-log $ctrl"; do
    # The words of the command are its arguments.
    step "nvme ${command%% *}" tool nvme $command
  done
  for feature in 01 02 04 06 07 08 09 0a 0b; do
    step "nvme get-feature $feature" tool nvme get-feature "$ctrl" -f "0x$feature"
  done
  # Error Recovery belongs to a namespace.
  step "nvme get-feature 05" tool nvme get-feature "$ctrl" -f 0x05 -n 1
  step "serial as in sysfs" serial_agrees
  step "size as in the block layer" size_agrees
  step "one vector for each queue" vectors
  step "file system is made" make_file_system
  step "file system is mounted" mount_it
  step "files are copied" copy_files
  step "file system is unmounted" umount "$fs"
  step "file system is checked" tool e2fsck -f -n "$disk"
  step "file system is mounted again" mount_it
  step "files have their sums" check_files
  step "unmounted again" umount "$fs"
  for queue in $(seq "$cpus"); do eval "before$queue=$(interrupts "$queue")"; done
  step "fio reads on every processor" fio_on_every_processor
  step "every queue interrupts" interrupts_rose
  step "fio verifies random writes" fio_random
  step "fio verifies mixed sizes" fio_mixed
  step "nvme flush" tool nvme flush "$disk" -n 1
  step "controller reset" reset_it
  step "controller resets under load" reset_under_load
  step "nvme ns-rescan" rescan_namespaces
  step "driver unbound and bound" rebind
  step "device removed and found" remove_and_rescan
  step "file system is mounted after all that" mount_it
  step "files still have their sums" check_files
  step "unmounted at the end" umount "$fs"
}

second() {
  step "driver" appears
  there || return 0
  step "files survived: mounted" mount_it
  step "files survived: sums" check_files
  step "files survived: unmounted" umount "$fs"
}

# Reads until the disk is gone: a driver that is not asked for anything notices nothing.
read_on() {
  while there; do
    echo 1 > /proc/sys/vm/drop_caches
    dd if="$disk" of=/dev/null bs=64k count=4
    sleep 0.2
  done
}
server_ends() {
  read_on >/dev/null 2>&1 &
  sleep 1
  ask kill-server || return 1
  local begin=$(date +%s)
  until_true 120 gone || { echo "still there 120 s after the server's end"; return 1; }
  echo "gone $(($(date +%s) - begin)) s after the server"
}
third() {
  step "driver" appears
  there || return 0
  step "device goes with its server" server_ends
}

# Without messages the admin queue and the one I/O queue share the pin, and with one message that one.
pin_is_shared() { grep 'IO-APIC.*nvme0q0.*nvme0q1' /proc/interrupts; }
message_is_shared() { grep 'PCI-MSI.*nvme0q0.*nvme0q1' /proc/interrupts; }
# is_msi COUNT: the kernel has so many interrupts of the controller, all of them of MSI.
is_msi() {
  kinds=$(cat /sys/class/nvme/nvme0/device/msi_irqs/* | sort | uniq -c | tr -s ' ')
  same 'interrupts of each kind' "$kinds" " $1 msi"
}
pin_interrupts() {
  awk -v cpus="$cpus" '/nvme0q0/ { for (n = 2; n < 2 + cpus; n++) sum += $n; print sum + 0 }' \
    /proc/interrupts
}
pin_rose() {
  now=$(pin_interrupts)
  echo "$pin_before, then $now"
  # fio_random has at least 4 MiB written and read back in blocks of 4 KiB, 16 in flight.
  [ "$now" -gt "$((pin_before + 100))" ]
}
# The driver's addresses are those of its IOMMU domain, mapped page by page as they are used.
addresses_are_translated() {
  type=$(cat /sys/class/nvme/nvme0/device/iommu_group/type) || return 1
  echo "domain of type $type"
  case $type in DMA | DMA-FQ) ;; *) return 1 ;; esac
}
essentials() {
  step "nvme id-ctrl" tool nvme id-ctrl "$ctrl"
  step "file system is made" make_file_system
  step "file system is mounted" mount_it
  step "files are copied" copy_files
  step "file system is unmounted" umount "$fs"
  pin_before=$(pin_interrupts)
  step "fio verifies random writes" fio_random
  step "fio verifies mixed sizes" fio_mixed
}
after_resets() {
  step "controller reset" reset_it
  step "controller resets under load" reset_under_load
  step "driver unbound and bound" rebind
  step "file system is mounted again" mount_it
  step "files have their sums" check_files
  step "unmounted at the end" umount "$fs"
}
pin() {
  step "driver" appears
  there || return 0
  step "all queues share the pin" pin_is_shared
  essentials
  step "the pin interrupts" pin_rose
  after_resets
}
iommu() {
  step "driver" appears
  there || return 0
  step "addresses are translated" addresses_are_translated
  essentials
  after_resets
}

msi() {
  step "driver" appears
  there || return 0
  step "MSI, a message for each queue" is_msi "$((cpus + 1))"
  step "one vector for each queue" vectors
  essentials
  for queue in $(seq "$cpus"); do eval "before$queue=$(interrupts "$queue")"; done
  step "fio reads on every processor" fio_on_every_processor
  step "every queue interrupts" interrupts_rose
  after_resets
}
msi_single() {
  step "driver" appears
  there || return 0
  step "MSI, one message" is_msi 1
  step "all queues share the message" message_is_shared
  essentials
  step "the message interrupts" pin_rose
  step "controller reset" reset_it
}

# rate RW DEPTH JOBS: I/O operations a second, each job on a processor, and so on a queue, of its own.
rate() {
  local field
  # Fields of fio's terse version 3: operations a second of reads, and of writes.
  case $1 in randread) field=8 ;; *) field=49 ;; esac
  local part=$((48 / cpus))m
  tool fio --name=rate --filename="$disk" --rw="$1" --bs=4k --size="$part" \
    --offset_increment="$part" \
    --numjobs="$3" --iodepth="$2" --ioengine=libaio --direct=1 --randseed=1 --norandommap \
    --cpus_allowed="0-$((cpus - 1))" --cpus_allowed_policy=split --group_reporting \
    --time_based --ramp_time=1 --runtime=4 --output-format=terse --terse-version=3 |
    tee /dev/stderr | cut -d';' -f "$field"
}
rates() {
  step "driver" appears
  there || return 0
  # Blocks that were never written are answered without the medium.
  step "every block is written" tool fio --name=fill --filename="$disk" --rw=write --bs=128k \
    --ioengine=psync --direct=1 --size=100%
  for _ in $(seq "$turns"); do
    for rw in randread randwrite; do
      for depth in 1 32; do
        for jobs in 1 "$cpus"; do
          result "$rw $depth $jobs" "$(rate "$rw" "$depth" "$jobs")"
        done
      done
    done
  done
}

case $phase in
  first | second | third | pin | iommu | msi | rates) "$phase" ;;
  msi-single) msi_single ;;
  *) echo "no phase $phase" && exit 4 ;;
esac
dmesg -r > /vm/control/dmesg
