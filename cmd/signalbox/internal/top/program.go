package top

import (
	"context"
	"errors"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// help is the last line of the screen.
const help = "q quit   o order   p ports or all interfaces   space pause   ↑ ↓ scroll"

// redraw is how often the screen is drawn at least: notifications come in
// pieces.
const redraw = 250 * time.Millisecond

// Feed hands notifications to a function until the context ends, and says why
// it ended otherwise.
type Feed func(ctx context.Context, each func(*gpb.Notification) error) error

// Sampler hands packets to a function until the context ends: the flow that each
// is of, where it came in, and how many octets it stands for. nil samples none.
type Sampler func(ctx context.Context, each func(flow, in string, octets float64)) error

// Run shows a board on a terminal until the user quits, the context ends or a
// feed fails. Flows are looked at in rounds of the interval.
func Run(ctx context.Context, title string, feed Feed, flows Sampler, interval time.Duration, in io.Reader, out io.Writer, styles Styles) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := tea.NewProgram(screenModel{
		board:    NewBoard(),
		interval: interval,
		screen:   Screen{Title: title, Help: help, Styles: styles, Ports: true, Width: 120, Height: 40},
	}, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	fed := make(chan error, 2)
	go func() {
		fed <- feed(ctx, func(n *gpb.Notification) error {
			p.Send(told{n})
			return nil
		})
		p.Quit()
	}()
	go func() {
		if flows == nil {
			fed <- nil
			return
		}
		fed <- flows(ctx, func(flow, in string, octets float64) { p.Send(sampled{flow, in, octets}) })
		p.Quit()
	}()
	_, err := p.Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		err = nil // Ctrl-C is how it ends
	}
	cancel()
	for range cap(fed) {
		if why := <-fed; !errors.Is(why, context.Canceled) && err == nil {
			err = why
		}
	}
	return err
}

// told is a notification, sampled a packet, tick the time to draw.
type (
	told    struct{ *gpb.Notification }
	sampled struct {
		flow, in string
		octets   float64
	}
	tick time.Time
)

// screenModel is the state of the terminal.
type screenModel struct {
	board    *Board
	screen   Screen
	interval time.Duration // of rounds
	round    time.Time     // when the last one ended
	paused   bool
	frame    string // as drawn last
}

// Init begins to draw.
func (m screenModel) Init() tea.Cmd { return next() }

func next() tea.Cmd { return tea.Tick(redraw, func(t time.Time) tea.Msg { return tick(t) }) }

// Update takes what happened.
func (m screenModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case told:
		m.board.Apply(msg.Notification)
		return m, nil
	case sampled:
		m.board.Sample(msg.flow, msg.in, msg.octets)
		return m, nil
	case tick:
		if at := time.Time(msg); at.Sub(m.round) >= m.interval {
			m.board.Round(at)
			m.round = at
		}
		if !m.paused {
			m.frame = Render(m.board, m.screen)
		}
		return m, next()
	case tea.WindowSizeMsg:
		m.screen.Width, m.screen.Height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if quit := m.key(msg.String()); quit {
			return m, tea.Quit
		}
	}
	m.frame = Render(m.board, m.screen)
	return m, nil
}

// key does what a key asks for; it reports whether that is to end.
func (m *screenModel) key(name string) (quit bool) {
	switch name {
	case "q", "esc", "ctrl+c":
		return true
	case "o":
		m.screen.Order = (m.screen.Order + 1) % orders
	case "p":
		m.screen.Ports = !m.screen.Ports
	case "space":
		m.paused = !m.paused
	case "up", "k":
		m.screen.Skip = max(m.screen.Skip-1, 0)
	case "down", "j":
		m.screen.Skip = min(m.screen.Skip+1, max(len(m.board.ports)-1, 0))
	}
	return false
}

// View is what the terminal shows.
func (m screenModel) View() tea.View {
	v := tea.NewView(m.frame)
	v.AltScreen = true
	return v
}
