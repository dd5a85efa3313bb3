package probe

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// refuseWriters refuses files that somebody has open for writing: an editor, a
// server with its log, a shell that was told to write our own output there. Such
// a file would be exchanged under its writer, who goes on in one that has no
// name any more.
func (p *InPlace) refuseWriters(ctx context.Context) error {
	found, err := p.writers(ctx)
	if err != nil {
		return fmt.Errorf("git: who writes into %s: %w", Clean([]byte(p.Root)), err)
	}
	if len(found) > 0 {
		return p.not(found[0].String())
	}
	return nil
}

// GitWriter is a process that has a file of the work tree open for writing.
type GitWriter struct {
	Path string // relative to the top
	Comm string
	PID  int
}

func (w GitWriter) String() string {
	return fmt.Sprintf("%s is open for writing by %s (pid %d)", w.Path, w.Comm, w.PID)
}

// writers are those who have a file open for writing that was kept, by path and
// pid. Processes of other users are not seen. Cost: as of holders.
func (p *InPlace) writers(ctx context.Context) ([]GitWriter, error) {
	h, ours := p.git.host, map[string]RawPath{}
	for _, f := range p.kept.Files {
		ours[filepath.Join(p.Root, string(f.Path))] = f.Path
	}
	want := map[string]bool{}
	for at := range ours {
		want[at] = true
	}
	found, _, err := holders(ctx, h, want)
	if err != nil {
		return nil, err
	}
	var out []GitWriter
	for at, refs := range found {
		for _, ref := range refs {
			text, err := h.ReadFile(ctx, strconv.Itoa(ref.PID)+"/fdinfo/"+strconv.Itoa(ref.FD), nil)
			if err != nil {
				continue // closed meanwhile
			}
			if info, err := ParseFDInfo(text); err != nil || !info.Writes() {
				continue
			}
			who, _ := readLife(ctx, h, ref.PID)
			out = append(out, GitWriter{Clean([]byte(ours[at])), who.Comm, ref.PID})
		}
	}
	slices.SortFunc(out, func(a, b GitWriter) int { return cmp.Or(strings.Compare(a.Path, b.Path), a.PID-b.PID) })
	return slices.Compact(out), nil
}
