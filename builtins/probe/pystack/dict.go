package pystack

import "encoding/binary"

// entry of a dict; value is 0 in a table of keys that instances share (PEP 412).
type entry struct{ key, value uint64 }

// keyTable is the keys of a dict: a hash table of indices, and behind it the
// entries (Objects/dictobject.c, PyDictKeysObject).
type keyTable struct {
	slots, width  uint64 // of the hash table, and of each in bytes
	indices       uint64 // its address
	n             uint64 // entries, those taken out among them
	entries, size uint64 // address of the first, bytes of each
	keyAt         uint64 // where in it the key is; the value is behind it
}

func (p *python) keyTable(keys uint64) (t keyTable) {
	t.size, t.keyAt, t.width = 24, 8, 1
	if p.minor >= 11 {
		slots, bytes := p.u8(keys+8)&63, p.u8(keys+9)&63
		t.slots, t.width, t.indices, t.n = 1<<slots, 1<<((bytes-slots)&3), keys+32, p.u64(keys+24)
		t.entries = t.indices + 1<<bytes
		if p.u8(keys+10) != 0 { // only strings: no hash beside them
			t.size, t.keyAt = 16, 0
		}
	} else {
		t.slots, t.indices, t.n = p.u64(keys+8), keys+40, p.u64(keys+32)
		switch {
		case t.slots > 0xffffffff:
			t.width = 8
		case t.slots > 0xffff:
			t.width = 4
		case t.slots > 0xff:
			t.width = 2
		}
		t.entries = t.indices + t.slots*t.width
	}
	if t.n > 1<<19 || t.slots == 0 {
		fail(keys, "a dict of %d in %d", t.n, t.slots)
	}
	return t
}

// entriesOf lists a table of keys in the order in which they were put in.
func (p *python) entriesOf(keys uint64) []entry {
	if e, ok := p.keys[keys]; ok {
		return e
	}
	t := p.keyTable(keys)
	b := p.read(t.entries, int(t.n*t.size))
	out := make([]entry, t.n)
	for i := range out {
		one := b[uint64(i)*t.size+t.keyAt:]
		out[i] = entry{binary.LittleEndian.Uint64(one), binary.LittleEndian.Uint64(one[8:])}
	}
	p.keys[keys] = out
	return out
}

// firstKey is the key that was put first into a table of keys; 0 none, or it was
// taken out.
func (p *python) firstKey(keys uint64) uint64 {
	t := p.keyTable(keys)
	if t.n == 0 {
		return 0
	}
	return p.u64(t.entries + t.keyAt)
}

// valuesAt is where the values of an instance's split table begin.
func (p *python) valuesAt(values uint64) uint64 {
	if p.minor >= 13 {
		return values + 8
	}
	return values
}

// dict lists the entries of a dict; those taken out have value 0.
func (p *python) dict(d uint64) []entry {
	list := p.entriesOf(p.u64(d + p.o.DictKeys))
	values := p.u64(d + p.o.DictValues)
	if values == 0 {
		return list
	}
	out := make([]entry, len(list))
	for i, v := range p.words(p.valuesAt(values), len(list)) {
		out[i] = entry{list[i].key, v}
	}
	return out
}

// dictGet finds what a dict holds under a string; 0 nothing.
func (p *python) dictGet(d uint64, name string) uint64 {
	keys, values := p.u64(d+p.o.DictKeys), p.u64(d+p.o.DictValues)
	i, ok := p.indexOf(keys, name)
	switch {
	case !ok:
		return 0
	case values != 0:
		return p.u64(p.valuesAt(values) + uint64(i)*8)
	}
	t := p.keyTable(keys)
	return p.u64(t.entries + uint64(i)*t.size + t.keyAt + 8)
}

// attr reads an attribute of an instance by its name: from a slot, whose place
// the member descriptor of a class tells, or from the instance's dict. 0: there
// is none. Properties are not run.
func (p *python) attr(obj uint64, name string) uint64 {
	t := p.typeOf(obj)
	at, ok := t.slots[name]
	if !ok {
		at = p.slotOf(t, name)
		t.slots[name] = at
	}
	if at >= 0 {
		return p.link(obj + uint64(at))
	}
	return p.ofInstance(obj, t, name)
}

func (p *python) slotOf(t *pyType, name string) int64 {
	mro := p.u64(t.addr + p.o.TpMro)
	if mro == 0 {
		return -1
	}
	for _, base := range p.tuple(mro) {
		if p.typeAt(base).flags&heapType == 0 {
			continue
		}
		d := p.u64(base + p.o.TpDict)
		if d == 0 {
			continue
		}
		if v := p.dictGet(d, name); v != 0 && p.isType(v, "member_descriptor") {
			at := int64(p.u64(p.u64(v+40) + 16)) // PyMemberDescrObject.d_member->offset
			if at < 0 || at > 1<<16 {
				fail(v, "a slot at %d", at)
			}
			return at
		}
	}
	return -1
}

// ofInstance reads an attribute that an instance keeps outside its slots.
func (p *python) ofInstance(obj uint64, t *pyType, name string) uint64 {
	dict, values := p.storeOf(obj, t)
	if dict != 0 {
		return p.dictGet(dict, name)
	}
	if values == 0 {
		return 0
	}
	if i, ok := p.indexOf(p.u64(t.addr+p.o.HtCached), name); ok {
		return p.u64(values + uint64(i)*8)
	}
	return 0
}

// attributes lists the values of all that an instance keeps so.
func (p *python) attributes(obj uint64) (out []uint64) {
	t := p.typeOf(obj)
	dict, values := p.storeOf(obj, t)
	switch {
	case dict != 0:
		for _, e := range p.dict(dict) {
			if e.key != 0 && e.value != 0 {
				out = append(out, e.value)
			}
		}
	case values != 0:
		for i := range p.entriesOf(p.u64(t.addr + p.o.HtCached)) {
			if v := p.u64(values + uint64(i)*8); v != 0 {
				out = append(out, v)
			}
		}
	}
	return out
}

// storeOf is where an instance keeps its attributes, a dict or values under keys
// that all instances share: each of 3.11 to 3.13 moved that (Objects/object.c,
// _PyObject_GetDictPtr and its successors). 0, 0: it has none.
func (p *python) storeOf(obj uint64, t *pyType) (dict, values uint64) {
	switch managed := t.flags&managedDict != 0; {
	case p.minor >= 13 && managed:
		if dict = p.u64(obj - 24); dict == 0 && t.flags&inlineValues != 0 && p.u8(obj+t.basic+3) != 0 {
			values = p.valuesAt(obj + t.basic)
		}
	case p.minor == 12 && managed:
		if dict = p.u64(obj - 24); dict&1 != 0 { // the tag is values-1
			dict, values = 0, dict+1
		}
	case p.minor == 11 && managed:
		if values = p.u64(obj - 32); values == 0 {
			dict = p.u64(obj - 24)
		}
	case t.dictAt > 0 && t.dictAt < 1<<16:
		dict = p.u64(obj + uint64(t.dictAt))
	}
	return dict, values
}

// module is sys.modules[name] of an interpreter; 0 it has not been imported.
func (p *python) module(interp uint64, name string) uint64 {
	modules := p.u64(interp + p.o.InModules)
	if modules == 0 {
		return 0
	}
	return p.dictGet(modules, name)
}

// global is a name of a module; 0 none.
func (p *python) global(interp uint64, module, name string) uint64 {
	m := p.module(interp, module)
	if m == 0 {
		return 0
	}
	return p.dictGet(p.u64(m+16), name) // PyModuleObject.md_dict
}
