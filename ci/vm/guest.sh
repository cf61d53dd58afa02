# What init and the jobs of a machine share.

# load MODULE: loads it after everything that it depends on. Fine if the kernel has it built in.
load() {
  local file name
  [ -e "/vm/modules/$1.order" ] || return 0
  while read -r file; do
    name=${file%.ko}
    [ -d "/sys/module/$name" ] || insmod "/vm/modules/$file" || return 1
  done < "/vm/modules/$1.order"
}

# share TAG FOLDER: mounts a folder of the host.
share() {
  mkdir -p "$2" && mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none "$1" "$2"
}

# ask WORDS: asks the host for something and prints its answer.
ask() {
  echo "$*" > /vm/control/request.new
  mv /vm/control/request.new /vm/control/request
  while [ ! -e /vm/control/answer ]; do sleep 0.05; done
  cat /vm/control/answer
  rm /vm/control/answer
}

# until_true SECONDS COMMAND...: waits for it.
until_true() {
  local end=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.05
  done
}

# The driver of a PCI function.
driver() { basename "$(readlink -f "/sys/bus/pci/devices/$1/driver")"; }
