package probe

import "bytes"

// ParseCgroup returns the path of a process in the cgroup hierarchy that its
// service manager uses: the unified one, else systemd's, else the first; ""
// when the file names none.
//
// Source: /proc/PID/cgroup, lines ID:CONTROLLERS:PATH (cgroups(7)).
func ParseCgroup(b []byte) string {
	var unified, systemd, first []byte
	for line := range bytes.Lines(b) {
		f := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte(":"), 3)
		if len(f) != 3 {
			continue
		}
		switch {
		case string(f[0]) == "0" && len(f[1]) == 0:
			unified = f[2]
		case string(f[1]) == "name=systemd":
			systemd = f[2]
		case first == nil:
			first = f[2]
		}
	}
	for _, path := range [][]byte{unified, systemd, first} {
		if len(path) > 1 { // more than the root, which says nothing
			return Clean(path)
		}
	}
	if unified != nil || systemd != nil || first != nil {
		return "/"
	}
	return ""
}
