package pystack

import (
	"bytes"
	"strconv"
	"strings"
)

// mapping is a line of /proc/PID/maps (proc_pid_maps(5)).
type mapping struct {
	lo, hi, off uint64
	path        string // raw: "/usr/bin/python3.11", "… (deleted)", "[heap]"; "" anonymous
}

// parseMaps reads maps. Lines that it does not understand are skipped.
func parseMaps(b []byte) []mapping {
	var out []mapping
	for line := range bytes.Lines(b) {
		// from-to permissions offset device inode, blanks, path
		from, rest, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("-"))
		to, rest, _ := bytes.Cut(rest, []byte(" "))
		_, rest, _ = bytes.Cut(rest, []byte(" "))
		off, rest, _ := bytes.Cut(rest, []byte(" "))
		_, rest, found := bytes.Cut(rest, []byte(" "))
		_, name, _ := bytes.Cut(rest, []byte(" "))
		m := mapping{path: unescapeMaps(string(bytes.TrimLeft(name, " ")))}
		var err1, err2, err3 error
		m.lo, err1 = strconv.ParseUint(string(from), 16, 64)
		m.hi, err2 = strconv.ParseUint(string(to), 16, 64)
		m.off, err3 = strconv.ParseUint(string(off), 16, 64)
		if found && err1 == nil && err2 == nil && err3 == nil && m.hi > m.lo {
			out = append(out, m)
		}
	}
	return out
}

// unescapeMaps undoes \012, which is how the kernel writes a newline of a name
// there, and nothing else.
func unescapeMaps(s string) string { return strings.ReplaceAll(s, `\012`, "\n") }
