package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"runbook/builtins/probe"
	"runbook/engine/event"
	"runbook/engine/lazyregexp"
	"runbook/engine/sink"
)

// What a new recipe and its first test look like.
var (
	//go:embed skeleton/recipe.star
	recipeSkeleton string
	//go:embed skeleton/test.txtar
	testSkeleton string
)

func (d *door) newVerb() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Begin a recipe of your own, with its first test",
		Long: "Writes NAME.star, a recipe that runs as it stands, and a test beside it, into the nearest .runbook; where there is none, into a new one at the top of the repository. " +
			"Nothing is ever overwritten.",
		Example: `  runbook new feed-stalled
  runbook new feed-stalled --from last          begins with what that run saw
  runbook new feed-stalled --from hang.tgz      or with a capture`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("new: what is it called?", "runbook new feed-stalled")
			}
			return cobra.ExactArgs(1)(nil, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := newSkeleton(args[0], from)
			if err != nil {
				return err
			}
			return d.begin(s)
		},
	}
	cmd.Flags().Var(filled{&from, "a recorded run or a capture"}, "from", "begin with what a recorded `run` (an id, \"last\") or a capture saw")
	return cmd
}

// skeleton is what the templates say.
type skeleton struct {
	Name, Title, Summary string

	From    []string // what it was begun from, a line each; empty: nothing
	Match   string   // a Starlark literal
	World   []string // the processes of the first test
	Ask     string   // its parameters
	Culprit int
	Says    string // the title of what the first test finds
}

var recipeName = lazyregexp.New(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

const longestName = 60

func newSkeleton(name, from string) (*skeleton, error) {
	name = strings.TrimSuffix(name, ".star")
	if !recipeName().MatchString(name) || len(name) > longestName {
		proper := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-0123456789")
		hint := "a name has letters a-z, digits and single dashes, and begins with a letter"
		if recipeName().MatchString(proper) && len(proper) <= longestName {
			hint = "runbook new " + proper
		}
		return nil, usage(fmt.Sprintf("new: %q is no name for a recipe", name), hint)
	}
	if _, err := newBench([]root{{}}).library.Locate(name); err == nil {
		return nil, usage(fmt.Sprintf("new: a recipe %s ships with runbook, and yours would hide it", name), "take another name, such as our-"+name)
	}
	words := strings.ReplaceAll(name, "-", " ")
	s := &skeleton{Name: name, Title: strings.ToUpper(words[:1]) + words[1:], Summary: "What is wrong when it is the matter: " + words + "?", Match: `""`}
	seen := []worldProcess{{pid: 100, ppid: 1, args: []string{"python3", "worker.py"}, age: 2 * time.Hour}, {pid: 101, ppid: 100, args: []string{"python3", "helper.py"}, age: 10 * time.Minute}}
	if from != "" {
		var err error
		if seen, err = s.beginFrom(from); err != nil {
			return nil, err
		}
		s.Match = literal(regexp.QuoteMeta(cmp.Or(seen[0].name, calledAs(seen[0].args))))
	}
	s.world(seen)
	return s, nil
}

// worldProcess is one process of the first test.
type worldProcess struct {
	pid, ppid int
	name      string // of an actor; "" = none
	args      []string
	age       time.Duration
}

// world makes the first test of processes, of which the first is the one that
// runs too long.
func (s *skeleton) world(seen []worldProcess) {
	known := map[int]bool{1: true}
	for _, p := range seen {
		known[p.pid] = true
	}
	seen[0].age = 2 * time.Hour
	for _, p := range seen {
		if !known[p.ppid] || p.ppid == p.pid {
			p.ppid = 1
		}
		s.World = append(s.World, fmt.Sprintf("%d %d S %s age=%s", p.pid, p.ppid, strconv.Quote(commandLine(p.args)), shortAge(p.age)))
	}
	first := seen[0]
	s.Ask, s.Culprit, s.Says = "pid="+strconv.Itoa(first.pid), first.pid, "..." // any lines: who it is, the recipe says
	if len(s.From) == 0 {
		s.Ask, s.Says = "match=worker", "  worker.py (pid 100) runs for 2h00m"
	}
}

// commandLine is an argv as a world writes it: an argument with blanks in '…',
// which ends at the first quote that a blank follows.
func commandLine(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		if strings.Contains(a, "' ") {
			out[i] = strings.ReplaceAll(a, "'", `"`)
		}
		if a == "" || strings.ContainsAny(a, " \t") {
			out[i] = "'" + out[i] + "'"
		}
	}
	return strings.Join(out, " ")
}

func shortAge(d time.Duration) string {
	if d < time.Second {
		return "10m"
	}
	text := d.Round(time.Second).String()
	if cut, ok := strings.CutSuffix(text, "m0s"); ok {
		text = cut + "m"
	}
	if cut, ok := strings.CutSuffix(text, "h0m"); ok {
		text = cut + "h"
	}
	return text
}

// beginFrom fills a skeleton with what a recorded run found, or a capture
// holds: whom to look for, and the first evidence. What it returns is not empty.
func (s *skeleton) beginFrom(from string) ([]worldProcess, error) {
	if info, err := os.Stat(from); err == nil && info.Mode().IsRegular() && filepath.Base(from) != sink.EventsFile {
		return s.beginFromCapture(from)
	}
	name, err := findRecord(from)
	if err != nil {
		return nil, err
	}
	return s.beginFromRun(name)
}

func (s *skeleton) beginFromRun(name string) ([]worldProcess, error) {
	f, err := sink.OpenRecord(name)
	if err != nil {
		return nil, usageBecause(fmt.Errorf("new: %w", err))
	}
	defer f.Close()
	var started *event.RunStarted
	var found *event.Finding
	_, err = sink.ReadRecord(f, func(e event.Event) error {
		switch {
		case e.RunStarted != nil:
			started = e.RunStarted
		case e.Found != nil && e.Found.About != nil && e.Found.About.Type == "process":
			if found == nil || worse(e.Found.Verdict, found.Verdict) {
				found = e.Found
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("new: read %s: %w", name, err)
	}
	if started == nil || found == nil {
		return nil, usage("new: that run said nothing of a process", "see: runbook replay "+filepath.Base(filepath.Dir(name)))
	}
	s.From = append(s.From, fmt.Sprintf("Begun from run %s of %s, %s", oneLine(started.ID), oneLine(started.Recipe), started.Started.UTC().Format(time.DateOnly)))
	s.From = append(s.From, fmt.Sprintf("%s: %s", found.Verdict, oneLine(found.Title)))
	for i, e := range found.Evidence {
		if i == 3 {
			break
		}
		line := ""
		for _, field := range e {
			line += fmt.Sprintf("  %s %v", field.Name, field.Value)
		}
		s.From = append(s.From, oneLine(line))
	}
	var seen []worldProcess
	for _, p := range append([]event.Subject{*found.About}, append(found.Members, found.Victims...)...) {
		if p.Type != "process" || p.PID == 0 || has(seen, p.PID) {
			continue
		}
		args := p.Cmdline
		if len(args) == 0 {
			args = []string{p.Name}
		}
		age := time.Duration(0)
		if t, err := time.Parse(time.RFC3339, p.StartTime); err == nil {
			age = started.Started.Sub(t)
		}
		seen = append(seen, worldProcess{pid: p.PID, ppid: 1, name: p.Name, args: args, age: age})
	}
	return seen, nil
}

func has(seen []worldProcess, pid int) bool {
	for _, p := range seen {
		if p.pid == pid {
			return true
		}
	}
	return false
}

// worse orders verdicts: a fault before a warning before all else.
func worse(a, b event.Verdict) bool {
	rank := map[event.Verdict]int{event.Fault: 2, event.Warn: 1}
	return rank[a] > rank[b]
}

const mostOfWorld = 12 // processes of a first test: one page

func (s *skeleton) beginFromCapture(name string) ([]worldProcess, error) {
	host, err := openHost(hostOptions{From: name})
	if err != nil {
		return nil, err
	}
	all, err := probe.PS(context.Background(), host, probe.PSQuery{All: true})
	if err != nil {
		return nil, usageBecause(fmt.Errorf("new: read %s: %w", name, err))
	}
	var seen []worldProcess
	for _, python := range []bool{true, false} { // the programs first, then what started them
		for _, p := range all {
			if len(p.Args) > 0 && p.PID != 1 && isPython(p.Args) == python && len(seen) < mostOfWorld {
				seen = append(seen, worldProcess{pid: p.PID, ppid: p.PPID, name: p.Actor.Name, args: p.Args, age: p.Age})
			}
		}
	}
	if len(seen) == 0 {
		return nil, usage(fmt.Sprintf("new: %s holds no process with a command line", name), "see what it holds: runbook run wedged-actor --from "+name)
	}
	s.From = []string{fmt.Sprintf("Begun from the capture %s of %s, %s", oneLine(filepath.Base(name)), oneLine(host.Clock().Hostname), host.Now().UTC().Format(time.DateOnly))}
	return seen, nil
}

func isPython(args []string) bool {
	return strings.Contains(path.Base(args[0]), "python") || strings.HasPrefix(args[0], "_subactor[") || len(args) > 1 && strings.HasSuffix(args[1], ".py")
}

// calledAs is the part of a command line by which a person knows a program.
func calledAs(args []string) string {
	for _, a := range args {
		if strings.HasSuffix(a, ".py") {
			return path.Base(a)
		}
	}
	return path.Base(args[0])
}

// literal is a text as Starlark writes it.
func literal(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if strings.ContainsRune(s, '\\') && !strings.ContainsAny(s, "\"\n") && !strings.HasSuffix(s, `\`) {
		return `r"` + s + `"`
	}
	return strconv.Quote(s)
}

// oneLine fits what a run recorded into a line of a comment.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(printable(strings.ToValidUTF8(s, "?"))), " ")
	if r := []rune(s); len(r) > 160 {
		s = string(r[:160]) + "…"
	}
	return s
}

// begin writes the two files, and says what to do next.
func (d *door) begin(s *skeleton) error {
	dir, err := homeOfNew()
	if err != nil {
		return err
	}
	recipe, test := filepath.Join(dir, s.Name+".star"), filepath.Join(dir, s.Name+"_test.txtar")
	for _, name := range []string{recipe, test} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return usage(fmt.Sprintf("new: %s is there already, and stays as it is", shortPath(name)), "take another name, or remove it")
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("new: %w", err)
	}
	if err := fillNew(recipe, recipeSkeleton, s); err != nil {
		return err
	}
	if err := fillNew(test, testSkeleton, s); err != nil {
		return err
	}
	fmt.Fprintf(d.stdout(), "%s\n%s\n", shortPath(recipe), shortPath(test))
	fmt.Fprintf(d.err, "next: runbook test %s\n      runbook run %s --match PATTERN\n", shortPath(recipe), s.Name)
	return nil
}

// homeOfNew is the nearest .runbook, or where one belongs: at the top of the
// repository, or here.
func homeOfNew() (string, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	dir, why := nearestRunbookDir(cwd)
	switch {
	case why != "":
		return "", usage(fmt.Sprintf("new: %s is not for recipes: %s", dir, why), "runbook would ignore what lies there")
	case dir != "":
		return dir, nil
	}
	for top := cwd; ; top = filepath.Dir(top) {
		if _, err := os.Lstat(filepath.Join(top, ".git")); err == nil {
			return filepath.Join(top, ".runbook"), nil
		}
		if top == filepath.Dir(top) {
			return filepath.Join(cwd, ".runbook"), nil
		}
	}
}

// fillNew fills a template into a file that must not be there.
func fillNew(name, text string, s *skeleton) error {
	comments, origin := "", ""
	for _, line := range s.From {
		comments += "# " + line + "\n"
	}
	if comments != "" {
		comments, origin = comments+"\n", s.From[0]+".\n"
	}
	text = strings.NewReplacer(
		"{{TITLE}}", s.Title, "{{SUMMARY}}", s.Summary, "{{FROM}}\n", comments, "{{ORIGIN}}\n", origin, "{{MATCH}}", s.Match,
		"{{WORLD}}", strings.Join(s.World, "\n"), "{{ASK}}", s.Ask, "{{CULPRIT}}", strconv.Itoa(s.Culprit), "{{SAYS}}", s.Says,
	).Replace(text)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("new: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("new: write %s: %w", name, err)
	}
	return nil
}
