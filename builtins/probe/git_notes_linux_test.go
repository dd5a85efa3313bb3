package probe_test

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"

	"runbook/builtins/probe"
)

// A repository may be moved, or copied, while its work tree is changed: a note
// holds for where it lies.
func TestRecoverKnowsWhichRepositoryANoteIsOf(t *testing.T) {
	t.Parallel()
	probe.Needs(t, "cp")
	y := messy(t)
	before := y.print(".git/objects", ".git/refs/runbook")
	cmd := y.aside("hang", "there")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	of := func(dir string) *yard { return &yard{t: t, dir: dir, logs: y.logs} }
	copied, moved := of(y.dir+" copied"), of(y.dir+" moved")
	if out, err := exec.Command("cp", "-a", y.dir, copied.dir).CombinedOutput(); err != nil {
		t.Fatalf("cp -a: %v, %s", err, out)
	}
	if err := os.Rename(y.dir, moved.dir); err != nil {
		t.Fatal(err)
	}
	if list := moved.recover(); len(list) != 1 || !list[0].Done || list[0].Repo != moved.dir {
		t.Errorf("moved: recovered %+v", list)
	}
	unchanged(t, before, moved.print(".git/objects", ".git/refs/runbook"))
	if again := moved.recover(); len(again) > 0 {
		t.Errorf("moved: recovered again %+v", again)
	}
	if err := os.Rename(moved.dir, y.dir); err != nil {
		t.Fatal(err)
	}
	// The user went on; the copy's note speaks of this place, and must not be heard here.
	y.write("staged", "of today\n")
	today := y.print()
	if list := copied.recover(); len(list) != 1 || !list[0].Done || list[0].Repo != copied.dir {
		t.Errorf("copied: recovered %+v", list)
	}
	unchanged(t, before, copied.print(".git/objects", ".git/refs/runbook"))
	unchanged(t, today, y.print())
}

func TestRecoverSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	y, other := messy(t), messy(t)
	other.logs = y.logs
	for _, y := range []*yard{y, other} {
		cmd := y.aside("hang", "there")
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if err := os.RemoveAll(y.dir); err != nil {
		t.Fatal(err)
	}
	h, err := probe.NewLive(probe.LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ours := func(r probe.Recovery) bool { return r.Repo != "" }
	list, err := probe.Recover(t.Context(), h, y.logs, nil, ours)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, r := range list {
		lost := r.Repo == y.dir
		if r.Done == lost || r.Lost != lost || len(r.Notes) == 0 || lost && r.Err.Error() != "its repository is not there" {
			t.Errorf("recovered %+v", r)
		}
		if _, err := probe.Forget(t.Context(), h, y.logs, nil, r.ID); lost == errors.Is(err, probe.ErrNoNote) {
			t.Errorf("forget %s: %v", r.Repo, err)
		}
	}
	if list, err := probe.Left(t.Context(), h, y.logs, nil); err != nil || slices.ContainsFunc(list, ours) {
		t.Errorf("left %+v, %v", list, err)
	}
}
