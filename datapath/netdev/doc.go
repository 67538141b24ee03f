// Package netdev reads and writes the network interfaces of one namespace:
// what they are, their attributes, the scheduler of what leaves by them, what
// the kernel counts of them, and that something about them changed.
//
// Its rtnetlink is that of github.com/vishvananda/netlink; the speed of a link
// it asks for by the ethtool ioctl. It wants nothing of its own: what an
// interface should be is decided by package datapath, and a [Watcher] only says
// "look again". It creates and removes no interfaces but detours ([Conn.Detours]),
// which nobody sees.
//
// A scheduler is the kernel's HTB, with the major number [Handle]: a root qdisc
// ([Conn.Schedulers]), classes that have others below them ([Conn.Classes]),
// those in which frames wait ([Conn.Leaves]), and below each of these a queue
// ([Conn.Queues]). A frame's priority names its class. What has another handle
// is somebody else's and left alone.
//
// Of virtual functions it reads and writes what rtnetlink has (vf.go), and of the
// devices behind interfaces what devlink has (devlink.go).
//
// Two kinds of frames it sends and receives for others, and knows nothing of
// what they say: the PDUs of LACP and LLDP ([GroupSocket]), and the announcement
// of addresses ([Conn.Announce]).
//
// A [Conn] and a Watcher belong to the network namespace of the thread that
// made them, whichever thread uses them later.
package netdev
