package probe_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"runbook/builtins/probe"
)

// What a capture of real processes gives again must be what was seen, but for
// the moment of each reading within its sample.
func TestRecorderOfALiveHost(t *testing.T) {
	t.Parallel()
	h := live(t)
	procs := boot(t, h, "deaf(sleep,deaf(exit))")
	recorder := probe.NewRecorder(h)
	pids := map[int]bool{}
	for i := range procs {
		pids[procs[i].PID] = true
		procs[i].At = time.Time{} // so long ago that all of it is read anew, by both
	}
	live, err := probe.TakeSample(t.Context(), recorder, procs, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := opened(t, saved(t, recorder, func(pid int) bool { return pids[pid] }))
	again, err := probe.TakeSample(t.Context(), snapshot, procs, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	live.Locks, again.Locks = nil, nil // of the whole machine: filtered
	if diff := cmp.Diff(live, again,
		cmpopts.IgnoreFields(probe.Process{}, "At", "Age", "Started"),
		cmpopts.IgnoreFields(probe.Reading{}, "At"), cmpopts.IgnoreFields(probe.Sample{}, "At"),
		cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-live +snapshot):\n%s", diff)
	}
	if live.Over < 50*time.Millisecond || !live.Pairs[0].Second.HasFDs {
		t.Errorf("the live sample has %v and %+v", live.Over, live.Pairs[0].Second)
	}
	if clock := snapshot.Clock(); clock.Live || clock.PID != 0 || clock.Kernel != h.Clock().Kernel || !clock.Boot.Equal(h.Clock().Boot) {
		t.Errorf("clock %+v", clock)
	}
}
