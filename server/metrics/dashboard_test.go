package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDashboard: the dashboard asks for no metric that is not told.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../../telemetry/docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{"signalbox_build_info": true}
	for _, group := range table() {
		for _, f := range group.families {
			told[namespace+"_"+f.name] = true
		}
	}
	for _, g := range gauges() {
		told[namespace+"_"+g.name] = true
	}
	name := regexp.MustCompile(`signalbox_[a-z_]+`)
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			for _, metric := range name.FindAllString(target.Expr, -1) {
				if !told[metric] {
					t.Errorf("panel %q asks for %s", panel.Title, metric)
				}
			}
			if strings.TrimSpace(target.Expr) == "" {
				t.Errorf("panel %q asks for nothing", panel.Title)
			}
		}
	}
	if len(dashboard.Panels) == 0 {
		t.Error("no panels")
	}
}
