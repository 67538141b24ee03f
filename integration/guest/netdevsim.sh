# Builds netdevsim for a kernel, as root of a user namespace, in a chroot: headers
# and compiler know each other by absolute paths.
#
#   bash -s ROOT SOURCE.tar.xz KERNEL FOLDER
#
# ROOT has Debian's headers of the kernel and the tools that they need; the module
# comes into FOLDER.
set -euo pipefail
root=$1 source=$2 kernel=$3 folder=$4
work=$folder/build
rm -rf "$work" # of an attempt that was stopped
mkdir -p "$work" "$root/dev" "$root/tmp" "$root/proc"
tar -xJf "$source" --no-same-owner --strip-components=4 -C "$work" --wildcards 'linux-source-*/drivers/net/netdevsim/*'
objects=$(cd "$work" && printf '%s ' *.c | sed 's/\.c /.o /g')
rm -f "$work/Makefile"
printf 'obj-m := netdevsim.o\nnetdevsim-y := %s\nccflags-y += -DCONFIG_NETDEVSIM_MODULE=1\n' "$objects" >"$work/Kbuild"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount --bind "$work" "$root/tmp"
# Without the kernel's image no types (BTF) are made, which need another tool.
chroot "$root" /usr/bin/make -s -C "/lib/modules/$kernel/build" M=/tmp AWK=mawk PATH=/usr/bin:/bin HOME=/tmp LC_ALL=C modules
chroot "$root" /usr/bin/strip -g /tmp/netdevsim.ko
mv "$work/netdevsim.ko" "$folder/netdevsim.ko"
umount "$root/tmp"
rm -rf "$work"
