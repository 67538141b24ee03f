// Command bench is what "make bench" runs: it measures an element beside
// baselines in the same run, since numbers of different machines, or of
// different minutes on one machine, do not compare; the ratios do. It prints a
// Markdown table.
//
// What is compared takes turns in short windows, and medians are shown. The
// goals are those the project set itself; see ARCHITECTURE.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == writerCommand {
		if err := runWriter(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench writer:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the benchmark.
type bench struct {
	binary string
	window time.Duration // of one turn
	rounds int           // turns of each arm
	only   []string      // the groups to measure; empty for all
	// stallTime is how long a subscriber takes nothing.
	stallTime time.Duration
	rows      []row
}

// row is a line of the table.
type row struct {
	what, measured, beside, ratio, goal string
}

// part is a group of measurements.
type part struct {
	name string
	do   func(*bench, context.Context) error
}

func parts() []part {
	return []part{
		{"program", (*bench).program},
		{"forward", (*bench).forward},
		{"tcp", (*bench).tcp},
		{"teaming", (*bench).teaming},
		{"maximum", (*bench).qosMaximum},
		{"shares", (*bench).qosShares},
		{"strict", (*bench).qosStrict},
		{"classes", (*bench).qosCost},
		{"queues", (*bench).qosPorts},
		{"manage", (*bench).manage},
	}
}

// wants reports whether any of the groups is to be measured.
func (b *bench) wants(groups ...string) bool {
	return len(b.only) == 0 || slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(b.only, g) })
}

// say tells who waits what is being done.
func (b *bench) say(format string, args ...any) { fmt.Fprintf(os.Stderr, "  "+format+"\n", args...) }

// groups are the names of all that can be measured by itself.
func groups() []string {
	var names []string
	for _, p := range parts() {
		if p.name == "manage" {
			names = append(names, managed()...)
		} else {
			names = append(names, p.name)
		}
	}
	return names
}

func run(ctx context.Context, args []string) error {
	b := &bench{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&b.binary, "element", "bin/signalbox", "the element's program")
	flags.DurationVar(&b.window, "window", 200*time.Millisecond, "time of one turn")
	flags.IntVar(&b.rounds, "rounds", 15, "turns of each arm")
	flags.DurationVar(&b.stallTime, "stall", time.Minute, "how long a subscriber takes nothing")
	only := flags.String("run", "", "comma-separated `groups` to measure, of "+strings.Join(groups(), ", "))
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := b.choose(*only); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("the benchmark makes network namespaces and loads eBPF programs: run it as root, as in \"sudo make bench\"")
	}
	for _, p := range parts() {
		if !b.wants(p.name) && p.name != "manage" {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s …\n", p.name)
		if err := p.do(b, ctx); err != nil {
			b.print() // what there is
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	b.print()
	return nil
}

// choose takes the groups to measure.
func (b *bench) choose(only string) error {
	if only == "" {
		return nil
	}
	b.only = strings.Split(only, ",")
	for _, name := range b.only {
		if !slices.Contains(groups(), name) {
			return fmt.Errorf("there is no group %q: want some of %s", name, strings.Join(groups(), ", "))
		}
	}
	return nil
}

func (b *bench) add(r row) { b.rows = append(b.rows, r) }

func (b *bench) print() {
	fmt.Printf("\nMeasured on %s.\n\n", machine())
	fmt.Println("| what | measured | beside | ratio | goal |")
	fmt.Println("|---|---|---|---|---|")
	for _, r := range b.rows {
		fmt.Printf("| %s | %s | %s | %s | %s |\n", r.what, r.measured, r.beside, r.ratio, r.goal)
	}
}

// machine names this machine: its processor, kernel and number of CPUs.
func machine() string {
	var u syscall.Utsname
	kernel := "Linux"
	if syscall.Uname(&u) == nil {
		var release []byte
		for _, c := range u.Release {
			if c == 0 {
				break
			}
			release = append(release, byte(c))
		}
		kernel += " " + string(release)
	}
	model, cpus := "unknown processor", 0
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return model + ", " + kernel
	}
	for line := range strings.SplitSeq(string(info), "\n") {
		name, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) == "model name" {
			model, cpus = strings.TrimSpace(value), cpus+1
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s, %s", model, cpus, kernel, time.Now().Format("January 2006"))
}

// arm is one of several things that are compared.
type arm struct {
	name    string
	measure func() (float64, error)
}

// turns measures the arms in turns and gives the median of each.
func (b *bench) turns(ctx context.Context, arms []arm) (map[string]float64, error) {
	return takeTurns(ctx, b.rounds, arms)
}

func takeTurns(ctx context.Context, rounds int, arms []arm) (map[string]float64, error) {
	all := map[string][]float64{}
	for range rounds {
		for _, a := range arms {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			v, err := a.measure()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", a.name, err)
			}
			all[a.name] = append(all[a.name], v)
		}
	}
	medians := map[string]float64{}
	for name, values := range all {
		medians[name] = median(values)
	}
	return medians, nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func ratio(a, b float64) string { return fmt.Sprintf("%.2f×", a/b) }
