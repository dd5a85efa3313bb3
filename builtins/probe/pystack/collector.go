package pystack

import "strings"

// tracked lists the objects of a class of a package that the cyclic garbage
// collector knows: a walk through all of them, which costs tens of milliseconds
// and fails on a program that runs.
func (p *python) tracked(interp uint64, class, pkg string) (found []uint64, err error) {
	gc := interp + p.o.InGC
	if p.minor == 8 {
		gc = p.at.Runtime + p.o.RtGC
	}
	const generations, most, pointer = 3, 5_000_000, ^uint64(3)
	lists := p.generations(gc)
	is := map[uint64]bool{}
	err = try(func() {
		if lists == 0 {
			fail(gc, "no lists of the collector")
		}
		n := 0
		for g := range uint64(generations) {
			head := lists + g*p.o.GCGenSize
			prev := head
			for x := p.u64(head) & pointer; x != head; n++ {
				if n > most || p.u64(x+8)&pointer != prev {
					fail(x, "the collector's list is broken: it runs")
				}
				t := p.u64(x + 16 + 8)
				hit, known := is[t]
				if !known {
					ty := p.typeAt(t)
					hit = ty.name == class && strings.HasPrefix(p.moduleOf(ty), pkg)
					is[t] = hit
				}
				if hit {
					found = append(found, x+16)
				}
				prev, x = x, p.u64(x)&pointer
			}
		}
	})
	return found, err
}

// generations is where the lists begin. They moved within a minor version (3.13:
// from 24 to 20), so three heads in a row are looked for whose neighbours point
// back.
func (p *python) generations(gc uint64) uint64 {
	const pointer = ^uint64(3)
	for at := gc + 8; at <= gc+64; at += 4 {
		good := 0
		for g := range uint64(3) {
			_ = try(func() {
				head := at + g*p.o.GCGenSize
				next, prev := p.u64(head)&pointer, p.u64(head+8)&pointer
				if next != 0 && p.u64(next+8)&pointer == head && p.u64(prev)&pointer == head {
					good++
				}
			})
		}
		if good == 3 {
			return at
		}
	}
	return 0
}
