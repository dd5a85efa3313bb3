package pystack

import "encoding/binary"

// entry of a dict; value is 0 in a table of keys that instances share (PEP 412).
type entry struct{ key, value uint64 }

// entriesOf lists a table of keys in the order in which they were put in
// (Objects/dictobject.c, PyDictKeysObject).
func (p *python) entriesOf(keys uint64) []entry {
	if e, ok := p.keys[keys]; ok {
		return e
	}
	var n, at uint64
	size, keyAt := uint64(24), uint64(8)
	if p.minor >= 11 {
		n, at = p.u64(keys+24), keys+32+1<<(p.u8(keys+9)&63)
		if p.u8(keys+10) != 0 { // only strings: no hash beside them
			size, keyAt = 16, 0
		}
	} else {
		slots := p.u64(keys + 8)
		n = p.u64(keys + 32)
		width := uint64(1)
		switch {
		case slots > 0xffffffff:
			width = 8
		case slots > 0xffff:
			width = 4
		case slots > 0xff:
			width = 2
		}
		at = keys + 40 + slots*width
	}
	if n > 1<<19 {
		fail(keys, "a dict of %d", n)
	}
	b := p.read(at, int(n*size))
	out := make([]entry, n)
	for i := range out {
		one := b[uint64(i)*size+keyAt:]
		out[i] = entry{binary.LittleEndian.Uint64(one), binary.LittleEndian.Uint64(one[8:])}
	}
	p.keys[keys] = out
	return out
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
	at := p.valuesAt(values)
	out := make([]entry, len(list))
	for i, e := range list {
		out[i] = entry{e.key, p.u64(at + uint64(i)*8)}
	}
	return out
}

// dictGet finds what a dict holds under a string; 0 nothing.
func (p *python) dictGet(d uint64, name string) uint64 {
	list := p.dict(d)
	if len(list) > 4 {
		var at []uint64
		for _, e := range list {
			if _, read := p.strs[e.key]; e.key != 0 && e.value != 0 && !read {
				at = append(at, e.key+p.o.UniLen)
			}
		}
		p.prefetch(at)
	}
	for _, e := range list {
		if e.key != 0 && e.value != 0 && p.strIs(e.key, name) {
			return e.value
		}
	}
	return 0
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
	for _, base := range t.mro {
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
	for i, e := range p.entriesOf(p.u64(t.addr + p.o.HtCached)) {
		if e.key != 0 && p.strIs(e.key, name) {
			return p.u64(values + uint64(i)*8)
		}
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
