package probe

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
)

// refuseWriters refuses files that somebody has open for writing: an editor, a
// server with its log, a shell that was told to write our own output there. Such
// a file would be exchanged under its writer, who goes on in one that has no
// name any more.
//
// Processes of other users are not seen. Cost: as of holders.
func (p *InPlace) refuseWriters(ctx context.Context) error {
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
		return fmt.Errorf("git: who writes into %s: %w", Clean([]byte(p.Root)), err)
	}
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
			return p.not(fmt.Sprintf("%s is open for writing by %s (pid %d)", Clean([]byte(ours[at])), who.Comm, ref.PID))
		}
	}
	return nil
}
