# What lockstep borrows goes back, however lockstep ends: the kernel's driver has the controller
# again, and the block device has its data. Every run here is harmless: nothing was consented to.
#   bdf   the controller's PCI address
load nvme || exit 4
load vfio_iommu_type1 || exit 4
load vfio-pci || exit 4
disk=/dev/nvme0n1
failures=0

# until_true SECONDS COMMAND...: waits for it.
until_true() {
  local end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.05
  done
}
driver() { basename "$(readlink -f "/sys/bus/pci/devices/$bdf/driver")"; }
driven_by() { [ "$(driver)" = "$1" ]; }
there() { [ -b "$disk" ]; }
alive() { kill -0 "$1" 2>/dev/null; }
sum() {
  echo 3 > /proc/sys/vm/drop_caches
  dd if="$disk" bs=1M count=8 2>/dev/null | sha256sum
}
# How many tests have finished.
finished() { grep -c '"event":"test-finished"' /tmp/out/events.jsonl 2>/dev/null; }
so_many_finished() { [ "$(finished)" -ge "$1" ] || ! alive "$pid"; }
borrowed() { driven_by vfio-pci || ! alive "$pid"; }

begin() {
  rm -rf /tmp/out
  /vm/bin/lockstep run --dut "vfio:$bdf" --out /tmp/out >/tmp/said 2>&1 &
  pid=$!
}

# ended NAME CODE EXPECTED: the end of a round.
ended() {
  local took=$(date +%s) fault=
  [ "$2" = "$3" ] || fault="exit code $2, where $3 is right"
  until_true 30 driven_by nvme || fault="${fault:+$fault; }the driver is $(driver)"
  took=$(($(date +%s) - took))
  until_true 30 there || fault="${fault:+$fault; }$disk did not come back"
  [ "$(sum)" = "$before" ] || fault="${fault:+$fault; }the data is not what it was"
  if [ -z "$fault" ]; then
    echo "ok      $1: $(finished) tests finished; driver back within $((took + 1)) s, data as before"
  else
    echo "FAILED  $1: $fault"
    sed 's/^/        /' /tmp/said
    failures=$((failures + 1))
  fi
}

until_true 30 there || { echo "$disk did not appear within 30 s"; exit 4; }
dd if=/dev/urandom of="$disk" bs=1M count=8 2>/dev/null && sync || exit 4
before=$(sum)

begin
wait "$pid"
# No consent: much is not applicable, and what is left may be anything but an error of ours.
ended "a run to its end" "$?" "${natural:-0}"

for tests in 0 1 5; do
  begin
  until_true 60 borrowed
  until_true 120 so_many_finished "$tests"
  kill -KILL "$pid"
  wait "$pid"
  ended "SIGKILL after $tests tests" "$?" 137
done

begin
until_true 60 borrowed
until_true 120 so_many_finished 1
kill -INT "$pid"
wait "$pid"
ended "Ctrl-C" "$?" 130

[ "$failures" = 0 ]
