package pystack

import "fmt"

// checkLayout finds out whether a row of the table fits the process: sys is the
// first of its modules, and says the version itself. The way to sys.hexversion
// leads through interpreter, dict, str, module, type, tuple and int; who goes it
// by the wrong row finds nothing there, or the number of another version.
// Errors: ErrLayout.
func (p *python) checkLayout(interp uint64) error {
	why := ""
	err := guard(func() {
		modules := p.u64(interp + p.o.InModules)
		if modules == 0 || !p.isType(modules, "dict") {
			why = "sys.modules is no dict"
			return
		}
		first := p.firstKey(p.u64(modules + p.o.DictKeys))
		if first == 0 || p.str(first) != "sys" {
			why = "the first of sys.modules is not sys"
			return
		}
		p.learnHashing(first, "sys")
		version := p.global(interp, "sys", "hexversion")
		if !p.isType(version, "int") {
			why = "sys.hexversion is no int"
			return
		}
		if hex := uint32(p.int(version)); hex>>16 != p.at.Version {
			why = fmt.Sprintf("it says of itself that it is %d.%d", hex>>24, hex>>16&0xff)
		}
	})
	switch {
	case err != nil && final(err):
		return err
	case err != nil:
		return fmt.Errorf("CPython %v: %w: %w", p.at, ErrLayout, err)
	case why != "":
		return fmt.Errorf("CPython %v: %w: %s", p.at, ErrLayout, why)
	}
	return nil
}

// checkFrames finds what no right reading of a process at rest can give: a
// frame of no function, a task that waits in a coroutine that awaits nothing.
// A row that is nearly right gives just that, and nothing else amiss.
func checkFrames(threads []*thread, tasks []*task) error {
	for _, t := range threads {
		for _, f := range t.frames {
			if f.code.name == "" || f.code.file == "" || f.line < 0 {
				return fmt.Errorf("%w: thread %d has a frame of no function", ErrLayout, t.TID)
			}
		}
	}
	for _, t := range tasks {
		if t.State != Parked {
			continue
		}
		if len(t.chain) == 0 {
			return fmt.Errorf("%w: %s task %s waits, and has no coroutine", ErrLayout, t.Library, t.Name)
		}
		if last := t.chain[len(t.chain)-1]; last.kind == "coroutine" && last.state == suspended {
			return fmt.Errorf("%w: %s task %s waits, and awaits nothing", ErrLayout, t.Library, t.Name)
		}
	}
	return nil
}
