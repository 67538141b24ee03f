// Package guest boots a virtual machine with Debian's own kernel, for tests
// that need what this machine's kernel may lack: bonds, and whatever else is a
// module. QEMU emulates it, without KVM and without root; its programs and the
// kernel are unpacked from Debian's packages into the user's cache. A boot takes
// some ten seconds. What runs in the guest is the caller's.
//
// Devices that QEMU does not emulate are simulated by kernel modules of our own,
// compiled against that kernel's headers ([Machine.BuildModule]): dcbsim has
// network devices with Data Center Bridging.
package guest
