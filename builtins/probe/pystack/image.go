package pystack

import (
	"debug/elf"
	"encoding/binary"
)

// image is an ELF file as it lies in memory. Its symbols are found through its
// own hash table, as the dynamic linker does: that costs a few pages, and the file
// may be deleted, replaced, or out of our reach.
type image struct {
	mem  *memory
	bias uint64 // add it to an address of the file
	head []byte // the first page

	symbols, names, hash uint64 // addresses of DT_SYMTAB, DT_STRTAB, DT_GNU_HASH; 0 none
}

// openImage reads the headers of the ELF image that begins at lo; nil when there
// is none.
func openImage(m *memory, lo uint64) *image {
	head := m.read(lo, pageSize)
	if string(head[:4]) != elf.ELFMAG || elf.Class(head[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(head[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return nil
	}
	img := &image{mem: m, head: head}
	le := binary.LittleEndian
	at, size, n := le.Uint64(head[32:]), uint64(le.Uint16(head[54:])), uint64(le.Uint16(head[56:])) // e_phoff, e_phentsize, e_phnum
	if size < 56 || n == 0 || n > 64 || at > pageSize || at+n*size > pageSize {
		return nil
	}
	var dynamic, dynamicSize uint64
	loaded := false
	for i := range n {
		h := head[at+i*size:]
		offset, vaddr := le.Uint64(h[8:]), le.Uint64(h[16:])
		switch elf.ProgType(le.Uint32(h)) {
		case elf.PT_LOAD:
			if !loaded {
				img.bias, loaded = lo-(vaddr-offset), true
			}
		case elf.PT_DYNAMIC:
			dynamic, dynamicSize = vaddr, min(le.Uint64(h[40:]), pageSize)
		}
	}
	if !loaded {
		return nil
	}
	if dynamic != 0 {
		img.readDynamic(img.bias+dynamic, dynamicSize)
	}
	return img
}

func (img *image) readDynamic(at, size uint64) {
	// glibc relocates these addresses in place, musl leaves them as in the file.
	place := func(a uint64) uint64 {
		if a < img.bias {
			a += img.bias
		}
		return a
	}
	b := img.mem.read(at, int(size&^15))
	for ; len(b) > 0; b = b[16:] {
		value := binary.LittleEndian.Uint64(b[8:])
		switch elf.DynTag(binary.LittleEndian.Uint64(b)) {
		case elf.DT_NULL:
			return
		case elf.DT_SYMTAB:
			img.symbols = place(value)
		case elf.DT_STRTAB:
			img.names = place(value)
		case elf.DT_GNU_HASH:
			img.hash = place(value)
		}
	}
}

// symbol returns the address of what the image exports by name; 0 when it
// doesn't, or has no GNU hash table.
//
// The table is: counts of buckets, of symbols it leaves out, of words of a Bloom
// filter, a shift; the filter; the buckets; a chain of hashes, the last of each
// marked by its lowest bit.
func (img *image) symbol(name string) uint64 {
	if img.hash == 0 || img.symbols == 0 || img.names == 0 {
		return 0
	}
	const most = 1 << 20 // more symbols than any library has
	m := img.mem
	buckets, first, bloom := m.u32(img.hash), m.u32(img.hash+4), m.u32(img.hash+8)
	if buckets == 0 || buckets > most || bloom > most {
		return 0
	}
	h := gnuHash(name)
	at := img.hash + 16 + 8*uint64(bloom)
	chain := at + 4*uint64(buckets)
	i := m.u32(at + 4*uint64(h%buckets))
	if i < first {
		return 0
	}
	for ; i-first < most; i++ {
		other := m.u32(chain + 4*uint64(i-first))
		if other|1 == h|1 {
			sym := m.read(img.symbols+24*uint64(i), 24) // Elf64_Sym: name 4, info 1, other 1, section 2, value 8, size 8
			if binary.LittleEndian.Uint16(sym[6:]) != uint16(elf.SHN_UNDEF) && m.text(img.names+uint64(binary.LittleEndian.Uint32(sym))) == name {
				return img.bias + binary.LittleEndian.Uint64(sym[8:])
			}
		}
		if other&1 != 0 {
			break
		}
	}
	return 0
}

func gnuHash(name string) uint32 {
	h := uint32(5381)
	for _, c := range []byte(name) {
		h = h*33 + uint32(c)
	}
	return h
}
