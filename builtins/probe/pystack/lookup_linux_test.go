package pystack

import (
	"context"
	"testing"
)

// What CPython 3.11 and 3.8 say of themselves with PYTHONHASHSEED=0.
func TestStringsAreHashedAsTheInterpreterDoes(t *testing.T) {
	for _, x := range []struct {
		rounds int
		text   string
		want   uint64
	}{
		{1, "sys", 8591962067542672579},
		{1, "12345678", 3785724242978802311},
		{1, "trio._core._run", 14999809223747974975},
		{1, "GLOBAL_RUN_CONTEXT", 14341486038179868009},
		{2, "sys", 15325370586921204491},
		{2, "trio._core._run", 8806181949496523446},
		{2, "GLOBAL_RUN_CONTEXT", 7986209328732431606},
	} {
		if got := (&hashing{rounds: x.rounds}).of(x.text); got != x.want {
			t.Errorf("%s in %d rounds: %d, want %d", x.text, x.rounds, got, x.want)
		}
	}
}

// Each module that is loaded is found by its hash, as by comparing all names.
func TestALookUpByHashFindsWhatComparingFinds(t *testing.T) {
	pid := startPython(t, `import asyncio, sys, time
del sys.modules["asyncio.locks"]
print("ready")
time.sleep(1000)
`)
	h := liveHost(t)
	l := &look{host: h, memory: h.Memory(), pid: pid, thread: pid}
	at, err := l.locate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	w, err := walkThrough(l.fresh(), at, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := w.python
	if p.hash == nil {
		t.Fatal("how it hashes is not known")
	}
	err = guard(func() {
		modules := p.u64(p.interpreters()[0] + p.o.InModules)
		list := p.dict(modules)
		if len(list) < 100 {
			t.Errorf("%d modules", len(list))
		}
		for _, e := range list {
			if e.key == 0 {
				continue
			}
			if got := p.dictGet(modules, p.str(e.key)); got != e.value {
				t.Errorf("%s is at %#x, want %#x", p.str(e.key), got, e.value)
			}
		}
		for _, name := range []string{"asyncio.locks", "nowhere"} {
			if got := p.dictGet(modules, name); got != 0 {
				t.Errorf("%s is at %#x, and is not there", name, got)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}
