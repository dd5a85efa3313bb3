package pystack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"runbook/builtins/probe"
)

// place is where a process keeps its Python.
type place struct {
	Runtime uint64 // address of _PyRuntime
	Asyncio uint64 // of .AsyncioDebug; 0 none
	Version uint32 // PY_VERSION_HEX>>16
	File    string // the image
}

// minor is 11 of 3.11.
func (p place) minor() int { return int(p.Version & 0xff) }

func (p place) String() string { return fmt.Sprintf("%d.%d", p.Version>>8, p.minor()) }

var versionInName = regexp.MustCompile(`python3\.(\d+)`)

// locate finds _PyRuntime: in what is named after Python first, then in every
// file that the process has mapped, for those who embed it.
//
// Errors: ErrNotPython, ErrUnsupported, and what opening the images gave when
// that alone may be why nothing was found.
func locate(maps []mapping, exe string, open func(m mapping) (probe.Image, error), m *memory) (place, error) {
	var at place
	minor := 0
	var denied error
	seen := map[string]bool{}
	look := func(x mapping) (pypy bool) {
		seen[x.path] = true
		image, err := open(x)
		if err != nil {
			denied = err
			return false
		}
		defer image.Close()
		s, err := symbolsOf(image)
		if err != nil {
			return false
		}
		bias := x.lo - s.base
		if s.asyncio != 0 {
			at.Asyncio = bias + s.asyncio
		}
		if s.runtime == 0 || at.Runtime != 0 {
			return s.pypy
		}
		at.Runtime, at.File = bias+s.runtime, x.path
		if s.version != 0 {
			_ = try(func() { at.Version = m.u32(bias+s.version) >> 16 })
		}
		if named := versionInName.FindStringSubmatch(path.Base(x.path)); named != nil {
			minor, _ = strconv.Atoi(named[1])
		}
		return s.pypy
	}
	for _, byName := range []bool{true, false} {
		if at.Runtime != 0 {
			break
		}
		for _, x := range maps {
			if !strings.HasPrefix(x.path, "/") || seen[x.path] || x.off != 0 {
				continue
			}
			base := path.Base(x.path)
			if byName && !strings.Contains(base, "python") && !strings.Contains(base, "_asyncio.") {
				continue
			}
			if pypy := look(x); pypy || byName && strings.HasPrefix(base, "libpypy") {
				return place{}, fmt.Errorf("PyPy is %w: its frames are machine code", ErrUnsupported)
			}
		}
	}
	if at.Runtime == 0 {
		if denied != nil {
			return place{}, fmt.Errorf("%w was found, and not all files could be opened: %w", ErrNotPython, denied)
		}
		return place{}, ErrNotPython
	}
	err := guard(func() {
		head := m.read(at.Runtime, 24)
		if string(head[:8]) != "xdebugpy" { // _Py_DebugOffsets begins so, 3.13+
			return
		}
		at.Version = uint32(binary.LittleEndian.Uint64(head[8:])) >> 16
		if binary.LittleEndian.Uint64(head[16:]) != 0 {
			fail(at.Runtime, "a free-threaded build of %v is %w", at, ErrUnsupported)
		}
	})
	if err != nil {
		var f fault
		if errors.As(err, &f) && errors.Is(err, ErrUnsupported) {
			return place{}, f.err
		}
		return place{}, err
	}
	if at.Version == 0 {
		if minor == 0 {
			if named := versionInName.FindStringSubmatch(exe); named != nil {
				minor, _ = strconv.Atoi(named[1])
			}
		}
		if minor == 0 {
			return place{}, fmt.Errorf("a CPython whose version neither its symbols nor its name tell is %w", ErrUnsupported)
		}
		at.Version = 0x300 | uint32(minor)
	}
	return at, nil
}
