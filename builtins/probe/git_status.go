package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// GitState is a repository as it stands.
type GitState struct {
	Root      string
	Prefix    string // as Git.Prefix
	Head      string // commit; "" when there is none yet
	Branch    string // "" when HEAD is detached
	Dirty     bool   // tracked files differ from HEAD, in the index or in the work tree, also those that git was told not to look at
	Untracked int    // files and directories that are neither tracked nor ignored
	// State is what git is in the middle of: "merge", "rebase", "am",
	// "cherry-pick", "revert", "bisect", "conflict" (unmerged files without any of
	// these), or "".
	State      string
	InPlace    bool // a run of ours has changed the work tree in place, or was killed before it had put it back
	Locked     bool // index.lock: another git writes now, or one died
	Shallow    bool // history is cut
	Sparse     bool // not all files are checked out
	Partial    bool // objects are fetched when they are needed
	Submodules []GitSubmodule
}

// GitSubmodule is another repository at a path of this one.
type GitSubmodule struct {
	Path   string
	Commit string // that the index wants there
	Dirty  bool   // another commit is checked out, or it has changes or untracked files
	Moved  bool   // another commit is checked out than the index wants
}

// State reads how the repository stands. It takes no lock and writes nothing.
func (g *Git) State(ctx context.Context) (GitState, error) {
	s := GitState{Root: g.Root, Prefix: g.Prefix}
	out, err := g.ask(ctx, "status", "--porcelain=v2", "-z", "--branch", "--untracked-files=normal", "--ignore-submodules=none", "--no-renames")
	if err != nil {
		return s, err
	}
	status, err := ParseGitStatus(out)
	if err != nil {
		return s, err
	}
	s.Head, s.Branch = status.Commit, status.Branch
	dirty, moved := map[string]bool{}, map[string]bool{}
	unmerged := false
	var hidden []gitFile
	for _, e := range status.Entries {
		switch {
		case e.Kind == '?':
			s.Untracked++
		case e.Submodule != "":
			dirty[e.Path], moved[e.Path] = e.Submodule != "S...", strings.HasPrefix(e.Submodule, "SC")
			s.Dirty = true
		default:
			s.Dirty = true
			unmerged = unmerged || e.Kind == 'u'
		}
	}
	tracked, err := g.tracked(ctx)
	if err != nil {
		return s, err
	}
	for _, f := range tracked {
		if f.Mode == modeGitlink {
			s.Submodules = append(s.Submodules, GitSubmodule{Path: f.Path, Commit: f.Blob, Dirty: dirty[f.Path], Moved: moved[f.Path]})
		}
		s.Sparse = s.Sparse || f.Flag == 'S' && !g.there(f.Path)
		if f.hidden() && f.Mode != modeGitlink {
			hidden = append(hidden, f)
		}
	}
	if !s.Dirty {
		if s.Dirty, err = g.differ(ctx, hidden); err != nil {
			return s, err
		}
	}
	if s.State, err = g.underway(); err != nil {
		return s, err
	}
	if s.State == "" && unmerged {
		s.State = "conflict"
	}
	_, err = os.Lstat(filepath.Join(g.Dir, "index.lock"))
	s.Locked = err == nil
	s.InPlace = exists(filepath.Join(g.Dir, inPlaceJournal))
	_, err = os.Lstat(filepath.Join(g.Common, "shallow"))
	s.Shallow = err == nil
	sparse, err := g.config(ctx, "--type=bool", "--get", "core.sparseCheckout")
	if err != nil {
		return s, err
	}
	s.Sparse = s.Sparse || sparse == "true"
	partial, err := g.config(ctx, "--get-regexp", `^(extensions\.partialclone|remote\..*\.promisor)$`)
	s.Partial = partial != ""
	return s, err
}

// differ reports whether one of these files is not on disk as in the index. One
// that is not there was never checked out, unless it is merely assume-unchanged.
func (g *Git) differ(ctx context.Context, files []gitFile) (bool, error) {
	sum, err := g.hasher(ctx)
	if err != nil {
		return false, err
	}
	var paths bytes.Buffer
	var ids []string
	for _, f := range files {
		now, err := g.keep(f.Path, sum)
		switch {
		case errors.Is(err, fs.ErrNotExist) && f.Flag == 'h':
			return true, nil
		case errors.Is(err, fs.ErrNotExist) || err == nil && now.Blob == f.Blob:
			continue
		case err != nil:
			return false, fmt.Errorf("git: %w", err)
		case now.Mode == modeLink || f.Mode == modeLink:
			return true, nil
		}
		paths.WriteString(quoteC(f.Path) + "\n") // a filter or line endings may be all of it
		ids = append(ids, f.Blob)
	}
	if len(ids) == 0 {
		return false, nil
	}
	out, err := g.call(ctx, gitCall{args: []string{"hash-object", "--stdin-paths"}, stdin: paths.Bytes(), dir: g.Root})
	return !slices.Equal(strings.Fields(string(out)), ids), err
}

// config is the value of a setting; "" when it is not set.
func (g *Git) config(ctx context.Context, args ...string) (string, error) {
	out, err := g.line(ctx, append([]string{"config"}, args...)...)
	var failed *GitError
	if errors.As(err, &failed) && failed.Code == 1 {
		return "", nil
	}
	return out, err
}

func (g *Git) there(path string) bool {
	_, err := os.Lstat(filepath.Join(g.Root, path))
	return err == nil
}

// underway says what git is in the middle of, by the files that
// git-status(1) goes by.
func (g *Git) underway() (string, error) {
	for _, s := range []struct{ file, state string }{
		{"rebase-apply/applying", "am"}, {"rebase-apply", "rebase"}, {"rebase-merge", "rebase"},
		{"MERGE_HEAD", "merge"}, {"CHERRY_PICK_HEAD", "cherry-pick"}, {"REVERT_HEAD", "revert"},
		{"sequencer/todo", "cherry-pick"}, {"BISECT_LOG", "bisect"},
	} {
		_, err := os.Lstat(filepath.Join(g.Dir, s.file))
		switch {
		case err == nil:
			return s.state, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("git: %w", err)
		}
	}
	return "", nil
}

// GitStatus is what `git status --porcelain=v2 -z --branch` prints.
type GitStatus struct {
	Commit  string // "" before the first one
	Branch  string // "" when detached
	Entries []GitStatusEntry
}

// GitStatusEntry is a file that is not as in HEAD.
type GitStatusEntry struct {
	Kind      byte   // '1' changed, '2' renamed or copied, 'u' unmerged, '?' untracked, '!' ignored
	XY        string // index and work tree: ".M"; "" for the last two kinds
	Submodule string // "S.M." and the like; "" for what is none
	Path      string
	From      string // of a rename
}

// ParseGitStatus reads porcelain format version 2, see git-status(1). Headers
// that it does not know are skipped: git adds some.
func ParseGitStatus(b []byte) (GitStatus, error) {
	var s GitStatus
	records := nulFields(b)
	for i := 0; i < len(records); i++ {
		r := records[i]
		bad := fmt.Errorf("git status: cannot read %q", r)
		if len(r) < 3 || r[1] != ' ' {
			return s, bad
		}
		e := GitStatusEntry{Kind: r[0]}
		skip := 0 // fields between the submodule's state and the path
		switch e.Kind {
		case '#':
			name, value, _ := strings.Cut(r[2:], " ")
			switch {
			case name == "branch.oid" && value != "(initial)":
				s.Commit = value
			case name == "branch.head" && value != "(detached)":
				s.Branch = value
			}
			continue
		case '?', '!':
			e.Path = r[2:]
		case '1':
			skip = 5
		case '2':
			skip = 6
		case 'u':
			skip = 7
		default:
			return s, bad
		}
		if skip > 0 {
			parts := strings.SplitN(r, " ", skip+4)
			if len(parts) < skip+4 {
				return s, bad
			}
			e.XY, e.Path = parts[1], parts[skip+3]
			if strings.HasPrefix(parts[2], "S") {
				e.Submodule = parts[2]
			}
		}
		if e.Kind == '2' {
			if i++; i == len(records) {
				return s, bad
			}
			e.From = records[i]
		}
		if e.Path == "" {
			return s, bad
		}
		s.Entries = append(s.Entries, e)
	}
	return s, nil
}
