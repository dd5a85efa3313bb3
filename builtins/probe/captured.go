package probe

// CapturedTree is processes that whoever took a snapshot had chosen as one
// tree: of plain programs nothing else tells later that they belong together,
// nor that they should have ended.
type CapturedTree struct {
	PIDs []int `json:"pids"` // the root first
	// Overdue is why it should have ended by then, "the deadline of 5s was over";
	// "" = nobody says that.
	Overdue string `json:"overdue,omitempty"`
	// Doing is what a process said that it was doing, such as the test that it
	// ran, by pid.
	Doing map[int]string `json:"doing,omitempty"`
}

// Captured returns the trees that were chosen when the snapshot h was taken;
// none for a machine that lives, and for a snapshot that does not say.
func Captured(h Host) []CapturedTree {
	for h != nil {
		if s, ok := h.(*Snapshot); ok {
			return s.Meta.Trees
		}
		if r, ok := h.(*Recorder); ok {
			h = r.host
			continue
		}
		u, ok := h.(interface{ Unwrap() Host })
		if !ok {
			return nil
		}
		h = u.Unwrap()
	}
	return nil
}

// clean takes control characters out of what a file says.
func (t CapturedTree) clean() CapturedTree {
	out := CapturedTree{PIDs: t.PIDs, Overdue: Clean([]byte(t.Overdue))}
	for pid, text := range t.Doing {
		if out.Doing == nil {
			out.Doing = map[int]string{}
		}
		out.Doing[pid] = Clean([]byte(text))
	}
	return out
}
