package recipes_test

import (
	"context"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins"
	"runbook/builtins/probe"
	"runbook/builtins/probe/probetest"
	"runbook/engine"
	"runbook/recipes"
)

// Other recipes call what a hang means in one line, and go on with whom it
// named.
func TestAnotherRecipeDiagnoses(t *testing.T) {
	h := probetest.World(t, `
		100 1   S "python3 app.py"      age=10m
		101 100 S "_subactor[beta@101]" age=9m wchan=hrtimer_nanosleep
		101:3 epoll
		---`)
	want := titles{
		"`beta` (pid 101) sleeps in a synchronous `sleep`: its event loop stands still",
		"`beta` (pid 101) has no connection out of its tree: do not blame the network",
		"`beta` (pid 101)",
	}
	if d := cmp.Diff(want, blamed(t, h)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// However long the chain: who stands at its end is to blame, and only that one.
func TestAWaitIsFollowedToItsEnd(t *testing.T) {
	const links = 90
	world := chain(links)
	for i := 1; i < links; i++ {
		world += fmt.Sprintf("%d syscall=wait4:%d\n%[1]d:3 epoll\n", 1000+i, 1001+i)
	}
	world += fmt.Sprintf("%d wchan=hrtimer_nanosleep\n%[1]d:3 epoll\n---", 1000+links)
	want := titles{
		"`a90` (pid 1090) sleeps in a synchronous `sleep`: its event loop stands still; `a1` (pid 1001), `a2` (pid 1002), `a3` (pid 1003), `a4` (pid 1004) and 85 others wait for it",
		"`a90` (pid 1090) has no connection out of its tree: do not blame the network",
		"`a90` (pid 1090)",
	}
	if d := cmp.Diff(want, blamed(t, probetest.World(t, world))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// blamed is what a recipe says that calls diagnose, and then names whom it
// blamed.
func blamed(t *testing.T, h *probe.Snapshot) titles {
	t.Helper()
	lib := &engine.Library{
		Roots: []engine.Root{
			{Name: "test", Trusted: true, FS: fstest.MapFS{"mine.star": {Data: []byte(`"""# Mine"""
load("lib/actors.star", "find_trees", "names")
load("lib/diagnose.star", "diagnose")

def blame():
    """Blame"""
    note("blamed", names(diagnose(find_trees())))

recipe(summary = "Asks who hangs.", steps = [blame])
`)}}},
			{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true},
		},
		Builtins: builtins.Table(builtins.Options{Host: h}),
	}
	recipe, err := lib.Find(context.Background(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	var said titles
	if _, err := (&engine.Engine{HostNow: h.Now}).Run(context.Background(), engine.Request{Recipe: recipe, Sink: &said}); err != nil {
		t.Fatal(err)
	}
	return said
}
