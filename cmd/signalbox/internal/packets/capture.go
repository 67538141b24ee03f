package packets

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// Capture writes packets as pcapng: one interface block for each interface that
// packets come in at, and in the comments of each packet what became of it.
type Capture struct {
	w    io.Writer
	ng   *pcapgo.NgWriter // nil before the first interface
	ids  map[string]int
	snap uint32
	info pcapgo.NgSectionInfo
}

// NewCapture writes to w. The file has no interface before the first packet.
func NewCapture(w io.Writer, snap uint32, version, comment string) *Capture {
	return &Capture{w: w, ids: map[string]int{}, snap: snap, info: pcapgo.NgSectionInfo{
		Hardware: runtime.GOARCH, OS: runtime.GOOS, Application: "signalbox " + version, Comment: comment,
	}}
}

// Begin writes the file's header and the interfaces that are known; of a capture
// that sees no packet that is all.
func (c *Capture) Begin(interfaces ...string) error {
	for _, name := range interfaces {
		if _, err := c.id(name); err != nil {
			return err
		}
	}
	if c.ng == nil {
		if _, err := c.id("any"); err != nil {
			return err
		}
	}
	return c.ng.Flush()
}

// id is the number of an interface's block, which is written where it is new.
func (c *Capture) id(name string) (int, error) {
	if id, ok := c.ids[name]; ok {
		return id, nil
	}
	block := pcapgo.NgInterface{
		Name: name, Description: "port of a Signalbox switch", OS: runtime.GOOS,
		LinkType: layers.LinkTypeEthernet, SnapLength: c.snap, TimestampResolution: 9,
	}
	var id int
	var err error
	if c.ng == nil {
		c.ng, err = pcapgo.NewNgWriterInterface(c.w, block, pcapgo.NgWriterOptions{SectionInfo: c.info})
	} else {
		id, err = c.ng.AddInterface(block)
	}
	if err == nil {
		c.ids[name] = id
	}
	return id, err
}

// Write adds a packet.
func (c *Capture) Write(p *Packet) error {
	name := p.In
	if name == "" {
		name = "unknown"
	}
	id, err := c.id(name)
	if err != nil {
		return err
	}
	info := gopacket.CaptureInfo{
		Timestamp: p.Time, InterfaceIndex: id, CaptureLength: len(p.Octets), Length: max(p.Length, len(p.Octets)),
	}
	packet := p.ID
	return c.ng.WritePacketWithOptions(info, p.Octets, pcapgo.NgPacketOptions{Comments: Comments(p), PacketID: &packet})
}

// Flush writes what waits.
func (c *Capture) Flush() error {
	if c.ng == nil {
		return nil
	}
	return c.ng.Flush()
}

// Comments say what became of a packet: the verdict, the line of configuration
// that a drop follows from, and the way through the stages.
func Comments(p *Packet) []string {
	verdict := p.Verdict
	if p.Reason != "" {
		verdict += " " + p.Reason
	}
	comments := []string{fmt.Sprintf("%s: %s", verdict, route(p))}
	if d := p.dropped(); d != nil {
		if d.Detail != "" {
			comments = append(comments, "reason: "+d.Detail)
		}
		if d.ConfigPath != "" {
			comments = append(comments, "config-path: "+d.ConfigPath)
		}
	}
	var way []string
	for i := range p.Steps {
		way = append(way, strings.Join(strings.Fields(stepText(&p.Steps[i], Styles{})), " "))
	}
	return append(comments, strings.Join(way, "\n"))
}
