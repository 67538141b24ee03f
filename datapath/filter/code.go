package filter

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// Registers of the compiled function, whose arguments are those of
//
//	int filter(const void *data, const void *data_end, __u32 tag, __u32 len)
const (
	start = asm.R1
	end   = asm.R2
	vlan  = asm.R3
	size  = asm.R4
	value = asm.R0
	place = asm.R5
)

// Instructions are the body of a function that gives 1 for a frame that
// passes and 0 for one that does not. Its arguments are the frame's octets
// without the outer tag, where they end, the tag as Match has it, and the
// frame's length. Labels begin with the prefix.
func (f *Filter) Instructions(prefix string) asm.Instructions {
	if passes, constant := always(f.root); constant {
		return asm.Instructions{asm.Mov.Imm(asm.R0, int32(passes)), asm.Return()}
	}
	g := generator{prefix: prefix}
	g.generate(f.root, g.label("pass"), g.label("fail"))
	g.mark(g.label("pass"))
	g.add(asm.Mov.Imm(asm.R0, 1), asm.Return())
	g.mark(g.label("fail"))
	g.add(asm.Mov.Imm(asm.R0, 0), asm.Return())
	return g.code
}

// always reports a condition that is the same for all frames, and what it is: 1
// or 0. The verifier takes no code that is never reached.
func always(n node) (passes int, constant bool) {
	switch n := n.(type) {
	case all:
		return 1, len(n) == 0
	case some:
		return 0, len(n) == 0
	case not:
		passes, constant = always(n.of)
		return 1 - passes, constant
	}
	return 0, false
}

type generator struct {
	prefix string
	code   asm.Instructions
	next   string // label of the next instruction
	labels int
}

func (g *generator) label(name string) string { return g.prefix + "_" + name }

func (g *generator) fresh() string {
	g.labels++
	return g.label(fmt.Sprint(g.labels))
}

// mark puts a label on the next instruction; where one waits already, a jump of
// no distance carries it.
func (g *generator) mark(label string) {
	if g.next != "" {
		g.add(asm.Mov.Imm(value, 0))
	}
	g.next = label
}

func (g *generator) add(all ...asm.Instruction) {
	for _, i := range all {
		if g.next != "" {
			i, g.next = i.WithSymbol(g.next), ""
		}
		g.code = append(g.code, i)
	}
}

// generate compiles a condition: to yes where it holds, to no where not.
func (g *generator) generate(n node, yes, no string) {
	switch n := n.(type) {
	case all:
		for _, c := range n {
			next := g.fresh()
			g.generate(c, next, no)
			g.mark(next)
		}
		g.add(asm.Ja.Label(yes))
	case some:
		for _, c := range n {
			next := g.fresh()
			g.generate(c, yes, next)
			g.mark(next)
		}
		g.add(asm.Ja.Label(no))
	case not:
		g.generate(n.of, no, yes)
	case check:
		g.load(n)
		g.compare(n, yes)
		g.add(asm.Ja.Label(no))
	}
}

// load brings what is checked into the value register, in the byte order of
// the processor and after the mask. A frame that has it not fails.
func (g *generator) load(c check) {
	short := g.label("fail")
	switch c.base {
	case tag:
		g.add(asm.Mov.Reg32(value, vlan))
	case length:
		g.add(asm.Mov.Reg32(value, size))
	case frame:
		g.bound(start, c.offset+uint32(c.size), short)
		g.fetch(start, c.offset, c.size)
	case transport:
		g.bound(start, network+1, short)
		g.add(
			asm.LoadMem(value, start, network, asm.Byte),
			asm.And.Imm(value, 0xf),
			asm.LSh.Imm(value, 2),
			asm.Mov.Reg(place, start),
			asm.Add.Reg(place, value),
		)
		// The sum is kept from here on: the bound and the load must be of one
		// register for the verifier to follow.
		g.add(
			asm.Mov.Reg(value, place),
			asm.Add.Imm(value, int32(network+c.offset+uint32(c.size))),
			asm.JGT.Reg(value, end, short),
		)
		g.fetch(place, network+c.offset, c.size)
	}
	if full := uint32(1)<<(8*uint(c.size)) - 1; c.base > transport || c.size < 4 && c.mask != full || c.size == 4 && c.mask != ^uint32(0) {
		g.add(asm.And.Imm32(value, int32(c.mask)))
	}
}

// bound fails frames that have not so many octets.
func (g *generator) bound(from asm.Register, octets uint32, short string) {
	g.add(
		asm.Mov.Reg(place, from),
		asm.Add.Imm(place, int32(octets)),
		asm.JGT.Reg(place, end, short),
	)
}

func (g *generator) fetch(from asm.Register, offset uint32, octets uint8) {
	switch octets {
	case 1:
		g.add(asm.LoadMem(value, from, int16(offset), asm.Byte))
	case 2:
		g.add(asm.LoadMem(value, from, int16(offset), asm.Half), asm.HostTo(asm.BE, value, asm.Half))
	default:
		g.add(asm.LoadMem(value, from, int16(offset), asm.Word), asm.HostTo(asm.BE, value, asm.Word))
	}
}

// compare jumps where the check holds.
func (g *generator) compare(c check, yes string) {
	op := map[relation]asm.JumpOp{
		equal: asm.JEq, different: asm.JNE, greater: asm.JGT, greaterEqual: asm.JGE, less: asm.JLT, lessEqual: asm.JLE,
	}[c.is]
	g.add(op.Imm32(value, int32(c.value), yes))
}
