package pystack

// aloneHas reports whether a task alone has an object: each of the references that
// the interpreter counts of it is from the task's frames, or from what only these
// have. Whatever else had it, a global, another task, a thread, a container that we
// do not look into, would be one more.
func (p *python) aloneHas(t *task, obj uint64) (alone bool) {
	_ = try(func() {
		r := references{python: p, slots: map[uint64]int{}, known: map[uint64]bool{}}
		for _, l := range t.chain {
			if l.frame.code == nil {
				return
			}
			for _, v := range p.slots(l.frame) {
				r.slots[v]++
			}
		}
		alone = r.allSeen(obj)
	})
	return alone
}

// references are those that the frames of a task have.
type references struct {
	*python
	slots map[uint64]int // how many of the frames' variables and temporaries are an object
	known map[uint64]bool
}

// allSeen reports whether each reference to an object is of the frames, or of a
// thing to which that holds in turn.
func (r references) allSeen(obj uint64) bool {
	if seen, ok := r.known[obj]; ok {
		return seen // false as well for one that is being asked about: things that have each other
	}
	r.known[obj] = false
	count := r.slots[obj]
	for holder := range r.slots {
		if n := r.has(holder, obj); n > 0 && holder != obj && r.allSeen(holder) {
			count += n
		}
	}
	r.known[obj] = count > 0 && uint64(count) == uint64(r.u32(obj)) // ob_refcnt, or its lower half
	return r.known[obj]
}

// has is how often a cell, a bound method, a small dict or an instance refers to an
// object.
func (r references) has(holder, obj uint64) (n int) {
	_ = try(func() {
		var of []uint64
		switch t := r.typeOf(holder); {
		case t.name == "cell":
			of = []uint64{r.u64(holder + 16)}
		case t.name == "method":
			of = []uint64{r.u64(holder + 24)} // PyMethodObject.im_self
		case t.name == "dict":
			const most = 1000 // entries: more are no variables
			if r.keyTable(r.u64(holder+r.o.DictKeys)).n > most {
				return
			}
			for _, e := range r.dict(holder) {
				of = append(of, e.value)
			}
		case t.flags&heapType != 0:
			if dict, _ := r.storeOf(holder, t); dict != 0 && r.u32(dict) != 1 {
				return // somebody has its dict
			}
			of = r.attributes(holder)
		}
		for _, v := range of {
			if v == obj {
				n++
			}
		}
	})
	return n
}
