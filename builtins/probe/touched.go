package probe

import (
	"context"
	"path"
	"strings"
)

// Touched are the processes of a snapshot of which more was read than whoever
// looks through all of them for a name reads: it is they whom the reader was
// about.
func (s *Snapshot) Touched() map[int]bool {
	out := map[int]bool{}
	note := func(p string) {
		if pid := pidOf(p); pid > 0 && !inPassing(p) {
			out[pid] = true
		}
	}
	for _, m := range s.moments {
		for _, a := range m.Asked {
			for p := range a.Files {
				note(p)
			}
			for p := range a.Links {
				note(p)
			}
			for p := range a.Dirs {
				note(p)
			}
			for pid := range a.Sockets {
				out[pid] = true
			}
			for q := range a.Failed {
				if q.Op != "readdir" || q.About != "." {
					note(q.About)
				}
			}
		}
	}
	return out
}

// inPassing reports whether a path is one that a scan of all processes reads.
func inPassing(p string) bool {
	switch path.Base(p) {
	case "stat", "cmdline", "status", "comm":
		return strings.Count(p, "/") == 1
	}
	return !strings.Contains(p, "/")
}

// Only is the snapshot without what is of other processes than keep names.
func (s *Snapshot) Only(keep func(pid int) bool) *Snapshot {
	moments := make([]*Moment, 0, len(s.moments))
	for _, m := range s.moments {
		moments = append(moments, m.only(keep))
	}
	return NewSnapshot(s.Meta, moments)
}

// Ourselves are our own process and those above it, which ps does not pick by
// their command lines: of a capture nobody could tell them any more. Empty where
// none of the processes is ours.
func Ourselves(ctx context.Context, h Host) map[int]bool {
	out := map[int]bool{}
	for pid := range ownFamily(ctx, h) {
		out[pid] = true
	}
	return out
}
