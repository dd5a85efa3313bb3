package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Git is a repository with a work tree, and the user's own git, which does all
// that is done here: no library knows the configuration, the filters and the
// extensions that a team relies on.
//
// git runs without hooks, without gc, without a prompt, without asking a file
// system monitor, and takes no lock where it only looks. Variables such as
// GIT_DIR, which a hook that started us would have set, are not passed on.
type Git struct {
	Root   string // top of the work tree, absolute; any bytes
	Dir    string // the work tree's git directory: .git, or .git/worktrees/NAME
	Common string // the repository's: .git
	Prefix string // of the directory that was asked for, below Root; "" = Root

	host Host
}

// gitPatience is how long git may take to look, or to write what we keep.
const gitPatience = 2 * time.Minute

// gitLimit bounds what git may print: a patch, the names of a large tree.
const gitLimit = 512 << 20

var gitSettings = []string{
	"-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.fsmonitor=false",
	"-c", "core.logAllRefUpdates=false", "-c", "submodule.recurse=false", "-c", "advice.detachedHead=false", "-c", "color.ui=false",
}

// Errors that callers tell apart.
var (
	ErrNoRepository = errors.New("no git work tree") // the directory lies in none
	ErrNoGit        = errors.New("there is no git in PATH")
)

// OpenGit finds the work tree that dir lies in.
//
// Errors: ErrNoRepository, also for a bare repository and inside of .git;
// ErrUnsupported on a host that runs nothing; ErrNoGit.
func OpenGit(ctx context.Context, h Host, dir string) (*Git, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("git: %w", err)
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("git: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("git: %s is no directory", Clean([]byte(dir)))
	}
	g := &Git{Root: dir, host: h}
	where := func(question string) string { // one at a time: a path may hold a newline
		if err != nil {
			return ""
		}
		var out []byte
		out, err = g.ask(ctx, "rev-parse", question)
		return strings.TrimSuffix(string(out), "\n")
	}
	common := where("--git-common-dir") // of dir, so asked before Root is
	root := where("--show-toplevel")
	gitDir := where("--absolute-git-dir")
	var failed *GitError
	if errors.As(err, &failed) && (failed.says("not a git repository") || failed.says("must be run in a work tree")) {
		return nil, fmt.Errorf("git: %s lies in %w", Clean([]byte(dir)), ErrNoRepository)
	}
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(common) {
		common = filepath.Join(dir, common)
	}
	g.Root, g.Dir, g.Common = root, gitDir, common
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		g.Prefix, _ = strings.CutPrefix(real+"/", root+"/")
		g.Prefix = strings.TrimSuffix(g.Prefix, "/")
	}
	return g, nil
}

// GitError is git's own complaint.
type GitError struct {
	Verb   string // "worktree"
	Code   int    // -1 when it was ended
	Stderr []byte
}

// Error is one line: the first fatal one, or the first of all.
func (e *GitError) Error() string {
	line := ""
	for l := range bytes.Lines(e.Stderr) {
		text := Clean(bytes.TrimSpace(l))
		rest, fatal := strings.CutPrefix(text, "fatal: ")
		if !fatal {
			rest, fatal = strings.CutPrefix(text, "error: ")
		}
		if fatal {
			line = rest
			break
		}
		if line == "" {
			line = text
		}
	}
	if line == "" {
		line = fmt.Sprintf("exit %d", e.Code)
	}
	return fmt.Sprintf("git %s: %s", e.Verb, line)
}

// Do is what git itself tells to type, as for a repository of another user; "" =
// nothing.
func (e *GitError) Do() string {
	for l := range bytes.Lines(e.Stderr) {
		if text := Clean(bytes.TrimSpace(l)); strings.HasPrefix(text, "git config --global --add safe.directory ") {
			return text
		}
	}
	return ""
}

func (e *GitError) says(text string) bool { return bytes.Contains(e.Stderr, []byte(text)) }

// gitCall is one run of git.
type gitCall struct {
	args     []string
	dir      string   // "" = Root
	env      []string // besides
	settings []string // besides: "-c", "name=value"
	stdin    []byte
	patience time.Duration // 0 = gitPatience
	survives bool          // it goes on when we are killed
}

// ask runs git at the top of the work tree and returns what it prints.
func (g *Git) ask(ctx context.Context, args ...string) ([]byte, error) {
	return g.call(ctx, gitCall{args: args})
}

// line is ask for one word or line.
func (g *Git) line(ctx context.Context, args ...string) (string, error) {
	out, err := g.ask(ctx, args...)
	return strings.TrimSuffix(string(out), "\n"), err
}

func (g *Git) call(ctx context.Context, c gitCall) ([]byte, error) {
	act := g.host.Act()
	if act == nil {
		return nil, fmt.Errorf("git: nothing can be run here: %w", ErrUnsupported)
	}
	verb := c.args[0]
	args := append(append([]string{"git"}, gitSettings...), c.settings...)
	patience := c.patience
	if patience == 0 {
		patience = gitPatience
	}
	dir := c.dir
	if dir == "" {
		dir = g.Root
	}
	r, err := act.Run(ctx, Command{
		Args: append(args, c.args...), Dir: dir, Env: append(gitEnviron(os.Environ()), c.env...), Stdin: c.stdin,
		Deadline: patience, Grace: 5 * time.Second, MaxBytes: gitLimit, Survives: c.survives,
	})
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("git: %w", ErrNoGit)
	case err != nil:
		return nil, fmt.Errorf("git %s: %w", verb, err)
	case r.TimedOut:
		return nil, fmt.Errorf("git %s: gave up after %s", verb, patience)
	case r.Cut:
		return nil, fmt.Errorf("git %s: printed more than %d bytes", verb, gitLimit)
	case r.ExitCode != 0:
		return r.Stdout, &GitError{Verb: verb, Code: r.ExitCode, Stderr: r.Stderr}
	}
	return r.Stdout, nil
}

// gitEnviron is ours without what ties git to another repository or makes it
// talk to a person, and with its messages in English: some are read.
func gitEnviron(environ []string) []string {
	keep := []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH", "GIT_SSL_CAINFO", "GIT_CEILING_DIRECTORIES"}
	out := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "GIT_") && !slices.Contains(keep, name) || strings.HasPrefix(name, "LC_") || name == "LANGUAGE"
	})
	return append(out, "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_PAGER=cat", "GIT_EDITOR=true",
		// A file of git-lfs stays the pointer that is committed: a checkout must
		// not begin to download.
		"GIT_LFS_SKIP_SMUDGE=1",
		"GIT_AUTHOR_NAME=runbook", "GIT_AUTHOR_EMAIL=runbook@localhost", "GIT_COMMITTER_NAME=runbook", "GIT_COMMITTER_EMAIL=runbook@localhost")
}

// nulFields splits what git prints with -z.
func nulFields(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// nulList joins names for git's --stdin -z.
func nulList(names []string) []byte {
	if len(names) == 0 {
		return nil
	}
	return []byte(strings.Join(names, "\x00") + "\x00")
}
