package openconfig

import "time"

// rateSteps is in how many steps a rate's interval is divided: the window
// moves by one of them at a time.
const rateSteps = 30

// traffic is what a rate is made of, counted since some moment.
type traffic struct {
	inOctets, inFrames, outOctets, outFrames uint64
}

// rates are means over a time.
type rates struct {
	inBitsPerSecond, inFramesPerSecond, outBitsPerSecond, outFramesPerSecond uint64
}

// rateWindow keeps the counters of one interface over the last interval. It
// has no clock.
type rateWindow struct {
	interval time.Duration
	tried    time.Time    // when a sample was last due
	samples  []rateSample // oldest first
}

type rateSample struct {
	at time.Time
	traffic
}

func (w *rateWindow) step() time.Duration { return max(time.Second, w.interval/rateSteps) }

// due reports whether the next sample should be taken. It stays due only
// until it was tried: an interface that is not there has no counters.
func (w *rateWindow) due(now time.Time) bool { return now.Sub(w.tried) >= w.step() }

// add takes a sample and forgets those that are not needed for the interval
// before it. Counters that went back are those of a new interface of the same
// name.
func (w *rateWindow) add(at time.Time, t traffic) {
	if n := len(w.samples); n > 0 && t.before(w.samples[n-1].traffic) {
		w.samples = w.samples[:0]
	}
	old := 0
	for old+1 < len(w.samples) && at.Sub(w.samples[old+1].at) >= w.interval {
		old++
	}
	w.samples = append(w.samples[:copy(w.samples, w.samples[old:])], rateSample{at, t})
}

func (t traffic) before(o traffic) bool {
	return t.inOctets < o.inOctets || t.inFrames < o.inFrames || t.outOctets < o.outOctets || t.outFrames < o.outFrames
}

// rates are the means from the start of the interval that ends now, or from
// the first sample where that is later; false before there is any time to
// measure over.
func (w *rateWindow) rates(now time.Time, t traffic) (rates, bool) {
	if len(w.samples) == 0 || t.before(w.samples[len(w.samples)-1].traffic) {
		return rates{}, false
	}
	first := w.samples[0]
	for _, s := range w.samples[1:] {
		if now.Sub(s.at) < w.interval {
			break
		}
		first = s
	}
	elapsed := now.Sub(first.at)
	if elapsed <= 0 {
		return rates{}, false
	}
	per := func(from, to uint64) uint64 { return uint64(float64(to-from)/elapsed.Seconds() + 0.5) }
	return rates{
		inBitsPerSecond:    per(8*first.inOctets, 8*t.inOctets),
		inFramesPerSecond:  per(first.inFrames, t.inFrames),
		outBitsPerSecond:   per(8*first.outOctets, 8*t.outOctets),
		outFramesPerSecond: per(first.outFrames, t.outFrames),
	}, true
}
