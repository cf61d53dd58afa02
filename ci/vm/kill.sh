# What lockstep borrows goes back, however lockstep ends: the kernel's driver has the controller
# again, and the block device has its data. Every run here is harmless: nothing was consented to.
#   bdf   the controller's PCI address
load nvme || exit 4
load vfio_iommu_type1 || exit 4
load vfio-pci || exit 4
disk=/dev/nvme0n1
failures=0

driven_by() { [ "$(driver "$bdf")" = "$1" ]; }
there() { [ -b "$disk" ]; }
alive() { kill -0 "$1" 2>/dev/null; }
sum() {
  echo 3 > /proc/sys/vm/drop_caches
  dd if="$disk" bs=1M count=8 2>/dev/null | sha256sum
}
# How many tests have finished.
finished() { cat /tmp/out/events.jsonl 2>/dev/null | grep -c '"event":"test-finished"'; }
so_many_finished() { [ "$(finished)" -ge "$1" ] || ! alive "$pid"; }
borrowed() { driven_by vfio-pci || ! alive "$pid"; }

begin() {
  rm -rf /tmp/out
  /vm/bin/lockstep run --dut "vfio:$bdf" --filter hazard:harmless --out /tmp/out >/tmp/said 2>&1 &
  pid=$!
}

# ended NAME CODE EXPECTED...: the end of a round.
ended() {
  local name=$1 code=$2 begin=$(date +%s) fault=
  shift 2
  case " $* " in *" $code "*) ;; *) fault="exit code $code, where $* is right" ;; esac
  until_true 30 driven_by nvme || fault="${fault:+$fault; }the driver is $(driver "$bdf")"
  local took=$(($(date +%s) - begin))
  until_true 30 there || fault="${fault:+$fault; }$disk did not come back"
  [ "$(sum)" = "$before" ] || fault="${fault:+$fault; }the data is not what it was"
  if [ -z "$fault" ]; then
    echo "ok      $name: $(finished) tests finished, driver back after $took s, data as before"
  else
    echo "FAILED  $name: $fault"
    sed 's/^/        /' /tmp/said
    failures=$((failures + 1))
  fi
}

# in_mid_run TESTS: waits until the controller is borrowed and that many tests have finished.
in_mid_run() {
  until_true 60 borrowed
  until_true 120 so_many_finished "$1"
  driven_by vfio-pci || echo "        (the run had ended already)"
}

until_true 30 there || { echo "$disk did not appear within 30 s"; exit 4; }
dd if=/dev/urandom of="$disk" bs=1M count=8 2>/dev/null && sync || exit 4
before=$(sum)

rm -rf /tmp/out
/vm/bin/lockstep run --dut "vfio:$bdf" >/tmp/said 2>&1
ended "a run that erases is refused without consent" "$?" 2

begin
wait "$pid"
ended "a run to its end" "$?" 0 1 3
[ "$(finished)" -gt 20 ] || { echo "FAILED  too few tests to kill it in"; exit 1; }

for tests in 0 1 5; do
  begin
  in_mid_run "$tests"
  kill -KILL "$pid"
  wait "$pid"
  ended "SIGKILL after $tests tests" "$?" 137
done

begin
in_mid_run 1
kill -INT "$pid"
wait "$pid"
ended "Ctrl-C" "$?" 130

begin
in_mid_run 1
# Its guardian is the same program.
kill -KILL $(pidof lockstep)
wait "$pid"
code=$?
/vm/bin/lockstep unbind --restore >> /tmp/said 2>&1
ended "SIGKILL of the guardian too, then unbind --restore" "$code" 137

rm -rf /tmp/out
/vm/bin/lockstep bind "$bdf" > /tmp/said 2>&1 && driven_by vfio-pci || failures=$((failures + 1))
/vm/bin/lockstep unbind "$bdf" >> /tmp/said 2>&1
ended "bind, then unbind" "$?" 0

[ "$failures" = 0 ]
