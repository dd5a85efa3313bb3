package sink_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runbook/engine/event"
	"runbook/engine/sink"
)

// recorded makes a run of these events in runs.
func recorded(t *testing.T, runs sink.Runs, id string, at time.Time, events []event.Event) string {
	t.Helper()
	dir, err := runs.Create("wedged-actor", id, at)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sink.NewRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.RunStarted != nil {
			started := *e.RunStarted
			started.ID, started.Started = id, at
			e.RunStarted = &started
		}
		if err := s.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRuns(t *testing.T) {
	runs := sink.Runs{Dir: filepath.Join(t.TempDir(), "state", "runs")}
	if all, err := runs.List(); err != nil || len(all) != 0 {
		t.Fatalf("before the first run: %v, %v", all, err)
	}
	if _, err := runs.Find("last"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("last of none: %v", err)
	}

	day := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	dir := recorded(t, runs, "7f3a", day, wedged())
	recorded(t, runs, "7f99", day.Add(time.Minute), wedged()[:4]) // cut off
	recorded(t, runs, "02cc", day.Add(2*time.Minute), wedged())
	if want := "20261001T120000.000Z-wedged-actor-7f3a"; filepath.Base(dir) != want {
		t.Errorf("directory %s, want %s", filepath.Base(dir), want)
	}

	all, err := runs.List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range all {
		got = append(got, strings.Join([]string{r.Recipe, r.ID, r.Host, r.Started.Format("15:04"), string(r.Outcome)}, " "))
	}
	if diff := cmp.Diff([]string{
		"wedged-actor 02cc box7 12:02 faults",
		"wedged-actor 7f99 box7 12:01 ",
		"wedged-actor 7f3a box7 12:00 faults",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := all[2].Counts[event.Fault]; n != 1 {
		t.Errorf("%d faults, want 1", n)
	}

	for what, want := range map[string]string{"last": "02cc", "02": "02cc", "7f3": "7f3a", "7f3a": "7f3a", "20261001T1201": "7f99"} {
		if r, err := runs.Find(what); err != nil || r.ID != want {
			t.Errorf("find %s: %q, %v; want %s", what, r.ID, err, want)
		}
	}
	if _, err := runs.Find("7f"); err == nil || !strings.Contains(err.Error(), "7f3a") || !strings.Contains(err.Error(), "7f99") {
		t.Errorf("an ambiguous beginning: %v", err)
	}
	if _, err := runs.Find("zz"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none of that name: %v", err)
	}
}

func TestARunOfWhichNothingCanBeReadIsListed(t *testing.T) {
	runs := sink.Runs{Dir: t.TempDir()}
	dir, err := runs.Create("../../etc/x y", "a/../b", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(dir) != runs.Dir {
		t.Errorf("a recipe's name led out of the directory: %s", dir)
	}
	all, err := runs.List()
	if err != nil || len(all) != 1 || all[0].Err == nil || all[0].Recipe != "etc-x-y" {
		t.Errorf("%+v, %v", all, err)
	}
	if err := os.WriteFile(filepath.Join(dir, sink.EventsFile), []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := runs.Find("last"); err != nil || r.Err == nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestPruneKeepsTheNewestAndWhatIsNotOurs(t *testing.T) {
	runs := sink.Runs{Dir: t.TempDir()}
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.Mkdir(precious, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		recorded(t, runs, string(rune('a'+i)), time.Unix(int64(i)*3600, 0), wedged()[:1])
	}
	if err := os.Mkdir(filepath.Join(runs.Dir, "notes"), 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(runs.Dir, "19700101T000000.000Z-wedged-actor-link")
	if err := os.Symlink(precious, link); err != nil {
		t.Fatal(err)
	}
	if err := runs.Prune(2); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(runs.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{
		"19700101T000000.000Z-wedged-actor-link",
		"19700101T030000.000Z-wedged-actor-d",
		"19700101T040000.000Z-wedged-actor-e",
		"notes",
	}, left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}
