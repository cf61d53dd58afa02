# What the transport of the DUT vfio does by itself: interrupts of each kind, power states, resets, and
# accesses that the IOMMU refuses.
#   bdf          the controller's PCI address
#   controller   qemu: QEMU's own, with MSI-X, behind a root port; emulator: ours, with MSI, by lockstep
#                serve and QEMU's vfio-user-pci
load nvme || exit 4
load vfio_iommu_type1 || exit 4
load vfio-pci || exit 4
failures=0
there() { [ -b /dev/nvme0n1 ]; }
until_true 30 there || { echo "no namespace appeared within 30 s"; exit 4; }

# says WORDS: they stand in what was said last.
says() {
  if grep -q -- "$1" /tmp/said; then
    echo "ok      $(grep -- "$1" /tmp/said | head -n 1 | cut -c 1-150)"
  else
    echo "FAILED  this is not said: $1" && failures=$((failures + 1)) && failed=yes
  fi
}
# ended CODE: whatever was missed is told with all that was said.
ended() {
  [ "$1" = 0 ] || { echo "FAILED  exit code $1" && failures=$((failures + 1)) && failed=yes; }
  [ -z "$failed" ] || sed 's/^/        /' /tmp/said
  failed=
  until_true 30 there || { echo "FAILED  the driver is not back" && failures=$((failures + 1)); }
}

probe "$bdf" >/tmp/said 2>&1
code=$?
case $controller in
  qemu)
    says 'Msix: [1-9][0-9]* of vector 0'
    says 'Msi: there are none'
    says 'the IOMMU refused a write at 0x5000 (told by the kernel'
    says 'stray DMA: a write within 4096 bytes at 0x5000 was refused'
    says 'reset Conventional in'
    ;;
  emulator)
    says 'Msix: there are none'
    says 'Msi: [1-9][0-9]* of vector 0 of 32'
    ;;
esac
says 'Intx: [1-9][0-9]* of vector 0 of 1'
says 'D3hot: a register read gives Err(Refused'
says 'D0 again: VS 0x'
says 'reset FunctionLevel in'
ended "$code"
# The rest is about the IOMMU's word, which QEMU does not pass on for a function of another process.
[ "$controller" = qemu ] || exit "$failures"

# The same in a judged run. It is the host's doing, so nobody is accused of it; what QEMU is accused of
# stands in docs/findings.
cat > /tmp/stray.seq <<'END'
lockstep sequence 1
start enabled
c0 = send sq=0 identify cns=1 prp1=0x5000
END
dmesg -c > /dev/null
lockstep replay /tmp/stray.seq --dut "vfio:$bdf" >/tmp/said 2>&1
code=$?
if grep 'dma\.' /tmp/said; then echo "FAILED  it is accused of DMA" && failures=$((failures + 1)); fi
dmesg >> /tmp/said
says "DMA Write.*${bdf#0000:}.*fault addr 0x5000"
says 'dut says .*the IOMMU refused a write at 0x5000'
case $code in 0 | 1) ended 0 ;; *) ended "$code" ;; esac

[ "$failures" = 0 ]
