// Package lag decides what the members of one link aggregation group do: which
// carry traffic, and which of its flows each of them carries.
//
// A [Group] is a deterministic core. It is told the configuration, what was
// seen of each member, and the time; it has no clock, no socket and no
// goroutine. From that follow each member's role with its reason, whether
// frames are taken in and sent out by it, the member that takes in broadcasts,
// and the table that says by which member a flow leaves.
//
// The flows are spread over 256 buckets. Each bucket has one order of
// preference over all members, made from the configuration alone (order.go),
// and is served by the first of them that can. So a member that fails moves
// its own flows only, evenly to the others, and takes exactly those back; and
// an element that starts again computes the same table. The table names the
// next choice beside the first, so that the program in the kernel can go on by
// itself to where this package will put the flow a moment later.
//
// The package does not negotiate (datapath/lacp does) and does not forward.
package lag
