package main

import (
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/signalbox/signalbox/integration/element"
)

// TestAVethHasNoDCB: the answer is UNIMPLEMENTED, with the path and the reason,
// which is the kernel's if it has none itself. Nothing is changed or told.
func TestAVethHasNoDCB(t *testing.T) {
	r := runElement(t, 1)
	symbols, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	reason := "the kernel has no DCB (CONFIG_DCB)"
	if strings.Contains(string(symbols), " dcb_doit") {
		reason = "the driver of the interface has no DCB (dcbnl)"
	}
	err = r.Configure(t.Context(), element.Access("p1", 10), element.Update("/interfaces/interface[name=p1]/dcb/pfc/config/enabled-priority", []int{3}))
	if want := "/interfaces/interface[name=p1]/dcb: DCB: " + reason; grpcstatus.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want Unimplemented with %q", err, want)
	}
	leaves, err := r.Leaves(t.Context(), "/interfaces/interface[name=p1]")
	if err != nil {
		t.Fatal(err)
	}
	for path := range leaves {
		if strings.Contains(path, "/dcb/") || strings.Contains(path, "/config/") {
			t.Errorf("%s is there after the refusal", path)
		}
	}
}
