package pystack

import (
	"encoding/binary"
	"math/bits"
)

// indexOf finds a string among a table of keys: where the interpreter would look
// for it, by its hash, which touches a page or two. Where we do not know how it
// hashes, all keys are compared.
func (p *python) indexOf(keys uint64, name string) (int, bool) {
	if p.hash == nil {
		return p.scan(keys, name)
	}
	t := p.keyTable(keys)
	hash := p.hash.of(name)
	mask, at, perturb := t.slots-1, hash&(t.slots-1), hash
	for range maxProbes {
		i := p.indexAt(t, at)
		if i == emptySlot {
			return 0, false
		}
		if i >= 0 && uint64(i) < t.n {
			if key := p.u64(t.entries + uint64(i)*t.size + t.keyAt); key != 0 && p.strIs(key, name) {
				return int(i), true
			}
		}
		const shift = 5 // PERTURB_SHIFT
		perturb >>= shift
		at = (at*5 + perturb + 1) & mask
	}
	fail(keys, "no hash table")
	return 0, false
}

// maxProbes is more than are needed in any table that is a third empty, as these
// are.
const maxProbes = 1000

// scan finds it by comparing.
func (p *python) scan(keys uint64, name string) (int, bool) {
	list := p.entriesOf(keys)
	if len(list) > 4 {
		var at []uint64
		for _, e := range list {
			if _, read := p.strs[e.key]; e.key != 0 && !read {
				at = append(at, e.key+p.o.UniLen)
			}
		}
		p.prefetch(at)
	}
	for i, e := range list {
		if e.key != 0 && p.strIs(e.key, name) {
			return i, true
		}
	}
	return 0, false
}

const emptySlot = -1 // DKIX_EMPTY; -2 is one that was taken out

// indexAt reads a slot of the hash table: which entry it leads to.
func (p *python) indexAt(t keyTable, slot uint64) int64 {
	at := t.indices + slot*t.width
	switch t.width {
	case 1:
		return int64(p.i8(at))
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(p.read(at, 2))))
	case 4:
		return int64(p.i32(at))
	}
	return int64(p.u64(at))
}

// hashing is how an interpreter hashes strings: SipHash with a secret of its own
// (Python/pyhash.c).
type hashing struct {
	k0, k1 uint64
	rounds int // for each word: 1 from 3.11 on, 2 before; two more at the end
}

// learnHashing finds out how strings are hashed, by one that has been: a build
// may do it in another way, and an old recording does not have the secret.
func (p *python) learnHashing(known uint64, text string) {
	if p.at.Secret == 0 {
		return
	}
	_ = try(func() {
		want := p.u64(known + p.o.UniLen + 8)
		for rounds := 1; rounds <= 2; rounds++ {
			h := &hashing{p.u64(p.at.Secret), p.u64(p.at.Secret + 8), rounds}
			if h.of(text) == want {
				p.hash = h
				return
			}
		}
	})
}

// of is the hash of a string of ASCII (Aumasson and Bernstein, SipHash: a fast
// short-input PRF).
func (h *hashing) of(text string) uint64 {
	v0, v1 := h.k0^0x736f6d6570736575, h.k1^0x646f72616e646f6d
	v2, v3 := h.k0^0x6c7967656e657261, h.k1^0x7465646279746573
	round := func(n int) {
		for range n {
			v0 += v1
			v2 += v3
			v1 = bits.RotateLeft64(v1, 13) ^ v0
			v3 = bits.RotateLeft64(v3, 16) ^ v2
			v0 = bits.RotateLeft64(v0, 32)
			v2 += v1
			v0 += v3
			v1 = bits.RotateLeft64(v1, 17) ^ v2
			v3 = bits.RotateLeft64(v3, 21) ^ v0
			v2 = bits.RotateLeft64(v2, 32)
		}
	}
	padded := make([]byte, len(text)&^7+8) // the last byte is the length
	copy(padded, text)
	padded[len(padded)-1] = byte(len(text))
	for ; len(padded) > 0; padded = padded[8:] {
		word := binary.LittleEndian.Uint64(padded)
		v3 ^= word
		round(h.rounds)
		v0 ^= word
	}
	v2 ^= 0xff
	round(h.rounds + 2)
	if x := v0 ^ v1 ^ v2 ^ v3; x != ^uint64(0) { // -1 is an error in C
		return x
	}
	return ^uint64(1)
}
