package pystack_test

import (
	"fmt"
	"strings"
	"testing"

	"runbook/builtins/probe/pystack"
)

// TestWaits compares, on every CPython of this machine, what is read of how each
// task waits with what the program that made it wait so says.
func TestWaits(t *testing.T) {
	withEachPython(t, func(t *testing.T, p interpreter) {
		trio, why := p.trio()
		for target, ofTrio := range map[string]bool{"asyncio_waits": false, "trio_waits": true} {
			t.Run(target, func(t *testing.T) {
				if ofTrio && why != "" {
					missing(t, "no trio for %s: %s", p.path, why)
				}
				truth := p.start(t, target, trio)
				got, err := pystack.Read(t.Context(), host(t), truth.pid, pystack.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if len(truth.Waits) == 0 || !got.Proof.Proved || len(got.Notes) > 0 {
					t.Fatalf("%d tasks by its own account, proof %+v, notes %q", len(truth.Waits), got.Proof, got.Notes)
				}
				read := map[string]string{}
				for i := range got.Tasks {
					x := &got.Tasks[i]
					read[x.Name] = waiting(got, x)
					if endless := ofTrio && x.State == pystack.Parked && x.Deadline == nil; x.Endless != endless {
						t.Errorf("%s: endless %v, deadline %v", x.Name, x.Endless, x.Deadline)
					}
				}
				for name, want := range truth.Waits {
					if says := want.Says + cancelled(want.Cancelled); read[name] != says {
						t.Errorf("%s: %s\nwant %s", name, read[name], says)
					}
				}
			})
		}
	})
}

// waiting is the state of a task, what it waits for, of which descriptor, and who
// could end that.
func waiting(p *pystack.Process, t *pystack.Task) string {
	var s strings.Builder
	s.WriteString(t.State)
	for _, w := range t.Waits {
		fmt.Fprintf(&s, " %s %d", w.Kind, w.FD)
		if w.Owner >= 0 {
			s.WriteString("; owner " + p.Tasks[w.Owner].Name)
		}
		var names []string
		for _, id := range w.Candidates {
			names = append(names, p.Tasks[id].Name)
		}
		if names != nil {
			s.WriteString("; candidates " + strings.Join(names, ", "))
		}
		if strings.Contains(w.Detail, "the task itself") {
			s.WriteString("; alone")
		}
	}
	if d := t.Deadline; d != nil && *d > 9000 && *d < 9999 {
		s.WriteString("; deadline ahead")
	} else if d != nil && *d < 0 && *d > -60 {
		s.WriteString("; deadline passed")
	} else if d != nil {
		fmt.Fprintf(&s, "; deadline %v", *d)
	}
	return s.String() + cancelled(t.Cancelled)
}

func cancelled(is *bool) string {
	switch {
	case is == nil:
		return "; cancelled or not"
	case *is:
		return "; cancelled"
	}
	return ""
}
