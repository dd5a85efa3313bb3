package main

import (
	"encoding/json"
	"fmt"
	"slices"
)

// planted is one demonstration: a tree of actors, what goes wrong in it, and
// what a diagnosis must therefore say.
type planted struct {
	name    string
	title   string
	root    role
	culprit []string // names that a fault must be about; none in a healthy tree
	look    string   // whom --pid names: the root, unless that one is dead
}

// role is one process of a planted tree. It travels to the process as JSON in
// one environment variable: the command line must be an actor's, and nothing
// else, because a recipe reads that.
type role struct {
	Name     string `json:"name"`
	Does     does   `json:"does"`
	Mine     string `json:"mine,omitempty"`  // deadlock: the file whose lock it takes
	Yours    string `json:"yours,omitempty"` // deadlock: the file whose lock it wants
	Children []role `json:"children,omitempty"`

	Parent  int  `json:"parent,omitempty"`  // the parent's port on 127.0.0.1; 0 = the root
	Orphans bool `json:"orphans,omitempty"` // does not die with its parent
}

// does is what an actor does after its parent greeted it.
type does string

const (
	serves does = "serves" // reads each message, waits for the next: healthy
	deaf   does = "deaf"   // waits for everything but its parent's messages
	sleeps does = "sleeps" // blocks its loop in nanosleep
	locks  does = "locks"  // blocks its loop in flock, holding another lock
	stops  does = "stops"  // SIGSTOP
	dies   does = "dies"   // SIGKILL, once its children stand
)

// restsAs is the state of an actor that got there, by the letters of ps(1).
func (d does) restsAs() string {
	switch d {
	case stops:
		return "T"
	case dies:
		return "Z"
	}
	return "S"
}

// scenarios lists what demo can plant, in the order in which help shows them.
// Files are named here only; plantTree makes them.
func scenarios() []planted {
	gamma := role{Name: "gamma", Does: serves}
	tree := func(alpha, beta does) role {
		return role{Name: "root", Does: serves, Children: []role{
			{Name: "alpha", Does: alpha, Mine: "a.lock", Yours: "b.lock"},
			{Name: "beta", Does: beta, Mine: "b.lock", Yours: "a.lock", Children: []role{gamma}},
		}}
	}
	return []planted{
		{"wedged-actor", "beta's loop is alive, but no task reads its parent's messages", tree(serves, deaf), []string{"beta"}, "root"},
		{"sync-blocked", "beta's loop is blocked in a synchronous call", tree(serves, sleeps), []string{"beta"}, "root"},
		{"deadlock", "alpha and beta wait for each other's lock", tree(locks, locks), []string{"alpha", "beta"}, "root"},
		{"stopped", "beta was stopped with SIGSTOP", tree(serves, stops), []string{"beta"}, "root"},
		{"orphan", "the root was killed, alpha lives on", role{Name: "root", Does: dies, Children: []role{
			{Name: "alpha", Does: serves, Orphans: true},
		}}, []string{"alpha"}, "alpha"},
		{"healthy", "everybody is idle and well", tree(serves, serves), nil, "root"},
	}
}

// findScenario returns the planted tree of that name. "stopped-consuming" is
// the rule by which wedged-actor's culprit is found, and people try that word.
func findScenario(name string) (planted, error) {
	all := scenarios()
	var names []string
	for _, s := range all {
		if s.name == name || name == "stopped-consuming" && s.name == "wedged-actor" {
			return s, nil
		}
		names = append(names, s.name)
	}
	return planted{}, usage(fmt.Sprintf("demo: no scenario %q", name), hintNearest(name, names, "scenarios"))
}

// withFiles is a with the files that it and those below it lock, each named by
// the path that path gives.
func (a role) withFiles(path func(name string) (string, error)) (role, error) {
	if a.Does != locks {
		a.Mine, a.Yours = "", ""
	}
	for _, file := range []*string{&a.Mine, &a.Yours} {
		if *file == "" {
			continue
		}
		p, err := path(*file)
		if err != nil {
			return a, err
		}
		*file = p
	}
	below := make([]role, len(a.Children))
	for i, c := range a.Children {
		var err error
		if below[i], err = c.withFiles(path); err != nil {
			return a, err
		}
	}
	a.Children = below
	return a, nil
}

// count is how many processes the tree of a has.
func (a role) count() int {
	n := 1
	for _, c := range a.Children {
		n += c.count()
	}
	return n
}

func (a role) env() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // plain strings and ints: our bug
	}
	return demoRoleEnv + "=" + string(b)
}

// argv is the command line: of an actor as tractor 0.1 starts it, of the root
// as a user starts a program.
func (a role) argv(uuid string) []string {
	if a.Parent == 0 {
		return []string{"python3", "demo_app.py"}
	}
	return []string{
		"python3", "-m", "tractor._child",
		"--uid", fmt.Sprintf("('%s', '%s')", a.Name, uuid),
		"--parent_addr", fmt.Sprintf("('127.0.0.1', %d)", a.Parent),
	}
}

// demoRoleEnv is how a process learns that it is an actor of a demonstration.
const demoRoleEnv = "RUNBOOK_DEMO_ROLE"

// named reports how the faults, by name of their subjects, compare with what
// was planted: nil when exactly the culprits were named.
func (p planted) named(faults []string) error {
	for _, c := range p.culprit {
		if !slices.Contains(faults, c) {
			return fmt.Errorf("%s was planted as the culprit, and no fault names it", c)
		}
	}
	for _, f := range faults {
		if !slices.Contains(p.culprit, f) {
			return fmt.Errorf("a fault names %s, which is innocent", f)
		}
	}
	return nil
}
