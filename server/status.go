package server

import (
	"slices"
	"strconv"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// status publishes what there is to know of the configuration as a whole: of
// its versions those that came and went since the last call.
func (o *observer) status(s config.Status) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := telemetry.Batch{Of: telemetry.State}
	remove(&b, ocpath.SystemConfigurationState)
	if s.Unconfirmed != "" {
		put(&b, openconfig.UnconfirmedCommit(s.Unconfirmed, s.Deadline))
	}
	has := func(versions []config.Version, id uint64) bool {
		return slices.ContainsFunc(versions, func(v config.Version) bool { return v.ID == id })
	}
	for _, v := range o.versions {
		if !has(s.Versions, v.ID) {
			remove(&b, ocpath.SystemConfigurationVersionsVersion, strconv.FormatUint(v.ID, 10))
		}
	}
	for _, v := range s.Versions {
		if !has(o.versions, v.ID) {
			put(&b, openconfig.ConfigurationVersion(v.ID, v.Time, v.Author))
		}
	}
	o.versions = s.Versions
	publish(o.telemetry.Publish, b)
}
