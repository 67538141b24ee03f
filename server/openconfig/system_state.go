package openconfig

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/host"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// SystemState is what openconfig-system says of the machine that changes
// rarely. It is read anew at each call.
func SystemState(h *host.Host) (*Row, error) {
	hostname, err := h.Hostname()
	if err != nil {
		return nil, err
	}
	boot, err := h.BootTime()
	if err != nil {
		return nil, err
	}
	system, err := h.System()
	if err != nil {
		return nil, err
	}
	zone, err := h.Timezone()
	if err != nil {
		return nil, err
	}
	r := row(ocpath.Root)
	r.text(ocpath.SystemStateHostname, hostname)
	r.uint(ocpath.SystemStateBootTime, uint64(boot.UnixNano()))
	r.text(ocpath.SystemStateSoftwareVersion, system.Version)
	r.text(ocpath.SystemClockStateTimezoneName, zone)
	return r, nil
}

// ConfigurationTime is when the configuration was last changed.
func ConfigurationTime(at time.Time) *Row {
	r := row(ocpath.Root)
	r.uint(ocpath.SystemStateLastConfigurationTimestamp, uint64(at.UnixNano()))
	return r
}

// UnconfirmedCommit is the commit that waits for its confirmation.
func UnconfirmedCommit(id string, deadline time.Time) *Row {
	r := row(ocpath.Root)
	r.text(ocpath.SystemConfigurationStateUnconfirmedCommit, id)
	r.uint(ocpath.SystemConfigurationStateRollbackTime, uint64(deadline.UnixNano()))
	return r
}

// ConfigurationVersion is a version of the configuration; the author may be "".
func ConfigurationVersion(id uint64, at time.Time, author string) *Row {
	r := row(ocpath.SystemConfigurationVersionsVersion, strconv.FormatUint(id, 10))
	r.uint(ocpath.SystemConfigurationVersionsVersionId, id)
	r.uint(ocpath.SystemConfigurationVersionsVersionStateId, id)
	r.uint(ocpath.SystemConfigurationVersionsVersionStateTime, uint64(at.UnixNano()))
	if author != "" {
		r.text(ocpath.SystemConfigurationVersionsVersionStateAuthor, author)
	}
	return r
}

// ProcessState is what openconfig-procmon says of the element's own process
// that does not change.
func ProcessState(h *host.Host) (*Row, error) {
	p, err := h.Self()
	if err != nil {
		return nil, err
	}
	r := row(ocpath.SystemProcessesProcess, strconv.Itoa(p.PID))
	r.uint(ocpath.SystemProcessesProcessPid, uint64(p.PID))
	r.uint(ocpath.SystemProcessesProcessStatePid, uint64(p.PID))
	r.text(ocpath.SystemProcessesProcessStateName, p.Name)
	if len(p.Args) > 0 {
		r.put(ocpath.SystemProcessesProcessStateArgs, stringList(p.Args))
	}
	r.uint(ocpath.SystemProcessesProcessStateStartTime, uint64(p.Start.UnixNano()))
	return r, nil
}

// GRPCServerState is what openconfig-system-grpc says of the one listener of
// the element.
func GRPCServerState(at netip.AddrPort, secured bool) *Row {
	r := row(ocpath.SystemGrpcServersGrpcServer, grpcServer)
	r.text(ocpath.SystemGrpcServersGrpcServerName, grpcServer)
	r.text(ocpath.SystemGrpcServersGrpcServerStateName, grpcServer)
	r.put(ocpath.SystemGrpcServersGrpcServerStateServices, schema.ListValue([]schema.Value{schema.EnumValue("GNMI")}))
	r.bool(ocpath.SystemGrpcServersGrpcServerStateEnable, true)
	r.uint(ocpath.SystemGrpcServersGrpcServerStatePort, uint64(at.Port()))
	address := schema.StringValue(at.Addr().Unmap().String())
	if at.Addr().IsUnspecified() {
		address = schema.EnumValue("ANY")
	}
	r.put(ocpath.SystemGrpcServersGrpcServerStateListenAddresses, schema.ListValue([]schema.Value{address}))
	r.bool(ocpath.SystemGrpcServersGrpcServerStateTransportSecurity, secured)
	return r
}
