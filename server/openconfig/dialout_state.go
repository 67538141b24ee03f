package openconfig

import (
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
)

// Collector is how it stands with a collector that the element connects to.
type Collector struct {
	// Address is the collector's, as it was given.
	Address string
	// Target is the name that the element registers under.
	Target     string
	Registered bool
	// Since is when Registered became what it is; zero before the first try has
	// ended.
	Since    time.Time
	Tries    uint64
	Sessions int
	// Err is why the last connection failed or ended, "" while registered.
	Err string
}

// CollectorState is what signalbox-dial-out says of a collector.
func CollectorState(c Collector) *Row {
	r := row(ocpath.SystemGrpcServersGrpcServerDialOutCollector, grpcServer, c.Address)
	r.text(ocpath.SystemGrpcServersGrpcServerDialOutCollectorAddress, c.Address)
	r.text(ocpath.SystemGrpcServersGrpcServerDialOutCollectorStateAddress, c.Address)
	r.text(ocpath.SystemGrpcServersGrpcServerDialOutCollectorStateTarget, c.Target)
	r.bool(ocpath.SystemGrpcServersGrpcServerDialOutCollectorStateRegistered, c.Registered)
	if !c.Since.IsZero() {
		r.uint(ocpath.SystemGrpcServersGrpcServerDialOutCollectorStateLastChange, uint64(c.Since.UnixNano()))
	}
	r.uint(ocpath.SystemGrpcServersGrpcServerDialOutCollectorStateTries, c.Tries)
	r.uint(ocpath.SystemGrpcServersGrpcServerDialOutCollectorStateSessions, uint64(c.Sessions))
	r.text(ocpath.SystemGrpcServersGrpcServerDialOutCollectorStateLastError, c.Err)
	return r
}
