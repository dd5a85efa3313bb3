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
		f := strings.SplitN(string(bytes.TrimSuffix(line, []byte("\n"))), " ", 6)
		if len(f) < 5 {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		lo, err1 := strconv.ParseUint(from, 16, 64)
		hi, err2 := strconv.ParseUint(to, 16, 64)
		off, err3 := strconv.ParseUint(f[2], 16, 64)
		if err1 != nil || err2 != nil || err3 != nil || hi <= lo {
			continue
		}
		m := mapping{lo: lo, hi: hi, off: off}
		if len(f) == 6 {
			m.path = unescapeMaps(strings.TrimLeft(f[5], " "))
		}
		out = append(out, m)
	}
	return out
}

// unescapeMaps undoes \012, which is how the kernel writes a newline of a name
// there, and nothing else.
func unescapeMaps(s string) string { return strings.ReplaceAll(s, `\012`, "\n") }
