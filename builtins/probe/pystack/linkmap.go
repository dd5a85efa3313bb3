package pystack

import (
	"debug/elf"
	"iter"
)

// library is an ELF image that the dynamic linker has loaded.
type library struct {
	base uint64 // add it to an address of the file
	name uint64 // where its name is, see nameOf; 0 the executable
}

// nameOf is the name of a library as the linker found it; "" the executable, and
// where there is none. To read all names touches twice the pages.
func (m *memory) nameOf(x library) string {
	if x.name == 0 {
		return ""
	}
	return m.text(x.name)
}

// libraries lists what the dynamic linker has loaded into a process, the
// executable first, by the way that it keeps for debuggers: program headers,
// DT_DEBUG, r_debug, link_map (link.h of glibc and musl; elf(5)). Empty where no
// linker was at work. headers is where the count program headers of the executable
// are.
func (m *memory) libraries(headers uint64, count int) iter.Seq[library] {
	return func(yield func(library) bool) {
		const most = 1024
		x := m.linkMap(headers, count)
		for n := 0; x != 0 && n < most; n++ { // l_addr, l_name, l_ld, l_next
			one := library{base: m.u64(x)}
			if n > 0 {
				one.name = m.u64(x + 8)
			}
			if !yield(one) {
				return
			}
			x = m.u64(x + 24)
		}
	}
}

// linkMap is the address of the first link_map of a process; 0 none.
func (m *memory) linkMap(headers uint64, count int) uint64 {
	const entry, most = 56, 1024 // Elf64_Phdr: type 4, flags 4, offset 8, address 8, …
	var own, dynamic uint64
	for i := range uint64(min(max(count, 0), 64)) {
		at := headers + i*entry
		switch elf.ProgType(m.u32(at)) {
		case elf.PT_PHDR:
			own = m.u64(at + 16)
		case elf.PT_DYNAMIC:
			dynamic = m.u64(at + 16)
		}
	}
	if dynamic == 0 || own == 0 {
		return 0
	}
	debug := uint64(0)
	for at, n := headers-own+dynamic, 0; n < most && debug == 0; at, n = at+16, n+1 {
		switch elf.DynTag(m.u64(at)) {
		case elf.DT_NULL:
			return 0
		case elf.DT_DEBUG:
			debug = m.u64(at + 8)
		}
	}
	if debug == 0 {
		return 0
	}
	return m.u64(debug + 8) // r_map
}
