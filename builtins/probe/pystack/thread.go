package pystack

import (
	"fmt"
	"slices"
)

// thread is a PyThreadState.
type thread struct {
	Thread
	ident    uint64 // pthread_self
	frames   []frame
	from, to int // what was watched on the way
}

const (
	maxInterpreters = 64
	maxThreads      = 4096
	maxFrames       = 4096
)

func (p *python) interpreters() (out []uint64) {
	for i := p.u64(p.at.Runtime + p.o.RtInterpHead); i != 0 && len(out) < maxInterpreters; i = p.u64(i + p.o.InNext) {
		out = append(out, i)
	}
	return out
}

// threads lists those of an interpreter, the oldest first: that is the main
// thread as a rule. Notes say of which one not all frames could be read, and when
// there are more than maxThreads: of these the newest are listed.
func (p *python) threads(interp uint64, sub bool) (out []*thread, notes []string) {
	holder := p.gilHolder(interp)
	known := p.threadObjects(interp)
	seen := map[uint64]bool{}
	for ts := p.link(interp + p.o.InThreads); ts != 0 && !seen[ts]; ts = p.link(ts + p.o.TsNext) {
		if len(out) == maxThreads {
			notes = append(notes, fmt.Sprintf("only the newest %d threads were read: there are older ones, as a rule the main thread too", maxThreads))
			break
		}
		seen[ts] = true
		t := &thread{Thread: Thread{Sub: sub}, from: len(p.watched)}
		if p.u64(ts+p.o.TsInterp) != interp {
			fail(ts, "a thread state of no interpreter")
		}
		t.ident = p.u64(ts + p.o.TsThreadID)
		if p.o.TsNative != 0 {
			t.TID = int(uint32(p.u64(ts + p.o.TsNative)))
		}
		if k, ok := known[t.ident]; ok {
			t.Name, t.Daemon = k.name, k.daemon
			if t.TID == 0 {
				t.TID = k.tid
			}
		}
		t.HoldsGIL = ts == holder
		err := try(func() {
			f := uint64(0)
			if p.o.TsCframe != 0 { // 3.11, 3.12
				f = p.link(p.link(ts+p.o.TsCframe) + p.o.CfFrame)
			} else {
				f = p.link(ts + p.o.TsFrame)
			}
			for n := 0; f != 0 && n < 2*maxFrames; n++ {
				if x := p.frame(f); x.code != nil {
					if len(t.frames) == maxFrames {
						break
					}
					t.frames = append(t.frames, x)
				}
				f = p.link(f + p.o.FrBack)
			}
			t.Cut = f != 0
		})
		if err != nil {
			notes = append(notes, "thread "+t.Name+": its outer frames could not be read: "+err.Error())
		}
		t.to = len(p.watched)
		out = append(out, t)
	}
	slices.Reverse(out)
	return out, notes
}

// gilHolder is the thread state that holds the GIL; 0 nobody.
func (p *python) gilHolder(interp uint64) uint64 {
	switch {
	case p.minor >= 13:
		if p.i32(interp+p.o.GilLocked) > 0 {
			return p.u64(interp + p.o.GilHolder)
		}
	case p.minor == 12:
		if gil := p.u64(interp + p.o.InCevalGil); gil != 0 && p.i32(gil+p.o.GilLocked) > 0 {
			return p.u64(gil + p.o.GilHolder)
		}
	default:
		return p.u64(p.at.Runtime + p.o.RtTstateCurrent)
	}
	return 0
}

type threadObject struct {
	name   string
	tid    int
	daemon bool
}

// threadObjects is threading._active by pthread_self. A thread that C started
// is not in it.
func (p *python) threadObjects(interp uint64) map[uint64]threadObject {
	out := map[uint64]threadObject{}
	_ = try(func() {
		active := p.global(interp, "threading", "_active")
		if active == 0 {
			return
		}
		for _, e := range p.dict(active) {
			if e.key == 0 || e.value == 0 {
				continue
			}
			_ = try(func() {
				var x threadObject
				if name := p.attr(e.value, "_name"); name != 0 {
					x.name = p.str(name)
				}
				if tid := p.attr(e.value, "_native_id"); !p.isNone(tid) && p.isType(tid, "int") {
					x.tid = int(p.int(tid))
				}
				_ = try(func() { x.daemon = p.isTrue(p.attr(e.value, "_daemonic")) })
				out[uint64(p.int(e.key))] = x
			})
		}
	})
	return out
}
