package gnmi

import (
	"context"

	gpbext "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// refuseDepth refuses the depth extension where it means nothing: it is
// defined for Get and Subscribe alone (gnmi-depth.md); and with it the history
// extension, which is for Subscribe (gnmi-history.md).
func refuseDepth(extensions []*gpbext.Extension, rpc string) error {
	for _, e := range extensions {
		if e.GetDepth() != nil {
			return status.Errorf(codes.InvalidArgument, "the depth extension applies to Get and Subscribe, not to %s", rpc)
		}
		if e.GetHistory() != nil {
			return status.Errorf(codes.InvalidArgument, "the history extension applies to Subscribe, not to %s", rpc)
		}
	}
	return nil
}

// served are the extensions that the service knows.
func served() []*gpbext.Extension {
	return []*gpbext.Extension{
		{Ext: &gpbext.Extension_MasterArbitration{MasterArbitration: &gpbext.MasterArbitration{}}},
		{Ext: &gpbext.Extension_Commit{Commit: &gpbext.Commit{}}},
		{Ext: &gpbext.Extension_History{History: &gpbext.History{}}},
		{Ext: &gpbext.Extension_Depth{Depth: &gpbext.Depth{}}},
		{Ext: &gpbext.Extension_ConfigSubscription{ConfigSubscription: &gpbext.ConfigSubscription{}}},
	}
}

// peerOf is the client's address for the log.
func peerOf(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		return p.Addr.String()
	}
	return ""
}
