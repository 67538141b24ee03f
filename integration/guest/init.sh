#!/bin/busybox sh
# The first and only program of the guest: loads the modules, runs /run.sh, and
# ends the machine. /run.sh writes to the second serial line.
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /bin /root
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root TMPDIR=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for kind in tmpfs:/tmp tmpfs:/run bpf:/sys/fs/bpf cgroup2:/sys/fs/cgroup; do
	mount -t "${kind%%:*}" none "${kind##*:}"
done
mkdir -p /run/netns
ip link set lo up
stty -F /dev/ttyS1 raw -echo
for module in /modules/*.ko; do
	name=${module##*/???-}
	case $name in
	bonding.ko) options=max_bonds=0 ;; # else there is a bond0 from the start
	*) options= ;;
	esac
	insmod "$module" $options || echo "module $name: not loaded"
done
/run.sh </dev/null >/dev/ttyS1 2>&1
result=$?
[ $result = 0 ] || dmesg | grep -E "WARNING|BUG|Oops|Call Trace"
# What is written to port 0xf4 comes out of QEMU as twice that and one.
if [ $result = 0 ]; then code='\020'; else code='\021'; fi
printf "$code" | dd of=/dev/port bs=1 seek=244 2>/dev/null
poweroff -f
