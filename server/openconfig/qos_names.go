package openconfig

import (
	"maps"
	"slices"
	"sync"

	"github.com/signalbox/signalbox/gen/oc"
)

// QoSNames are what the configuration calls the classes and rates of a port. The
// datapath tells what of them is in effect, and knows no names.
type QoSNames struct {
	// ID is the key of the entry of /qos/interfaces that is about the port, the
	// port's name where there is none.
	ID string
	// Classifiers by the type under which the port has them, ETHERNET among them.
	Classifiers map[string]string
	Trust       string // "" where it is not configured
	// Terms are the ids of the port's terms, in their order (spec.Term).
	Terms         []string
	Input, Output string // policies; "" for none
}

// equal reports that both are told alike.
func (n *QoSNames) equal(o *QoSNames) bool {
	return n.ID == o.ID && n.Trust == o.Trust && n.Input == o.Input && n.Output == o.Output &&
		maps.Equal(n.Classifiers, o.Classifiers) && slices.Equal(n.Terms, o.Terms)
}

// QoSNames are the names of the classes and rates of a port.
func (c *Config) QoSNames(port string) QoSNames {
	ids := c.index.qosOf(port)
	if len(ids) == 0 {
		return QoSNames{ID: port}
	}
	w := wishesOf(qosInterfaces(c.device)[ids[0]])
	names := QoSNames{ID: ids[0], Classifiers: w.classifiers, Input: w.input.policy, Output: w.output.policy}
	switch w.trust {
	case oc.SignalboxQos_TrustMode_DSCP:
		names.Trust = "DSCP"
	case oc.SignalboxQos_TrustMode_PCP:
		names.Trust = "PCP"
	case oc.SignalboxQos_TrustMode_NONE:
		names.Trust = "NONE"
	}
	if classifier, err := c.decodePortClassifier(ids[0], w); err == nil && classifier != nil {
		for n := range classifier.Terms {
			names.Terms = append(names.Terms, classifier.Terms[n].ID)
		}
	}
	return names
}

// Renamed are the ports of which the names of classes and rates may be others
// than in the configuration that this one was made from.
func (c *Config) Renamed() []string { return c.renamed }

// QoSDirectory has the names of the classes and rates of ports, for what tells
// them. It is safe for concurrent use.
type QoSDirectory struct {
	mu    sync.RWMutex // guards what follows
	names map[string]QoSNames
}

// NewQoSDirectory knows no names: each port has its own.
func NewQoSDirectory() *QoSDirectory { return &QoSDirectory{names: map[string]QoSNames{}} }

// Set takes the names of a port, and reports that they are others than before.
func (d *QoSDirectory) Set(port string, names QoSNames) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, ok := d.names[port]
	if !ok {
		before = QoSNames{ID: port}
	}
	if before.equal(&names) {
		return false
	}
	d.names[port] = names
	if names.equal(&QoSNames{ID: port}) {
		delete(d.names, port)
	}
	return true
}

// Of gives the names of a port. Nobody modifies them.
func (d *QoSDirectory) Of(port string) QoSNames {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if names, ok := d.names[port]; ok {
		return names
	}
	return QoSNames{ID: port}
}
