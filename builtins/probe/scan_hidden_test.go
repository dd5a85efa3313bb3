package probe_test

import (
	"context"
	"strings"
	"testing"

	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
)

// garbled is a live machine without a pid 1, and with a stat that no kernel
// wrote.
type garbled struct{ probe.Host }

func (g garbled) Clock() probe.Clock {
	c := g.Host.Clock()
	c.Live = true
	return c
}

func (g garbled) ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error) {
	if path == "101/stat" {
		return []byte("garbage"), nil
	}
	return g.Host.ReadFile(ctx, path, buf)
}

// A process whose stat makes no sense is there, and missing from the list:
// nobody may take the list for the whole.
func TestAProcessThatMakesNoSenseIsNoProcessThatIsNotThere(t *testing.T) {
	h := garbled{probetest.World(t, `101 1 S "_subactor[beta@101]"`)}
	var ledger probe.Ledger
	list, err := probe.PS(probe.WithLedger(context.Background(), &ledger), h, probe.PSQuery{})
	if err != nil || len(list) != 0 {
		t.Fatalf("%v %v", list, err)
	}
	var said []string
	for _, r := range ledger.Rows() {
		if r.Status != "read" {
			said = append(said, r.Detail)
		}
	}
	if got := strings.Join(said, "; "); !strings.Contains(got, "process 101: ") || !strings.Contains(got, "processes of other users: hidden by the kernel") {
		t.Errorf("coverage says %q", got)
	}
}
