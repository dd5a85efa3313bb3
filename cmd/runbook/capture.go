package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"runbook/builtins/probe"
	"runbook/builtins/probe/pystack"
	"runbook/engine"
	"runbook/engine/event"
)

// captureRecipe is whose questions a capture answers.
const captureRecipe = "wedged-actor"

func (d *door) captureVerb() *cobra.Command {
	var file, proc, match, over, story, from string
	var pids, more []string
	var force, refuseAttach, withMemory bool
	cmd := &cobra.Command{
		Use:   "capture -o FILE | --test STORY",
		Short: "Save what the probes can see, to diagnose it elsewhere",
		Long: `Looks twice at the actor trees, as wedged-actor does, and saves what was read: no
environment, no memory, no file contents but the lines of source at which the Python of
an accused actor stands; secrets in command lines are masked.

With --with-memory it also saves the Python of every process, with the pages of memory
that were read for it: whatever lay on these is in the file, passwords and keys too.

With --test it writes a test instead: it runs the recipe that the story's path names,
here or on what --from means, keeps only what that recipe read, and writes down what
it found. The path is testdata/NAME/CASE.txtar beside NAME.star.`,
		Example: `  runbook capture -o hang.tgz
  runbook run wedged-actor --from hang.tgz      on any machine
  runbook capture --test .runbook/testdata/feed-stalled/silent.txtar --match datad
  runbook capture --test .runbook/testdata/feed-stalled/silent.txtar --from hang.tgz
  runbook capture --test .runbook/testdata/feed-stalled/silent.txtar --from last`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case file == "" && story == "":
				return usage("capture: -o FILE is missing", "runbook capture -o hang.tgz")
			case file != "" && story != "":
				return usage("capture: -o and --test: want one of them", "")
			case story == "" && (from != "" || len(more) > 0):
				return usage("capture: --from and --param go with --test", "")
			}
			if !haveLinux && story == "" {
				return usage("capture needs Linux", "")
			}
			if err := mayWrite("capture", "-o", file, force); err != nil {
				return err
			}
			params := map[string][]string{}
			for name, text := range map[string]string{"match": match, "over": over} {
				if text != "" {
					params[name] = []string{text}
				}
			}
			if len(pids) > 0 {
				params["pid"] = pids
			}
			for _, p := range more {
				name, value, ok := strings.Cut(p, "=")
				if !ok {
					return usage(fmt.Sprintf("capture: --param %s: want NAME=VALUE", p), "")
				}
				params[name] = append(params[name], value)
			}
			if withMemory && story != "" {
				return usage("capture: --with-memory goes with -o", "")
			}
			host := hostOptions{Proc: proc, RefuseAttach: refuseAttach}
			if story != "" {
				return d.captureStory(storyJob{story: story, from: from, job: job{Params: params, Host: host}})
			}
			return d.capture(file, job{ID: newID(), Recipe: captureRecipe, Params: params, Tool: tool(), Host: host}, withMemory)
		},
	}
	f := cmd.Flags()
	f.VarP(filled{&file, "a file, or - for stdout"}, "output", "o", "the `file` to write; - is stdout")
	f.BoolVar(&force, "force", false, "write over an earlier capture")
	f.Var(filled{&story, "the file of a story"}, "test", "write a test of a recipe: the `story` that is to be")
	f.Var(filled{&from, "a file"}, "from", "with --test: a `capture`, or a recorded run that kept its reads, instead of this machine")
	f.StringArrayVar(&more, "param", nil, "with --test: a parameter of the recipe, `NAME=VALUE`")
	f.Var(filled{&match, "a pattern"}, "match", "trees by name or command line (a `regexp`)")
	f.StringSliceVar(&pids, "pid", nil, "any `process` of the tree; where one is given, --match picks nothing")
	fillList(f, "pid", "a pid")
	f.Var(filled{&over, "a time such as 500ms, 30s or 2m"}, "over", "sampling `interval`")
	f.BoolVar(&withMemory, "with-memory", false, "save the memory that is read for Python's stacks, too: it may hold secrets")
	f.Var(filled{&proc, "a directory"}, "proc", "look at another /proc `dir`")
	f.BoolVar(&refuseAttach, "refuse-attach", false, "")
	_ = f.MarkHidden("refuse-attach")
	_ = cmd.RegisterFlagCompletionFunc("pid", d.completePids)
	return cmd
}

// mayWrite refuses a file that a capture cannot become, before anything is looked
// at. An earlier capture may be all that is left of a hang: it stays, without force.
// flag is what named it, of which verb.
func mayWrite(verb, flag, file string, force bool) error {
	if file == "" || file == "-" {
		return nil
	}
	what, hint := fmt.Sprintf("%s: %s %s", verb, flag, file), "name another file"
	if verb == "capture" {
		hint += ", or write over it: --force"
	}
	info, err := os.Stat(file)
	switch {
	case err == nil && info.IsDir():
		return usage(what+": it is a directory", "name a file in it: "+flag+" "+filepath.Join(file, "hang.tgz"))
	case err == nil && !info.Mode().IsRegular():
		return usage(what+": not a regular file", "stdout is: "+flag+" -")
	case err == nil && !force:
		return usage(what+": it is there already", hint)
	}
	dir := filepath.Dir(file)
	if _, err := os.Stat(dir); err != nil {
		return usageBecause(fmt.Errorf("%s: %w", what, err))
	}
	return nil
}

func (d *door) capture(file string, j job, withMemory bool) error {
	b := newBench([]root{{}})
	if _, err := b.load(captureRecipe); err != nil {
		return err
	}
	host, err := openHost(j.Host)
	if err != nil {
		return err
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	recorder := probe.NewRecorder(lookOnly{host})
	seen := newSubjects()
	f, err := b.runOn(ctx, recorder, j, seen, nil)
	switch {
	case err != nil:
		return err
	case f.Outcome == event.Interrupted:
		d.code = engine.ExitCode(f, false)
		return fmt.Errorf("capture: %w", context.Cause(ctx))
	case len(seen.pids) == 0:
		none := &hinted{err: fmt.Errorf("capture: %s", cmp.Or(f.Reason, "no actor tree found")), code: exitWrong}
		if len(j.Params["pid"])+len(j.Params["match"]) == 0 {
			none.hint = "choose one with --pid or --match"
		}
		return none
	}
	remembered := 0
	if withMemory {
		remembered = remember(ctx, recorder, seen)
	}
	meta := probe.SnapshotMeta{Tool: tool(), Trees: seen.trees}
	keep := func(pid int) bool { return seen.pids[pid] }
	size, err := writeNew(file, d.out, func(w io.Writer) error { return recorder.Save(w, meta, keep) })
	switch {
	case isBrokenPipe(err) && file == "-":
		return nil // `| head` has seen enough
	case err != nil:
		return fmt.Errorf("capture: %w", err)
	}
	if warning := seen.hidden(file); warning != "" {
		fmt.Fprintf(d.err, "runbook: %s\n", warning)
	}
	if seen.onlyNames() {
		d.code = exitWrong
	}
	fmt.Fprintf(d.err, "captured %s, %d kB: %s\n", countProcesses(len(seen.pids)), (size+999)/1000, file)
	if remembered > 0 {
		fmt.Fprintf(d.err, "runbook: it holds memory of %s: passwords, keys and data of users may be in it; hand it to nobody who may not see them\n", countProcesses(remembered))
	}
	if file != "-" {
		fmt.Fprintf(d.err, "diagnose it anywhere: runbook run %s --from %s\n", captureRecipe, file)
	}
	return nil
}

func countProcesses(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// remember keeps the Python of all processes that a run spoke of, and what was
// read of their memory for it. It returns of how many.
func remember(ctx context.Context, recorder *probe.Recorder, seen *subjects) int {
	var ledger probe.Ledger
	ctx = probe.WithLedger(ctx, &ledger)
	answers, errs := pystack.AskAll(ctx, recorder, seen.all())
	n := 0
	for i, pid := range seen.all() {
		if answers[i] == nil && errs[i] != nil {
			continue
		}
		var pages pystack.Recording
		if _, err := pystack.Read(ctx, recorder, pid, pystack.Options{Record: &pages}); err == nil {
			recorder.KeepMemory(pid, pages.Bytes())
			n++
		}
	}
	for _, r := range ledger.Rows() {
		seen.cover(&event.Coverage{Probe: r.Probe, PID: r.PID, Status: r.Status})
	}
	return n
}

// lookOnly is a host that does not act: a capture changes nothing.
type lookOnly struct{ probe.Host }

func (lookOnly) Act() probe.Actor { return nil }

// Memory can be looked at, too.
func (l lookOnly) Memory() probe.Memory { return probe.MemoryOf(l.Host) }

// subjects is a sink that notes which processes a run spoke of, which trees it
// drew, and what of them could not be read.
type subjects struct {
	pids   map[int]bool
	as     map[int]event.Subject // what each is called
	trees  []probe.CapturedTree
	open   map[int]bool            // whose descriptors could be read
	denied map[string]map[int]bool // by probe
}

func newSubjects() *subjects {
	return &subjects{pids: map[int]bool{}, as: map[int]event.Subject{}, open: map[int]bool{}, denied: map[string]map[int]bool{}}
}

// all are the processes, by pid.
func (s *subjects) all() []int { return slices.Sorted(maps.Keys(s.pids)) }

// descriptors is the probe on which most others stand: sockets, pipes and epoll
// sets are found through it.
const descriptors = "fds"

func (s *subjects) cover(c *event.Coverage) {
	switch {
	case c.Probe == descriptors && c.Status == "read":
		s.open[c.PID] = true
	case c.Status == "denied" || c.Status == "timeout":
		if s.denied[c.Probe] == nil {
			s.denied[c.Probe] = map[int]bool{}
		}
		s.denied[c.Probe][c.PID] = true
	}
}

// onlyNames reports whether the capture holds no more than who is there: with
// that, no diagnosis is made.
func (s *subjects) onlyNames() bool {
	blind := false
	for pid := range s.pids {
		if s.open[pid] {
			return false
		}
		blind = blind || s.denied[descriptors][pid]
	}
	return blind
}

// hidden says in one line what a capture lacks, and how to get it; "" when it
// lacks nothing.
func (s *subjects) hidden(file string) string {
	of := map[int]bool{}
	var probes []string
	for probe, pids := range s.denied {
		lacks := false
		for pid := range pids {
			if s.pids[pid] {
				of[pid], lacks = true, true
			}
		}
		if lacks {
			probes = append(probes, probe)
		}
	}
	if len(probes) == 0 {
		return ""
	}
	slices.Sort(probes)
	text := fmt.Sprintf("not in the capture, of %d of %d processes: %s (could not be read)", len(of), len(s.pids), strings.Join(probes, ", "))
	if os.Geteuid() != 0 {
		text += "; with more rights: sudo runbook capture -o " + file
	}
	return text
}

func (s *subjects) Write(e event.Event) error {
	if e.Covered != nil {
		s.cover(e.Covered)
	}
	note := func(x *event.Subject) {
		if x != nil && x.Type == "process" {
			s.pids[x.PID], s.as[x.PID] = true, *x
		}
	}
	if e.Shown != nil {
		var tree probe.CapturedTree
		for _, n := range e.Shown.Nodes {
			if note(n.Subject); n.Subject != nil {
				tree.PIDs = append(tree.PIDs, n.Subject.PID)
			}
		}
		if e.Shown.Kind == "tree" && len(tree.PIDs) > 0 {
			s.trees = append(s.trees, tree)
		}
	}
	if e.Found != nil {
		note(e.Found.About)
		for i := range e.Found.Victims {
			note(&e.Found.Victims[i])
		}
		for i := range e.Found.Members {
			note(&e.Found.Members[i])
		}
	}
	return nil
}

func (s *subjects) Close() error { return nil }

// writeNew writes a file whole or not at all: a capture that was cut off looks
// like one until somebody needs it. Its mode is 0600, for it holds other
// people's command lines.
func writeNew(name string, stdout io.Writer, write func(io.Writer) error) (size int64, err error) {
	if name == "-" {
		w := &counting{w: stdout}
		err := write(w)
		return w.n, err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		var why *fs.PathError
		if errors.As(err, &why) {
			err = why.Err // the path is one that nobody has typed
		}
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	buf := bufio.NewWriter(f)
	w := &counting{w: buf}
	// The first error only: on a full disk each of these has the same to say.
	for _, do := range []func() error{func() error { return write(w) }, buf.Flush, f.Sync, f.Close} {
		if err = do(); err != nil {
			f.Close()
			return 0, err
		}
	}
	return w.n, os.Rename(f.Name(), name)
}

type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
