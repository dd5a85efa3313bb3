package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"runbook/builtins/probe"
)

// leftover is what a run left, as `recover` shows it. Fields are never renamed.
type leftover struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`           // in-place, worktree, directory, process
	Repo       string    `json:"repo"`           // "" of a directory or process
	Path       string    `json:"path,omitempty"` // of a throw-away work tree, or a directory
	Begun      time.Time `json:"begun"`
	PID        int       `json:"pid"`               // of the run
	Process    int       `json:"process,omitempty"` // a pid
	Command    string    `json:"command,omitempty"` // of that
	Host       string    `json:"host"`
	Running    bool      `json:"running"` // its run is not over: it is left alone
	Done       bool      `json:"done"`    // it is put back, or removed
	Files      int       `json:"files"`   // that were put back or taken away
	Meanwhile  []string  `json:"meanwhile"`
	Submodules []string  `json:"submodules,omitempty"` // that have changes now, and had none
	Ref        string    `json:"ref,omitempty"`        // which keeps these
	Moved      string    `json:"moved,omitempty"`      // where HEAD is now; "" = where it was
	Passed     []string  `json:"passed,omitempty"`     // that came meanwhile and are left: ignored, or too large to be kept
	Gone       []string  `json:"gone,omitempty"`       // that git ignores, and nothing was kept of
	Cut        []string  `json:"cut,omitempty"`        // that were a name of another file, too
	Notes      []string  `json:"notes"`                // files that speak of it
	Lost       bool      `json:"lost,omitempty"`       // its repository is not there
	Forgotten  bool      `json:"forgotten,omitempty"`  // with --forget
	Kept       string    `json:"kept,omitempty"`       // with --forget: the refs of what it was
	Error      string    `json:"error,omitempty"`
}

func (d *door) recoverVerb() *cobra.Command {
	var list, asJSON bool
	var forget string
	cmd := &cobra.Command{
		Use:   "recover [DIR …]",
		Short: "Put back what a killed run has left changed",
		Long: `Finishes what a run could not that was killed: a work tree that held another commit's
content becomes what it was, byte by byte; throw-away work trees and private directories
for temporary files go; processes that it had started are ended. What a running one needs
is left alone.

It looks at all that runs of this user have noted, and at the repositories that DIR, or
the current directory, lie in. It may be called again, and when there is nothing to do.

What cannot be put back is tried again at each call, and keeps later runs out of that
work tree. With --forget ID, which is said where one fails, the note of it alone is
removed: the work tree stays as it lies, and the refs under refs/runbook/ID/ keep what
it was.`,
		Example: "  runbook recover --list\n  runbook recover",
		RunE: func(cmd *cobra.Command, dirs []string) error {
			if cmd.Flags().Changed("forget") {
				if list {
					return usage("--list and --forget are two things", "")
				}
				return d.forgetNote(dirs, forget, asJSON)
			}
			return d.recover(dirs, list, asJSON)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "only show what there is to put back")
	cmd.Flags().Var(filled{&forget, "the id of one"}, "forget", "give one up: remove the note of it, and nothing else")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON array")
	return cmd
}

func (d *door) recover(dirs []string, list, asJSON bool) error {
	if !haveLinux {
		return usage("recover needs Linux", "")
	}
	host, err := openHost(hostOptions{})
	if err != nil {
		return err
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	dirs = hereOr(ctx, host, dirs)
	logs := probe.Journals{Dir: journalDir()}
	var found []probe.Recovery
	if list {
		found, err = probe.Left(ctx, host, logs, dirs)
	} else {
		found, err = probe.Recover(ctx, host, logs, dirs, nil)
	}
	rows := []leftover{}
	for _, r := range found {
		row := leftoverOf(r)
		if r.Err != nil {
			d.code = exitWrong
		}
		rows = append(rows, row)
	}
	if asJSON {
		return errors.Join(d.printJSON(rows), err)
	}
	for _, row := range rows {
		fmt.Fprintln(d.out, row.text(list))
	}
	if len(rows) == 0 && err == nil {
		fmt.Fprintln(d.out, "nothing to do")
	}
	return err
}

// hereOr is dirs, or else the current directory when it lies in a repository.
func hereOr(ctx context.Context, host probe.Host, dirs []string) []string {
	if len(dirs) > 0 {
		return dirs
	}
	if _, err := probe.OpenGit(ctx, host, "."); errors.Is(err, probe.ErrNoRepository) {
		return nil
	}
	return []string{"."}
}

// forgetNote removes the note of one thing that cannot be put back.
func (d *door) forgetNote(dirs []string, id string, asJSON bool) error {
	if !haveLinux {
		return usage("recover needs Linux", "")
	}
	host, err := openHost(hostOptions{})
	if err != nil {
		return err
	}
	ctx, stop := withSignals(context.Background())
	defer stop()
	given, err := probe.Forget(ctx, host, probe.Journals{Dir: journalDir()}, hereOr(ctx, host, dirs), id)
	if errors.Is(err, probe.ErrNoNote) {
		return &hinted{err: fmt.Errorf("--forget %w", err), hint: "runbook recover --list --json", code: exitUsage}
	}
	if err != nil {
		return fmt.Errorf("--forget %w", err)
	}
	row := leftoverOf(given)
	row.Forgotten, row.Kept = true, given.Kept
	if asJSON {
		return d.printJSON([]leftover{row})
	}
	fmt.Fprintln(d.out, row.text(false))
	return nil
}

// remindToRecover says when a killed run has left something, to who asks
// about runs: the next thing to type is not obvious then.
func (d *door) remindToRecover(ctx context.Context) {
	if n := unrecovered(ctx); n > 0 {
		fmt.Fprintf(d.err, "runbook: a killed run left %s to clean up\nhint: runbook recover\n", counted(n, "work tree"))
	}
}

// unrecovered counts the work trees that killed runs of this user left, by the
// journals in the state directory; 0 also where these cannot be read, which
// recover says. A private directory is in nobody's way; processes are listed
// by recover.
func unrecovered(ctx context.Context) int {
	if _, err := os.Stat(journalDir()); err != nil || !haveLinux {
		return 0
	}
	host, err := openHost(hostOptions{})
	if err != nil {
		return 0
	}
	left, _ := probe.Left(ctx, host, probe.Journals{Dir: journalDir()}, nil)
	return len(slices.DeleteFunc(left, func(r probe.Recovery) bool {
		return r.Alive || r.Kind == probe.LeftDirectory || r.Kind == probe.LeftProcess
	}))
}

// putBackAfter finishes what a confined process has left that died, and says
// what that came to; "" = it had left nothing.
func putBackAfter(pid int) string {
	if !haveLinux {
		return ""
	}
	host, err := openHost(hostOptions{})
	if err != nil {
		return ""
	}
	found, _ := probe.Recover(context.Background(), host, probe.Journals{Dir: journalDir()}, nil, func(r probe.Recovery) bool { return r.Owner.PID == pid })
	var lines []string
	for _, r := range found {
		lines = append(lines, leftoverOf(r).text(false))
	}
	return strings.Join(lines, "; ")
}

func leftoverOf(r probe.Recovery) leftover {
	l := leftover{
		ID: r.ID, Kind: r.Kind, Repo: probe.Clean([]byte(r.Repo)), Path: probe.Clean([]byte(r.Path)), Begun: r.Begun, PID: r.Owner.PID, Host: r.Owner.Host, Running: r.Alive,
		Done: r.Done, Files: r.Restored.Files, Meanwhile: []string{}, Ref: r.Restored.Ref, Notes: []string{}, Lost: r.Lost,
	}
	for _, path := range r.Notes {
		l.Notes = append(l.Notes, probe.Clean([]byte(path)))
	}
	for _, path := range r.Restored.Meanwhile {
		l.Meanwhile = append(l.Meanwhile, probe.Clean([]byte(path)))
	}
	l.Moved = r.Restored.Moved
	l.Submodules, l.Passed, l.Gone, l.Cut = cleaned(r.Restored.Submodules), cleaned(r.Restored.Passed), cleaned(r.Restored.Lost), cleaned(r.Restored.Cut)
	if p := r.Process; p != nil {
		l.Process, l.Command = p.PID, strings.Join(p.Args, " ")
	}
	if r.Err != nil {
		l.Error = probe.Clean([]byte(r.Err.Error()))
	}
	return l
}

// cleaned are paths as they can be printed; nil = there are none.
func cleaned(paths []string) []string {
	var out []string
	for _, path := range paths {
		out = append(out, probe.Clean([]byte(path)))
	}
	return out
}

func (l leftover) text(list bool) string {
	what := "the work tree " + shortHome(l.Repo)
	if l.Kind == probe.JournalWorktree {
		what = fmt.Sprintf("the throw-away work tree %s of %s", l.Path, shortHome(l.Repo))
	}
	if l.Kind == probe.LeftDirectory {
		what = "the directory " + l.Path
	}
	if l.Kind == probe.LeftProcess {
		what = fmt.Sprintf("pid %d, %s", l.Process, ansi.Truncate(l.Command, 100, "…"))
	}
	since := "begun " + l.Begun.Local().Format("2006-01-02 15:04:05")
	noted := ""
	if len(l.Notes) > 0 {
		why := "to leave it as it lies"
		if l.Lost {
			why = "if it is gone for good"
		}
		noted = fmt.Sprintf("\n  noted in %s\n  %s: runbook recover --forget %s", shortHome(l.Notes[0]), why, l.ID)
	}
	switch {
	case l.Forgotten && l.Kept != "":
		return fmt.Sprintf("forgotten: %s stays as it lies\n  what it was is kept: git show %sworktree:PATH, or %suntracked:PATH", what, l.Kept, l.Kept)
	case l.Forgotten:
		return fmt.Sprintf("forgotten: %s; nothing is kept of it", what)
	case l.Running && l.Host != hostname():
		return fmt.Sprintf("left alone: %s, %s on %s by pid %d: recover it there", what, since, l.Host, l.PID)
	case l.Running:
		return fmt.Sprintf("left alone: %s, %s by pid %d, which is running", what, since, l.PID)
	case list && l.Kind == probe.JournalWorktree:
		return fmt.Sprintf("to be removed: %s, %s by pid %d, which is gone", what, since, l.PID)
	case list && l.Kind == probe.LeftProcess:
		return fmt.Sprintf("to be ended: %s, %s, of a run by pid %d, which is gone", what, since, l.PID)
	case list && l.Kind == probe.LeftDirectory:
		return fmt.Sprintf("to be removed: %s, %s by a run that is gone", what, since)
	case list && l.Lost:
		return fmt.Sprintf("cannot be put back: %s, %s: its repository is not there%s", what, since, noted)
	case list:
		return fmt.Sprintf("to be put back: %s, %s by pid %d, which is gone", what, since, l.PID)
	case l.Error != "":
		return fmt.Sprintf("FAILED: %s: %s%s", what, l.Error, noted)
	case l.Kind == probe.LeftProcess:
		return "ended: " + what
	case l.Kind != probe.JournalInPlace:
		return "removed: " + what
	}
	text := fmt.Sprintf("put back: %s, as it was", what)
	if l.Files > 0 {
		text += fmt.Sprintf(" (files: %d)", l.Files)
	}
	if n := len(l.Meanwhile); n > 0 {
		text += fmt.Sprintf("\n  what was written there meanwhile is kept: git show --stat %s\n    %s", l.Ref, strings.Join(l.Meanwhile[:min(n, 5)], "\n    "))
	}
	if l.Moved != "" {
		text += fmt.Sprintf("\n  but for HEAD, which moved to %.12s meanwhile, and was left there: git status shows what that differs in", l.Moved)
	}
	for _, more := range []struct {
		what  string
		paths []string
	}{
		{"what came meanwhile that git ignores, or that is too large to be kept, is still there", l.Passed},
		{"what git ignores, and is gone, was not kept", l.Gone},
		{"what was one file by several names is a file of its own now", l.Cut},
	} {
		if n := len(more.paths); n > 0 {
			text += fmt.Sprintf("\n  %s: %s", more.what, strings.Join(more.paths[:min(n, 5)], ", "))
		}
	}
	if len(l.Submodules) > 0 {
		text += "\n  but for what was written into its submodules: " + strings.Join(l.Submodules, ", ")
	}
	return text
}
