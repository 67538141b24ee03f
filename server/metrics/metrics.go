// Package metrics answers Prometheus: the counters, drops and states of the
// element, and its own health, at GET /metrics.
//
// It has no counters of its own: each scrape reads the sources that gNMI reads,
// so both tell the same. Which leaf becomes which metric stands in one table
// (families.go). It decides nothing about who may scrape; whoever may read part
// of the tree is told that part.
package metrics

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// namespace begins the name of each metric that is the element's.
const namespace = "signalbox"

// scrapeTime bounds how long one scrape may read.
const scrapeTime = 10 * time.Second

// Observer tells what was last observed. Nobody modifies it.
type Observer interface {
	State() *spec.State
}

// Options are what an exporter reads.
type Options struct {
	Sources  []telemetry.Source
	Observer Observer
	Version  string
	Log      *slog.Logger
	// Readable gives what the caller of a request may read; nil is everything.
	Readable func(context.Context) (*schema.Limit, error)
}

// Exporter answers scrapes.
type Exporter struct {
	options Options
	sources []source
	process []prometheus.Collector
}

// source is a telemetry source with the columns of it that are told.
type source struct {
	telemetry.Source
	columns []column
}

// column is one leaf of a source's rows.
type column struct {
	at   int // its place in a row
	leaf ocpath.ID
	desc *prometheus.Desc
	kind prometheus.ValueType
	// scale multiplies the value.
	scale float64
}

// New builds an exporter. Sources of which nothing is told are left out.
func New(o Options) *Exporter {
	e := &Exporter{options: o, process: []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}}
	for _, s := range o.Sources {
		if columns := columnsOf(s.Leaves()); len(columns) > 0 {
			e.sources = append(e.sources, source{s, columns})
		}
	}
	return e
}

// columnsOf finds the leaves that are told.
func columnsOf(leaves []ocpath.ID) []column {
	var columns []column
	for _, group := range table() {
		for _, f := range group.families {
			for at, leaf := range leaves {
				if leaf != f.leaf {
					continue
				}
				desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", f.name), f.help, group.labels, nil)
				columns = append(columns, column{at, leaf, desc, f.kind, cmp.Or(f.scale, 1)})
			}
		}
	}
	return columns
}

// ServeHTTP answers one scrape. What can't be read fails the scrape: a metric
// that is missing looks like a device that went.
func (e *Exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	limit, err := e.options.Readable(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), scrapeTime)
	defer cancel()
	registry := prometheus.NewPedanticRegistry()
	all := append([]prometheus.Collector{scrape{ctx, e, limit}}, e.process...)
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:      errorLog{e.options.Log},
		ErrorHandling: promhttp.HTTPErrorOnError,
	}).ServeHTTP(w, r)
}

// errorLog hands promhttp's complaints to the element's log.
type errorLog struct{ log *slog.Logger }

// Println logs what a scrape could not tell.
func (l errorLog) Println(v ...any) { l.log.Warn("scrape", "err", v) }

// scrape collects once, for one caller.
type scrape struct {
	ctx   context.Context
	e     *Exporter
	limit *schema.Limit // nil: everything
}

// Describe names no metric beforehand: which there are follows from what is
// there and from who asks.
func (s scrape) Describe(chan<- *prometheus.Desc) {}

// Collect reads the sources and the state.
func (s scrape) Collect(ch chan<- prometheus.Metric) {
	var errs []error
	for _, src := range s.e.sources {
		errs = append(errs, s.read(src, ch))
	}
	if err := errors.Join(errs...); err != nil {
		ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
	}
	s.state(ch)
	info := prometheus.NewDesc(namespace+"_build_info", "The element's version; the value is always 1.", []string{"version"}, nil)
	ch <- prometheus.MustNewConstMetric(info, prometheus.GaugeValue, 1, s.e.options.Version)
}

// read tells the rows of one source.
func (s scrape) read(src source, ch chan<- prometheus.Metric) error {
	_, err := src.Read(s.ctx, nil, func(keys []string, values []schema.Value) error {
		for _, c := range src.columns {
			if v := values[c.at]; v.Valid() && s.permits(c.leaf, keys...) {
				ch <- prometheus.MustNewConstMetric(c.desc, c.kind, number(v)*c.scale, keys...)
			}
		}
		return nil
	})
	return err
}

func (s scrape) permits(leaf ocpath.ID, keys ...string) bool {
	return s.limit == nil || s.limit.Permits(schema.Path{Node: leaf, Keys: keys})
}

// number is the value of a numeric leaf.
func number(v schema.Value) float64 {
	if v.Kind() == schema.Uint {
		return float64(v.Uint())
	}
	return float64(v.Int())
}
