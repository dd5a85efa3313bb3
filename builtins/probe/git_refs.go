package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// NoRefError is the error of a name that is no commit of the repository.
type NoRefError struct {
	Ref     string
	Names   []string // of branches and tags, for "did you mean"
	Shallow bool     // the commit may lie beyond where history was cut
}

func (e *NoRefError) Error() string {
	text := fmt.Sprintf("git: no commit %q here", Clean([]byte(e.Ref)))
	if e.Shallow {
		text += "; the clone is shallow: git fetch --unshallow brings the rest"
	}
	return text
}

// Resolve returns the id of the commit that ref means. Error: *NoRefError.
func (g *Git) Resolve(ctx context.Context, ref string) (string, error) {
	var failed *GitError
	if ref != "" && ref[0] != '-' && !strings.ContainsRune(ref, 0) {
		id, err := g.line(ctx, "rev-parse", "--verify", "--quiet", ref+"^{commit}")
		if !errors.As(err, &failed) {
			return id, err
		}
	}
	out, err := g.ask(ctx, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes")
	if err != nil {
		return "", err
	}
	shallow, err := g.line(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return "", err
	}
	return "", &NoRefError{Ref: ref, Names: strings.Fields(string(out)), Shallow: shallow == "true"}
}

// NoAncestorError is the error of a commit that another does not contain.
type NoAncestorError struct{ Good, Bad string }

func (e *NoAncestorError) Error() string {
	return fmt.Sprintf("git: %s is no ancestor of %s", Clean([]byte(e.Good)), Clean([]byte(e.Bad)))
}

// Commits lists the commits after good up to bad, oldest first, bad the last,
// along the first parents: of a merge it names the merge, so that each next one
// contains all before it. Error: *NoAncestorError.
func (g *Git) Commits(ctx context.Context, good, bad string) ([]string, error) {
	from, err := g.Resolve(ctx, good)
	if err != nil {
		return nil, err
	}
	to, err := g.Resolve(ctx, bad)
	if err != nil {
		return nil, err
	}
	var failed *GitError
	if _, err := g.ask(ctx, "merge-base", "--is-ancestor", from, to); errors.As(err, &failed) && failed.Code == 1 {
		return nil, &NoAncestorError{Good: good, Bad: bad}
	} else if err != nil {
		return nil, err
	}
	out, err := g.ask(ctx, "rev-list", "--reverse", "--topo-order", "--first-parent", from+".."+to)
	return strings.Fields(string(out)), err
}

// MergeBase is the newest commit that two have in common; "" when there is no
// such commit as a or b, or when they have nothing in common.
func (g *Git) MergeBase(ctx context.Context, a, b string) (string, error) {
	var ids []string
	for _, ref := range []string{a, b} {
		id, err := g.Resolve(ctx, ref)
		var none *NoRefError
		if errors.As(err, &none) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		ids = append(ids, id)
	}
	id, err := g.line(ctx, "merge-base", ids[0], ids[1])
	var failed *GitError
	if errors.As(err, &failed) && failed.Code == 1 {
		return "", nil
	}
	return id, err
}

// GitCommit is what people know a commit by.
type GitCommit struct {
	ID      string
	Short   string
	Subject string
	Author  string
	Date    time.Time // of authorship
	Parents []string
}

// Commit reads a commit.
func (g *Git) Commit(ctx context.Context, ref string) (GitCommit, error) {
	id, err := g.Resolve(ctx, ref)
	if err != nil {
		return GitCommit{}, err
	}
	out, err := g.ask(ctx, "log", "-1", "--no-show-signature", "--format=%H%x00%h%x00%aI%x00%P%x00%an%x00%s", id)
	if err != nil {
		return GitCommit{}, err
	}
	return parseCommit(out)
}

func parseCommit(b []byte) (GitCommit, error) {
	parts := strings.SplitN(strings.TrimSuffix(string(b), "\n"), "\x00", 6)
	if len(parts) < 6 {
		return GitCommit{}, fmt.Errorf("git log: cannot read %q", b)
	}
	date, err := time.Parse(time.RFC3339, parts[2])
	if err != nil {
		return GitCommit{}, fmt.Errorf("git log: %w", err)
	}
	return GitCommit{ID: parts[0], Short: parts[1], Date: date, Parents: strings.Fields(parts[3]),
		Author: Clean([]byte(parts[4])), Subject: Clean([]byte(parts[5]))}, nil
}
