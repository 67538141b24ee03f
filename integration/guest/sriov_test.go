package guest

import "testing"

// TestSRIOV runs the tests of package functions, a boot for each group of them:
// they wreck what they run on.
func TestSRIOV(t *testing.T) {
	for _, tt := range []struct {
		group string
		kit   Kit
	}{
		{"Igb", SRIOV()},
		{"Unplug", SRIOV()},
		{"Netdevsim", Netdevsim()},
	} {
		t.Run(tt.group, func(t *testing.T) {
			boot(t, suite{kit: tt.kit, packages: []string{"integration/guest/functions"}, script: line("functions", "^Test"+tt.group)})
		})
	}
}
