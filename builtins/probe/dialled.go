package probe

import (
	_ "embed"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Dialled is an address that a Python program of a traced tree connected to, or
// bound, by its own account: a connection of a few milliseconds is seen by
// nobody who merely looks now and then.
type Dialled struct {
	PID     int
	Bound   bool   // it bound the address; else it connected to it
	Address string // "127.0.0.1:1616", "[::1]:80", a path, "@abstract"
}

//go:embed dialled.py
var dialledPy []byte

// tracingDials puts what notes it before the modules of the Python programs that
// env is for. dir is private to the run; traceDials fills it.
func tracingDials(dir string, env []string) []string {
	site := filepath.Join(dir, "site")
	if had := envValue(env, "PYTHONPATH"); had != "" {
		site += string(os.PathListSeparator) + had
	}
	return append(env, "PYTHONPATH="+site)
}

// traceDials puts there what they load.
func traceDials(dir string) error {
	site := filepath.Join(dir, "site")
	if err := os.MkdirAll(site, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(site, "sitecustomize.py"), dialledPy, 0o600)
}

// readDialled reads the notes, each address of a process once.
func readDialled(dir string) []Dialled {
	data, _ := os.ReadFile(filepath.Join(dir, "site", "dialled")) // none: no Python dialled
	return parseDialled(data)
}

// parseDialled reads lines as "4242 connect 127.0.0.1:1616". A line that is cut
// or strange is left out.
func parseDialled(data []byte) []Dialled {
	out := []Dialled{}
	for line := range strings.Lines(string(data)) {
		words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(words) != 3 || !strings.HasSuffix(line, "\n") || words[2] == "" {
			continue
		}
		pid, err := strconv.Atoi(words[0])
		if err != nil || pid < 1 || words[1] != "connect" && words[1] != "bind" {
			continue
		}
		d := Dialled{PID: pid, Bound: words[1] == "bind", Address: Clean([]byte(words[2]))}
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}
