package pystack

import "sync"

// programs keeps where executables have their Python, by what probe.Memory calls
// them: of the processes of a tree most run the same one, and to list what one has
// mapped costs more than all else that Loops does.
var programs sync.Map

// program is where the Python of an executable is, in what the dynamic linker has
// loaded.
type program struct {
	place          // as if that library were loaded at 0
	library string // "" the executable itself
	rounds  int    // as hashing has them
}

// knownProgram returns the place of the Python of a process whose executable was
// met before, and how its interpreter hashes strings; ok: it was.
func (l *look) knownProgram() (at place, hash *hashing, ok bool) {
	run, err := l.memory.Program(l.thread)
	if err != nil {
		return place{}, nil, false
	}
	x, ok := programs.Load(run.Key)
	if !ok {
		return place{}, nil, false
	}
	known := x.(program)
	at, ok = known.place, false
	m := l.fresh()
	defer m.release()
	_ = guard(func() {
		for y := range m.libraries(run.Headers, run.Count) {
			if (known.library == "") == (y.name == 0) && m.nameOf(y) == known.library {
				at.Runtime, at.Secret, ok = at.Runtime+y.base, at.Secret+y.base, true
				return
			}
		}
	})
	return at, &hashing{rounds: known.rounds}, ok
}

// rememberProgram keeps the place of a Python whose layout was checked.
func (l *look) rememberProgram(p *python) {
	run, err := l.memory.Program(l.thread)
	if err != nil || p.hash == nil {
		return
	}
	_ = guard(func() {
		var in library // that which begins last before it
		for y := range p.libraries(run.Headers, run.Count) {
			if y.base <= p.at.Runtime && y.base >= in.base {
				in = y
			}
		}
		at := p.at
		at.Runtime, at.Secret = at.Runtime-in.base, at.Secret-in.base
		programs.Store(run.Key, program{at, p.nameOf(in), p.hash.rounds})
	})
}
