package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// BootRun is a program to bring up, to look at while it lives, and to end.
type BootRun struct {
	// Args is argv. In it, and in the values of Env, BootDir stands for a private
	// directory, which is made for the run and removed after it.
	Args  []string
	Dir   string            // where it runs; "" = ours
	Env   []string          // whole environment; nil = ours
	Files map[string]string // names and texts, put into the private directory
	// Trace lets the Python programs of the tree note where they dial and listen.
	Trace bool

	// Until is asked again and again, while the program lives, whether it has come
	// up; nil: it is to end by itself.
	Until func(ctx context.Context, tree []ID) bool
	Ends  bool // then its own end is waited for, and it gets no SIGINT

	Timeout time.Duration // for all up to SIGINT, or to its own end
	Grace   time.Duration // from SIGINT to its end; the same again from SIGTERM to SIGKILL
	// OnHang is called before a tree that must be ended gets its first signal.
	OnHang func(ctx context.Context, tree []ID)
}

// BootDir stands for the private directory of a run.
const BootDir = "{dir}"

// Booted is what became of a BootRun.
//
// Outcome:
//
//	interrupted  it came up, got SIGINT, and ended
//	ended        it ended by itself
//	hang         the time was over, and it had neither come up nor ended
//	end-hang     it had come up, and then did not end
type Booted struct {
	Outcome  string
	Up       bool          // Until was satisfied
	UpAfter  time.Duration // from the start
	EndedIn  time.Duration // from SIGINT, or from being up, to the end; 0 = it did not end
	ExitCode int           // -1 when a signal ended it
	Signal   string        // "SIGKILL"; "" when it exited
	Duration time.Duration // to its end, or to the moment at which it was given up
	Output   []byte        // the end of stdout and stderr, in the order of writing
	Cut      bool          // there was more
	Members  []ID          // of the tree, over all its life, as far as they were met; the program first
	Leaks    []Leak        // what it left behind; of the processes none is left now
	Dialled  []Dialled     // with Trace
}

const bootOutput = 256 << 10

// BootUp starts a program in a session of its own, with the signals that a
// terminal would give it, waits until it has come up, ends it by SIGINT to the
// program alone, and looks at what is left. Nothing of its tree is left then.
//
// Errors: ctx's, with a result that holds all the same; no private directory
// could be made; the program could not be started. A program that hangs, fails
// or leaves something behind is no error.
func BootUp(ctx context.Context, h Host, r BootRun) (Booted, error) {
	if h.Act() == nil {
		return Booted{}, fmt.Errorf("boot: %w", ErrUnsupported)
	}
	if r.Env == nil {
		r.Env = os.Environ()
	}
	dir, err := privateName()
	if err != nil {
		return Booted{}, fmt.Errorf("boot: %w", err)
	}
	r = r.settle(dir)
	s := &bootSession{host: h, run: r, began: time.Now(), leaks: watchLeaks(h, r.Env)}
	ended, err := h.Act().Run(ctx, Command{
		Args: r.Args, Dir: r.Dir, Env: r.Env, Deadline: r.Timeout + r.Grace, Grace: r.Grace,
		MaxBytes: bootOutput, Tail: true, Merged: true, DefaultSignals: true,
		Private: dir, Prepare: func() error { return r.fill(dir) },
		Collect: func() {
			if r.Trace {
				s.booted.Dialled = readDialled(dir)
			}
		},
		Watch: s.watch, AtDeadline: s.atDeadline, AtLeft: s.atLeft,
	})
	var survivors *SurvivorsError
	if errors.As(err, &survivors) {
		for _, who := range survivors.Left {
			s.booted.Leaks = append(s.booted.Leaks, Leak{Kind: "process", Text: who + " is still there after SIGKILL"})
		}
	}
	if err != nil && ctx.Err() == nil && survivors == nil {
		return s.booted, fmt.Errorf("boot: %w", err)
	}
	s.tell(ended)
	s.booted.Leaks = append(s.booted.Leaks, s.leaks.files(context.WithoutCancel(ctx))...)
	if ctx.Err() != nil {
		return s.booted, fmt.Errorf("boot: %w", ctx.Err())
	}
	return s.booted, nil
}

// fill puts the files into dir.
func (r BootRun) fill(dir string) error {
	for name, text := range r.Files {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%q is no name of a file in the private directory", name)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	if r.Trace {
		return traceDials(dir)
	}
	return nil
}

// settle puts the name of dir into the run.
func (r BootRun) settle(dir string) BootRun {
	r.Args, r.Env = slices.Clone(r.Args), slices.Clone(r.Env)
	for _, list := range [][]string{r.Args, r.Env} {
		for i, text := range list {
			list[i] = strings.ReplaceAll(text, BootDir, dir)
		}
	}
	if r.Trace {
		r.Env = tracingDials(dir, r.Env)
	}
	return r
}

// bootSession is a boot under way.
type bootSession struct {
	host   Host
	run    BootRun
	began  time.Time
	leaks  *leakWatch
	booted Booted

	up      time.Time // when Until was satisfied
	givenUp time.Time // when the last look was taken
}

// watch asks whether the program has come up, and sends it SIGINT once it has.
// Whoever has come up, and was not told to end, may take all of Timeout.
func (s *bootSession) watch(ctx context.Context, tree []ID) (over bool) {
	for _, id := range tree {
		if !slices.Contains(s.booted.Members, id) {
			s.booted.Members = append(s.booted.Members, id)
		}
	}
	switch {
	case len(tree) == 0: // it has ended, or is about to be seen so
		return false
	case !s.booted.Up && s.run.Until != nil && s.run.Until(ctx, tree):
		s.booted.Up, s.up = true, time.Now()
		s.booted.UpAfter = s.up.Sub(s.began)
		if !s.run.Ends {
			_ = s.host.Act().Signal(ctx, tree[0], 2) // gone: so it has ended
		}
		return false
	case s.booted.Up && !s.run.Ends:
		return time.Since(s.up) > s.run.Grace
	}
	return time.Since(s.began) > s.run.Timeout
}

func (s *bootSession) atDeadline(ctx context.Context, tree []ID) {
	s.givenUp = time.Now()
	if s.run.OnHang != nil {
		s.run.OnHang(ctx, tree)
	}
}

func (s *bootSession) atLeft(ctx context.Context, left []Process) {
	s.booted.Leaks = s.leaks.processes(ctx, left)
}

func (s *bootSession) tell(ended Result) {
	b := &s.booted
	b.ExitCode, b.Signal, b.Output, b.Cut, b.Duration = ended.ExitCode, ended.Signal, ended.Stdout, ended.Cut, ended.Duration
	hung := !s.givenUp.IsZero()
	if hung {
		b.Duration = s.givenUp.Sub(s.began)
	} else if b.Up {
		b.EndedIn = b.Duration - b.UpAfter
	}
	switch {
	case hung && b.Up:
		b.Outcome = "end-hang"
	case hung:
		b.Outcome = "hang"
	case b.Up && !s.run.Ends:
		b.Outcome = "interrupted"
	default:
		b.Outcome = "ended"
	}
}
