package recipes_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"runbook/builtins"
	"runbook/builtins/probe/probetest"
	"runbook/engine"
	"runbook/engine/event"
	"runbook/recipes"
)

// forester says of each tree that it finds who belongs to it.
const forester = `"""# Trees"""
load("lib/actors.star", "find_trees", "label")

def trees(match, pid, older_than):
    """Find the trees"""
    for t in find_trees(match = match, pid = pid, older_than = older_than):
        note("tree", " ".join(["%s(%d)" % (label(p).split("` + "`" + `")[1], p.pid) for p in t.processes]), about = t.root)

recipe(
    summary = "Says which trees there are.",
    params = {"match": param.regexp("", "m"), "pid": param.pids("p"), "older_than": param.duration("0s", "o")},
    steps = [trees],
)
`

const (
	mpSpawn      = `"python3 -B -c 'from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)' --multiprocessing-fork"`
	mpTracker    = `"python3 -B -c 'from multiprocessing.resource_tracker import main;main(4)'"`
	mpForkserver = `"python3 -B -c 'from tractor.spawn._forkserver_override import main; main(5, 6, ['__main__'], **{})'"`
)

func TestFindTrees(t *testing.T) {
	for _, test := range []struct {
		name, world, params string
		want                string // one tree a line, its root first
	}{
		{name: "by command line", world: `
			100 1   S "python3 app.py" age=5m
			101 100 S "python3 -m tractor._child --uid '('alpha', 'f3a1')' --parent_addr '('127.0.0.1', 1616)'" age=4m
			102 101 S "python3 -m tractor._child --uid '('beta', 'b7c2')' --parent_addr '('127.0.0.1', 4001)'" age=3m
			103 1   S "python3 other.py"`,
			want: `app.py(100) alpha(101) beta(102)`},
		{name: "by title, of odd names, with plain programs among them", world: `
			100 1   S "/opt/venv/bin/python3.12 -X dev /srv/app.py --fast" age=5m
			101 100 S "_subactor[brokerd.kraken \"eu\", it's (1)] [x@3@101]" age=4m
			102 101 S "sleep 1000" age=3m`,
			want: `app.py(100) brokerd.kraken "eu", it's (1)] [x@3(101) sleep(102)`},
		{name: "a zombie has but its short name left", world: `
			100 1   S "python3 app.py" age=5m
			101 100 Z "" comm=_subactor[alpha age=4m`,
			want: `app.py(100) alpha(101)`},
		{name: "multiprocessing's children, joined to their parent by a socket; helpers belong to it", world: `
			100 1   S "python3 app.py" age=5m
			101 100 S ` + mpTracker + ` age=4m
			102 100 S ` + mpSpawn + ` age=3m
			100:8 tcp ESTAB 127.0.0.1:1616 127.0.0.1:4001
			102:8 tcp ESTAB 127.0.0.1:4001 127.0.0.1:1616`,
			want: `app.py(100) python3(101) python3(102)`},
		{name: "multiprocessing's children of a program without actors", world: `
			100 1   S "python3 train.py" age=5m
			101 100 S ` + mpTracker + ` age=4m
			102 100 S ` + mpSpawn + ` age=3m`},
		{name: "the same, asked for by name", params: "match=train", world: `
			100 1   S "python3 train.py" age=5m
			102 100 S ` + mpSpawn + ` age=3m`,
			want: `train.py(100) python3(102)`},
		{name: "forked by tractor's fork server", world: `
			100 1   S "python3 app.py" age=5m
			101 100 S ` + mpForkserver + ` age=4m
			102 101 S ` + mpForkserver + ` age=3m
			100:8 tcp ESTAB 127.0.0.1:1616 127.0.0.1:4001
			102:8 tcp ESTAB 127.0.0.1:4001 127.0.0.1:1616`,
			want: `app.py(100) python3(101) python3(102)`},
		{name: "started from a shell: that is no part of it", world: `
			50  1   S "bash" age=1h
			100 50  S "python3 app.py" sid=50 age=5m
			101 100 S "_subactor[alpha@101]" sid=50 age=4m`,
			want: `app.py(100) alpha(101)`},
		{name: "the root is the first process of a container", world: `
			1 0 S "python3 app.py" age=5m
			7 1 S "_subactor[alpha@7]" age=4m`,
			want: `app.py(1) alpha(7)`},
		{name: "an orphan under init", world: `
			1   0   S "/sbin/init" age=100h
			101 1   S "_subactor[alpha@101]" sid=100 age=4m
			102 101 S "_subactor[beta@102]" sid=100 age=3m`,
			want: `alpha(101) beta(102)`},
		{name: "orphans under a subreaper are trees of their own", world: `
			40  1  S "/usr/lib/systemd/systemd --user" age=100h
			101 40 S "_subactor[alpha@101]" sid=100 age=4m
			102 40 S "_subactor[beta@102]" sid=100 age=3m`,
			want: `
				alpha(101)
				beta(102)`},
		{name: "two trees, the older first", world: `
			200 1   S "python3 two.py" age=3m
			201 200 S "_subactor[beta@201]" age=2m
			100 1   S "python3 one.py" age=9m
			101 100 S "_subactor[alpha@101]" age=8m`,
			want: `
				one.py(100) alpha(101)
				two.py(200) beta(201)`},
		{name: "one of two, by the pid of any member", params: "pid=201", world: twoTrees,
			want: `two.py(200) beta(201) gamma(202)`},
		{name: "by the pids of two members of one", params: "pid=201 pid=202", world: twoTrees,
			want: `two.py(200) beta(201) gamma(202)`},
		{name: "by an actor's name: the whole of its tree", params: "match=gamma", world: twoTrees,
			want: `two.py(200) beta(201) gamma(202)`},
		{name: "by a name that nobody has", params: "match=delta", world: twoTrees},
		{name: "a tree of which one process is old enough", params: "older_than=5m", world: twoTrees,
			want: `one.py(100) alpha(101)`},
		{name: "none is old enough", params: "older_than=1h", world: twoTrees},
		{name: "ninety deep", world: chain(90), want: chained(90)},
		{name: "an actor that made a session of its own belongs to its tree", world: `
			100 1   S "python3 app.py" age=5m
			101 100 S "_subactor[alpha@101]" age=4m
			102 101 S "_subactor[beta@102]" sid=102 pgid=102 age=3m`,
			want: `app.py(100) alpha(101) beta(102)`},
		{name: "a test run and its workers, each of which has actors", world: `
			100 1   S "python3 -m pytest -n 2" age=5m
			101 100 S "python3 -u -c 'import sys;exec(eval(sys.stdin.readline()))'" age=4m
			102 100 S "python3 -u -c 'import sys;exec(eval(sys.stdin.readline()))'" age=4m
			103 101 S "_subactor[alpha@103]" age=3m
			104 102 S "_subactor[beta@104]" age=3m`,
			want: `
				python3(101) alpha(103)
				python3(102) beta(104)`},
		{name: "the same, asked for by the test run", params: "match=pytest", world: `
			100 1   S "python3 -m pytest -n 2" age=5m
			101 100 S "python3 -u -c 'import sys;exec(eval(sys.stdin.readline()))'" age=4m
			103 101 S "_subactor[alpha@103]" age=3m`,
			want: `pytest(100) python3(101) alpha(103)`},
		{name: "a program that embeds Python, in one group with its actors", world: `
			100 1   S "trader --live" age=5m
			101 100 S "_subactor[alpha@101]" age=4m`,
			want: `trader(100) alpha(101)`},
		{name: "nobody", world: `100 1 S "python3 app.py"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want []string
			for l := range strings.Lines(test.want) {
				if l = strings.TrimSpace(l); l != "" {
					want = append(want, l)
				}
			}
			if d := cmp.Diff(want, trees(t, test.world, test.params)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

const twoTrees = `
	100 1   S "python3 one.py"       age=9m
	101 100 S "_subactor[alpha@101]" age=3m
	200 1   S "python3 two.py"       age=4m
	201 200 S "_subactor[beta@201]"  age=2m
	202 200 S "_subactor[gamma@202]" age=1m`

// chain is a root and n actors, each below the last.
func chain(n int) string {
	var b strings.Builder
	fmt.Fprintln(&b, `1000 1 S "python3 app.py" age=2h`)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "%d %d S \"_subactor[a%d@%d]\" age=%dm\n", 1000+i, 999+i, i, 1000+i, 100-i)
	}
	return b.String()
}

func chained(n int) string {
	names := []string{"app.py(1000)"}
	for i := 1; i <= n; i++ {
		names = append(names, fmt.Sprintf("a%d(%d)", i, 1000+i))
	}
	return strings.Join(names, " ")
}

func trees(t *testing.T, world, params string) []string {
	t.Helper()
	h := probetest.World(t, world)
	lib := &engine.Library{
		Roots: []engine.Root{
			{Name: "test", FS: fstest.MapFS{"trees.star": {Data: []byte(forester)}}, Trusted: true},
			{Name: "embedded", FS: recipes.FS, Embedded: true, Trusted: true},
		},
		Builtins: builtins.Table(builtins.Options{Host: h}),
	}
	recipe, err := lib.Find(context.Background(), "trees")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string][]string{}
	for _, p := range strings.Fields(params) {
		name, value, _ := strings.Cut(p, "=")
		given[name] = append(given[name], value)
	}
	var found titles
	end, err := (&engine.Engine{HostNow: h.Now}).Run(context.Background(), engine.Request{Recipe: recipe, Params: given, Sink: &found})
	if err != nil || end.Outcome != event.Clean {
		t.Fatalf("%v %+v", err, end)
	}
	return found
}

type titles []string

func (t *titles) Write(e event.Event) error {
	if e.Found != nil {
		*t = append(*t, e.Found.Title)
	}
	return nil
}

func (t *titles) Close() error { return nil }
