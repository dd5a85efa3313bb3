package pystack

// lineAt decodes the line of the instruction at a byte offset from a code
// object's table: co_lnotab before 3.10 (Objects/lnotab_notes.txt), its
// successor in 3.10, and the table of locations since 3.11
// (Objects/locations.md). 0: the instruction has no line.
func lineAt(minor int, table []byte, first, at int) int {
	switch {
	case minor >= 11:
		return lineOfLocations(table, first, at)
	case minor == 10:
		return lineOfLineTable(table, first, at)
	}
	return lineOfLnotab(table, first, at)
}

func lineOfLnotab(t []byte, line, at int) int {
	addr := 0
	for i := 0; i+1 < len(t); i += 2 {
		if addr += int(t[i]); addr > at {
			break
		}
		line += int(int8(t[i+1]))
	}
	return line
}

func lineOfLineTable(t []byte, line, at int) int {
	const none = -128
	addr := 0
	for i := 0; i+1 < len(t); i += 2 {
		delta := int8(t[i+1])
		if delta != none {
			line += int(delta)
		}
		if addr += int(t[i]); at < addr {
			if delta == none {
				return 0
			}
			return line
		}
	}
	return line
}

func lineOfLocations(t []byte, line, at int) int {
	i := 0
	varint := func() int {
		v := 0
		for shift := 0; i < len(t) && shift < 60; shift += 6 {
			x := t[i]
			i++
			v |= int(x&63) << shift
			if x&64 == 0 {
				break
			}
		}
		return v
	}
	signed := func() int {
		u := varint()
		if u&1 != 0 {
			return -(u >> 1)
		}
		return u >> 1
	}
	addr := 0
	for i < len(t) {
		head := t[i]
		i++
		has := true
		switch code := head >> 3 & 15; {
		case code == 15: // no location
			has = false
		case code == 14: // long: line, end line, columns
			line += signed()
			varint()
			varint()
			varint()
		case code == 13: // no columns
			line += signed()
		case code >= 10: // one line: 0, 1 or 2 further, columns in two bytes
			line += int(code - 10)
			i += 2
		default: // short: same line, columns in a byte
			i++
		}
		if addr += (int(head&7) + 1) * 2; at < addr {
			if !has {
				return 0
			}
			return line
		}
	}
	return line
}
