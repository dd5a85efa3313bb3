package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"runbook/engine"
	"runbook/engine/sink"
)

// runFlags are the flags of `run` itself. Those of a recipe stand beside them
// on the same line, so a recipe may not name a parameter like one of these:
// engine.ReservedFlags lists them, and a test holds the two together.
type runFlags struct {
	looks
	allow        []string
	steps        []string
	dryRun       bool
	explain      bool
	json, jsonl  bool
	sarif        string
	sarifTo      *sarifFile // opened; nil = none
	record       string
	noRecord     bool
	keepReads    bool
	from, proc   string
	failOn       string
	refuseAttach bool
	deadline     time.Duration
	help         bool
}

func (r *runFlags) set(conf *config) *pflag.FlagSet {
	f := newFlagSet()
	f.StringSliceVar(&r.allow, "allow", nil, "grant `effects`: run, write, kill (repeat, or with commas)")
	f.StringSliceVar(&r.steps, "step", nil, "run only this `step`, and those it takes values from (repeat)")
	fillList(f, "allow", "run, write or kill")
	fillList(f, "step", "a step")
	f.BoolVar(&r.dryRun, "dry-run", false, "look for real, show what the rest would do")
	f.BoolVar(&r.explain, "explain", false, "say of each finding which lines of the recipe led to it, and what they saw")
	f.Var(filled{&r.from, "a file"}, "from", "diagnose a `capture` instead of this machine; - is stdin")
	f.Var(filled{&r.proc, "a directory"}, "proc", "look at another /proc `dir`, as of the host in a container")
	f.BoolVar(&r.json, "json", false, "one JSON document on stdout when the run ends")
	f.BoolVar(&r.jsonl, "jsonl", false, "the events as JSON lines on stdout as they come")
	f.Var(filled{&r.sarif, "a file"}, "sarif", "also write what was found in files to `file` as SARIF, for code hosts")
	f.Var(filled{&r.record, "a directory"}, "record", "record into `dir` instead of the list of runs")
	f.BoolVar(&r.noRecord, "no-record", conf.NoRecord, "do not record this run")
	f.BoolVar(&r.keepReads, "keep-reads", false, "keep what was read beside the record, for a test (see: capture --test)")
	f.StringVar(&r.failOn, "fail-on", cmp.Or(conf.FailOn, "fault"), "the mildest `verdict` that makes exit 1: fault or warn")
	f.DurationVar(&r.deadline, "deadline", 0, "interrupt the run after this `time`")
	f.CountVarP(&r.verbose, "verbose", "v", "guidance, calls and all evidence")
	r.looks.flags(f, conf)
	f.BoolVar(&r.refuseAttach, "refuse-attach", false, "look as if attaching to processes were refused")
	_ = f.MarkHidden("refuse-attach")
	f.BoolVarP(&r.help, "help", "h", false, "show this help")
	return f
}

// filled is a text that is given, or left out with its flag. An empty one comes
// from a variable of a shell that was never set, and would be taken for the
// latter: a run of this machine, a record elsewhere, a report that nobody writes.
type filled struct {
	to   *string
	want string
}

func (f filled) String() string {
	if f.to == nil {
		return ""
	}
	return *f.to
}

func (f filled) Set(text string) error {
	if text == "" {
		return errors.New("want " + f.want)
	}
	*f.to = text
	return nil
}

func (f filled) Type() string { return "string" }

// filledList is filled, of a flag that is repeated: without a word in it, it
// would mean all steps.
type filledList struct {
	pflag.Value
	want string
}

func (f filledList) Set(text string) error {
	if text == "" {
		return errors.New("want " + f.want)
	}
	return f.Value.Set(text)
}

// fillList makes a repeated flag refuse an empty text.
func fillList(f *pflag.FlagSet, name, want string) {
	flag := f.Lookup(name)
	flag.Value, flag.DefValue = filledList{flag.Value, want}, ""
}

func newFlagSet() *pflag.FlagSet {
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	return f
}

// check refuses what contradicts itself. over is whether the recipe was given
// a sampling interval.
func (r *runFlags) check() error {
	if err := r.looks.check(); err != nil {
		return err
	}
	switch {
	case r.json && r.jsonl:
		return usage("--json and --jsonl: want one of them", "")
	case r.from != "" && r.proc != "":
		return usage("--from and --proc: want one of them", "")
	case r.record != "" && r.noRecord:
		return usage("--record and --no-record: want one of them", "")
	case r.keepReads && r.noRecord:
		return usage("--keep-reads and --no-record: want one of them", "")
	case r.failOn != "fault" && r.failOn != "warn":
		return usage(fmt.Sprintf("--fail-on %s: want fault or warn", cmp.Or(r.failOn, `""`)), "")
	case r.deadline < 0:
		return usage(fmt.Sprintf("--deadline %s: want a time from now on", r.deadline), "")
	}
	if err := mayRecord(r.record); err != nil {
		return err
	}
	effects, err := r.effects()
	if err != nil {
		return usage("--allow: "+err.Error(), "")
	}
	for _, e := range effects {
		if (r.from != "" || r.proc != "") && e != engine.Write {
			flag := "--from"
			if r.proc != "" {
				flag = "--proc"
			}
			return usage(fmt.Sprintf("--allow %s with %s: the pids there are not ours", e, flag), "run it on the machine itself, without "+flag)
		}
	}
	return nil
}

// mayRecord reports, before a run of an hour rather than after it, that dir cannot
// take its record.
func mayRecord(dir string) error {
	if dir == "" {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(dir, sink.EventsFile)); err == nil {
		return usage(fmt.Sprintf("--record %s: the record of a run is there already", dir), "name another directory, or see that run: runbook replay "+dir)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return usage(fmt.Sprintf("--record %s: want a directory, and it is a file", dir), "name another: --record "+dir+".d")
	}
	return nil
}

func (r *runFlags) effects() ([]engine.Effect, error) {
	var out []engine.Effect
	for _, name := range r.allow {
		e, err := engine.ParseEffect(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out, nil
}

// paramFlags makes real flags of a recipe's parameters. The texts go to the
// engine as they were typed: it knows the kinds, and its errors name the flag.
func paramFlags(params []engine.Param, into map[string][]string) *pflag.FlagSet {
	f := newFlagSet()
	for _, p := range params {
		if p.Kind == engine.KindRest {
			continue
		}
		short := ""
		if len(p.Name) == 1 {
			short = p.Name
		}
		v := f.VarPF(&paramText{p, into}, p.Flag(), short, paramHelp(p))
		if p.Kind == engine.KindBool {
			v.NoOptDefVal = "true"
		}
	}
	return f
}

type paramText struct {
	param engine.Param
	into  map[string][]string
}

func (p *paramText) String() string { return "" }
func (p *paramText) Type() string   { return string(p.param.Kind) }
func (p *paramText) Set(text string) error {
	if p.param.Repeated {
		p.into[p.param.Name] = append(p.into[p.param.Name], text)
	} else {
		p.into[p.param.Name] = []string{text}
	}
	return nil
}

func paramHelp(p engine.Param) string {
	// Between backquotes pflag would read the name of the value.
	text := strings.ReplaceAll(strings.TrimSuffix(p.Doc, "."), "`", "")
	var more []string
	if len(p.Choices) > 0 {
		more = append(more, "one of "+strings.Join(p.Choices, ", "))
	}
	if p.Required {
		more = append(more, "required")
	}
	switch {
	case p.Repeated && p.Kind != engine.KindRest && !strings.Contains(p.Doc, "repeat"):
		more = append(more, "repeat for several")
	case p.Default != "" && p.Kind != engine.KindBool && len(p.Default) <= 40:
		more = append(more, "default "+p.Default)
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, "; ") + ")"
	}
	return text
}

// flagText is pflag's complaint about a flag without the words of Go's parsers.
func flagText(err error) string {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err.Error()
	}
	f := bad.GetFlag()
	switch f.Value.(type) {
	case filled, filledList:
		return fmt.Sprintf("--%s %q: %v", f.Name, bad.GetValue(), bad.Unwrap())
	}
	want, known := map[string]string{
		"int": "a whole number", "duration": "a time such as 500ms, 30s or 2m", "bool": "true or false", "count": "a whole number",
	}[f.Value.Type()]
	if !known {
		return err.Error()
	}
	return fmt.Sprintf("--%s %s: want %s", f.Name, cmp.Or(bad.GetValue(), `""`), want)
}

// hintFlag finds, for pflag's complaint about a flag, the one that was
// probably meant.
func hintFlag(err error, f *pflag.FlagSet, command string) string {
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return "see: " + command + " --help"
	}
	var names []string
	f.VisitAll(func(x *pflag.Flag) {
		if !x.Hidden {
			names = append(names, x.Name)
		}
	})
	if n := engine.Nearest(missing.GetSpecifiedName(), names); n != "" {
		return "did you mean --" + n + "?"
	}
	return "see: " + command + " --help"
}
