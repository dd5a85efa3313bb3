package recipes_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"runbook/engine"
)

// claim is one thing that the team's notes say, told in a few words of ours,
// and where it lives on: the step of a recipe whose guidance has these texts,
// and whose recipe has these flags.
type claim struct {
	id     string // section/claim
	what   string
	recipe string
	step   string
	says   []string
	flags  []string
}

// lore is the notes, section by section. Nothing of them may get lost: a step
// that is renamed, a recipe that is gone, a command that nobody shows any more
// fails here.
var lore = []claim{
	{"wedge/find", "a listing of processes with their age", "wedged-actor", "trees", []string{"ps -eo pid", "etime,args", "pytest|tractor\\._child"}, []string{"match", "pid"}},
	{"wedge/old-child", "an actor that lives long below a stuck parent", "wedged-actor", "trees", []string{"long-lived actor"}, []string{"older-than"}},
	{"wedge/wchan", "where the kernel has it wait", "wedged-actor", "looks", []string{"/proc/PID/wchan"}, nil},
	{"wedge/status", "state and number of threads", "wedged-actor", "looks", []string{"State|Threads", "/proc/PID/status"}, nil},
	{"wedge/idle-loop", "in epoll and asleep: idle, and no spin", "wedged-actor", "looks", []string{"do_epoll_wait", "not CPU-spin"}, []string{"over"}},
	{"wedge/queues", "the queues of its sockets", "wedged-actor", "looks", []string{"ss -tnp"}, nil},
	{"wedge/stopped-consuming", "unread bytes on the connection to the parent", "wedged-actor", "blame", []string{"money read", "Recv-Q > 0", "stopped consuming", "the parent waits for it"}, nil},
	{"wedge/network", "no connection to the outside: not the network's fault", "wedged-actor", "blame", []string{"no connection out of the tree", "Don't blame the network"}, nil},
	{"wedge/close-wait", "connections that the peer closed and nobody here did", "wedged-actor", "blame", []string{"CLOSE-WAIT"}, nil},
	{"wedge/cleanup", "ending the actors, by name", "wedged-actor", "cleanup", []string{"pkill -f tractor._child"}, nil},
	{"wedge/pkill-code", "the exit code of that, in a chain of commands", "wedged-actor", "cleanup", []string{"exit code 1", "`&&` chains", "run it alone"}, nil},

	{"gate/alone", "one suite a run", "hang-proof-tests", "gate", []string{"never combined"}, []string{"python"}},
	{"gate/second-boot", "what a first session leaves wedges the next", "hang-proof-tests", "preflight", []string{"second boot wedges"}, []string{"registry"}},
	{"gate/command", "a hard limit around pytest", "hang-proof-tests", "gate", []string{"timeout -k 5 300 python -m pytest tests/ONE.py -q"}, []string{"timeout", "grace"}},
	{"gate/codes", "exit codes that mean a hang", "hang-proof-tests", "gate", []string{"**124**", "**143**"}, nil},
	{"gate/once", "a hang is tried again once, before anybody looks into it", "hang-proof-tests", "gate", []string{"tried again **once**", "before anybody investigates"}, nil},
	{"gate/loop", "a loop of three isolates what flakes", "hang-proof-tests", "flakes", []string{"loop of three", "for i in $(seq"}, []string{"repeat", "until-sure"}},
	{"gate/known", "a rate of one half that is known already, by its signature", "hang-proof-tests", "known", []string{"signatures of known failures"}, []string{"signatures"}},

	{"attribution/stash", "put the change aside, untracked files too, and run the exact case", "regression-attribution", "sides", []string{"git stash push -u", "exact case"}, []string{"case", "base"}},
	{"attribution/files", "or check out some of the files", "regression-attribution", "layers", []string{"git checkout HEAD -- "}, []string{"layer"}},
	{"attribution/layer", "a baseline that can't run: take out only the suspect layer", "regression-attribution", "layers", []string{"cannot even run", "only the suspect layer"}, nil},
	{"attribution/patch", "as a patch, taken out and put back", "regression-attribution", "layers", []string{"git diff", "> /tmp/x.patch", "git apply"}, nil},
	{"attribution/rates", "rates of several runs, no single shot", "regression-attribution", "sides", []string{"3 against 3", "p = 0.10"}, []string{"runs", "until-sure"}},

	{"stale/mismatch", "a reply that is for an earlier question", "stale-ipc", "replies", []string{"gets its reply"}, []string{"logs"}},
	{"stale/source", "search the endpoint for timeouts around proxied calls", "stale-ipc", "sources", []string{"move_on_(after|at)", "fail_(after|at)", "awaited call on a proxy"}, []string{"source"}},
	{"stale/cause", "a channel that is shared, without ids, and a caller that is cancelled", "stale-ipc", "correlation", []string{"leaves its answer in the channel"}, nil},
	{"stale/cure", "ids, never just a lock", "stale-ipc", "correlation", []string{"`mid`", "a lock is none"}, nil},

	{"logging/symptom", "records that come twice, or bare", "logging-chain", "prints", []string{"**twice**", "**bare**"}, []string{"logger", "import"}},
	{"logging/walk", "from the logger up, with level, handlers and propagate", "logging-chain", "chain", []string{"while l:", "print(l.name, l.level, l.handlers, l.propagate)", "l = l.parent"}, []string{"call", "python"}},
	{"logging/one", "one stderr handler, no more, no less", "logging-chain", "prints", []string{"**exactly one stderr handler**"}, nil},
	{"logging/who", "which the fixture of the actor's daemon adds", "logging-chain", "prints", []string{"fixture that starts the actor's daemon"}, nil},

	{"smoke/address", "a registry address of its own", "actor-smoke", "place", []string{"Choose a registry address of its own", ":6979"}, []string{"port", "registry"}},
	{"smoke/untouched", "a running stack is left alone", "actor-smoke", "after", []string{"the same processes, with the same sockets"}, nil},
	{"smoke/file", "children run the file of __main__ anew: a real file", "actor-smoke", "script", []string{"`__main__` anew", "FileNotFoundError", "<stdin>"}, nil},
	{"smoke/headless", "boot it, with nobody at a terminal", "actor-smoke", "smoke", []string{"Boot it, look, end it"}, nil},
	{"smoke/services", "one service is there, another is not", "actor-smoke", "smoke", nil, []string{"expect", "expect-not"}},

	{"guard/bare", "a guard that raises before any runtime, called bare", "fail-fast", "guards", []string{"trio.run", "nothing was started"}, []string{"expect"}},
}

func TestNothingOfTheNotesIsLost(t *testing.T) {
	lib, seen := library(), map[string]bool{}
	for _, c := range lore {
		if seen[c.id] || c.what == "" {
			t.Errorf("%s stands here twice, or says nothing", c.id)
		}
		seen[c.id] = true
		r, err := lib.Find(context.Background(), c.recipe)
		if err != nil {
			t.Errorf("%s (%s): %v", c.id, c.what, err)
			continue
		}
		i := slices.IndexFunc(r.Steps, func(s engine.Step) bool { return s.Name == c.step })
		if i < 0 {
			t.Errorf("%s (%s): %s has no step %s", c.id, c.what, c.recipe, c.step)
			continue
		}
		guidance := strings.Join(strings.Fields(r.Steps[i].Title+"\n"+r.Steps[i].Guidance), " ") // lines break anywhere
		for _, text := range c.says {
			if !strings.Contains(guidance, text) {
				t.Errorf("%s (%s): step %s of %s does not say %q", c.id, c.what, c.step, c.recipe, text)
			}
		}
		for _, flag := range c.flags {
			if !slices.ContainsFunc(r.Params, func(p engine.Param) bool { return p.Flag() == flag }) {
				t.Errorf("%s (%s): %s has no --%s", c.id, c.what, c.recipe, flag)
			}
		}
	}
}
