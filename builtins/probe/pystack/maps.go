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
	out := make([]mapping, 0, bytes.Count(b, []byte("\n")))
	for line := range strings.Lines(string(b)) {
		// from-to permissions offset device inode, blanks, path
		from, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "-")
		to, rest, _ := strings.Cut(rest, " ")
		_, rest, _ = strings.Cut(rest, " ")
		off, rest, _ := strings.Cut(rest, " ")
		_, rest, found := strings.Cut(rest, " ")
		_, name, _ := strings.Cut(rest, " ")
		m := mapping{path: unescapeMaps(strings.TrimLeft(name, " "))}
		var err1, err2, err3 error
		m.lo, err1 = strconv.ParseUint(from, 16, 64)
		m.hi, err2 = strconv.ParseUint(to, 16, 64)
		m.off, err3 = strconv.ParseUint(off, 16, 64)
		if found && err1 == nil && err2 == nil && err3 == nil && m.hi > m.lo {
			out = append(out, m)
		}
	}
	return out
}

// unescapeMaps undoes \012, which is how the kernel writes a newline of a name
// there, and nothing else.
func unescapeMaps(s string) string { return strings.ReplaceAll(s, `\012`, "\n") }
