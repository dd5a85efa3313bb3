package recipes_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins"
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
	want := titles{
		"`beta` (pid 101) sleeps in a synchronous `sleep`: its event loop stands still",
		"`beta` (pid 101) has no connection out of its tree: do not blame the network",
		"`beta` (pid 101)",
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
