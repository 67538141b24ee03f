package host

import "time"

// Utilization is one class of time as a share of all time, in whole percent.
type Utilization struct {
	// Instant is the share in the last step of the window.
	Instant uint8
	// Avg is the share over the whole window, Min and Max are the least and
	// greatest of its steps and MinTime and MaxTime the ends of those steps.
	Avg, Min, Max    uint8
	MinTime, MaxTime time.Time
	// Interval is the time the window spans now.
	Interval time.Duration
}

// Window keeps the processor times of the last steps and tells the
// utilisation over them. It has no clock: whoever owns it adds a reading at
// each step. It is not safe for concurrent use.
type Window struct {
	size    int       // steps kept
	samples []reading // oldest first, at most size+1
}

type reading struct {
	at    time.Time
	times map[int]Times
}

// NewWindow keeps so many steps, at least one.
func NewWindow(steps int) *Window {
	return &Window{size: max(1, steps)}
}

// Add takes a reading. The map is the window's from now on.
func (w *Window) Add(at time.Time, times map[int]Times) {
	if len(w.samples) > w.size {
		copy(w.samples, w.samples[1:])
		w.samples = w.samples[:w.size]
	}
	w.samples = append(w.samples, reading{at, times})
}

// CPUs are the CPUs of the newest reading, in no order.
func (w *Window) CPUs() []int {
	if len(w.samples) == 0 {
		return nil
	}
	var cpus []int
	for cpu := range w.samples[len(w.samples)-1].times {
		cpus = append(cpus, cpu)
	}
	return cpus
}

// Utilization is the share of a class on a CPU; false before the CPU was read
// twice. A CPU that came while the window ran is judged from when it came.
func (w *Window) Utilization(cpu int, class Class) (Utilization, bool) {
	var (
		u           Utilization
		first, last reading
		steps       int
	)
	for _, s := range w.samples {
		now, ok := s.times[cpu]
		if !ok {
			steps, first = 0, reading{}
			continue
		}
		if first.times == nil {
			first, last = s, s
			continue
		}
		before := last.times[cpu]
		u.step(share(&before, &now, class), s.at, steps == 0)
		last = s
		steps++
	}
	if steps == 0 {
		return Utilization{}, false
	}
	from, to := first.times[cpu], last.times[cpu]
	u.Avg = share(&from, &to, class)
	u.Interval = last.at.Sub(first.at)
	return u, true
}

func (u *Utilization) step(share uint8, at time.Time, first bool) {
	u.Instant = share
	if first || share < u.Min {
		u.Min, u.MinTime = share, at
	}
	if first || share > u.Max {
		u.Max, u.MaxTime = share, at
	}
}

// share is the part of the time between two readings that a class took, in
// percent, rounded. The kernel's idle and wait columns may go back a little;
// that counts as nothing.
func share(from, to *Times, class Class) uint8 {
	whole := to.whole() - from.whole()
	part := to[class] - from[class]
	if whole <= 0 || part <= 0 {
		return 0
	}
	return uint8(min(100, (100*part+whole/2)/whole))
}
