package pystack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"runtime"
	"strconv"
	"strings"

	"runbook/builtins/probe"
	"runbook/engine/lazyregexp"
)

// place is where a process keeps its Python.
type place struct {
	Runtime uint64  // address of _PyRuntime
	Secret  uint64  `json:",omitempty"` // of _Py_HashSecret; 0 unknown
	Asyncio uint64  // of .AsyncioDebug; 0 none
	Version uint32  // PY_VERSION_HEX>>16
	File    string  // the image
	Arch    string  // as GOARCH says
	Now     float64 `json:",omitempty"` // by the monotonic clock that the process sees, when it was read; 0 unknown
}

// minor is 11 of 3.11.
func (p place) minor() int { return int(p.Version & 0xff) }

func (p place) String() string { return fmt.Sprintf("%d.%d", p.Version>>8, p.minor()) }

// locate finds _PyRuntime: in what is executed, or called like an interpreter,
// first; then in every file that the process has mapped, for those who embed it.
// Version is 0 where neither symbols nor names tell it.
//
// Errors: ErrNotPython, ErrUnsupported, and what opening the files gave when
// that alone may be why nothing was found.
func locate(maps []mapping, exe string, open opener, m *memory) (place, error) {
	at := place{Arch: runtime.GOARCH}
	var denied error
	var old bool
	likely, others := images(maps, exe)
	for _, turn := range []struct {
		images []mapping
		files  bool
	}{{likely, false}, {likely, true}, {others, false}} {
		for _, x := range turn.images {
			if at.Runtime != 0 {
				break
			}
			if strings.Contains(path.Base(x.path), "pypy") {
				return place{}, fmt.Errorf("PyPy is %w: its frames are machine code", ErrUnsupported)
			}
			switch err := at.find(x, turn.files, open, m); {
			case errors.Is(err, errOld):
				old = true
			case err != nil:
				denied = err
			}
		}
	}
	switch {
	case at.Runtime == 0 && old:
		return place{}, fmt.Errorf("CPython before 3.7 is %w", ErrUnsupported)
	case at.Runtime == 0 && denied != nil:
		return place{}, fmt.Errorf("%w was found, and not all files could be opened: %w", ErrNotPython, denied)
	case at.Runtime == 0:
		return place{}, ErrNotPython
	}
	if err := at.askVersion(m); err != nil {
		return place{}, err
	}
	if at.Version == 0 {
		at.Version = versionIn(path.Base(exe))
	}
	if at.minor() >= 14 && at.Asyncio == 0 {
		for _, x := range maps { // a module of its own, or built into the interpreter
			if x.off == 0 && at.Asyncio == 0 && (strings.HasPrefix(path.Base(x.path), "_asyncio.") || x.path == at.File) {
				at.findAsyncio(x, open, m)
			}
		}
	}
	return at, nil
}

// images lists the files that a process has mapped: those that are likely to be
// an interpreter, which no extension module is, and the others.
func images(maps []mapping, exe string) (likely, others []mapping) {
	seen := map[string]bool{}
	for _, x := range maps {
		switch {
		case x.off != 0 || seen[x.path] || !strings.HasPrefix(x.path, "/"):
			continue
		case x.path == exe || interpreterName().MatchString(path.Base(x.path)):
			likely = append(likely, x)
		default:
			others = append(others, x)
		}
		seen[x.path] = true
	}
	return likely, others
}

var interpreterName = lazyregexp.New(`^(lib)?(python|pypy)`)

// opener opens the file of a mapping.
type opener func(x mapping) (probe.Image, error)

// errOld is that of an image which has the Python of C, and no _PyRuntime.
var errOld = errors.New("no _PyRuntime")

// find looks for _PyRuntime among what an image exports. Where file says so, and
// of an image that exports Python without it, it asks the file too: for symbols
// that are not exported, and sections. Errors: errOld, and that of opening the
// file.
func (p *place) find(x mapping, file bool, open opener, m *memory) error {
	var img *image
	var runtime, version, secret uint64
	exports := false
	err := try(func() {
		if img = openImage(m, x.lo); img != nil {
			runtime, version, secret = img.symbol("_PyRuntime"), img.symbol("Py_Version"), img.symbol("_Py_HashSecret")
			exports = img.symbol("Py_GetVersion") != 0
		}
	})
	if err != nil || img == nil || runtime == 0 && !file && !exports && img.hash != 0 {
		return nil // no ELF file, or one of something else
	}
	if runtime == 0 {
		s, err := img.file(x, open)
		if err != nil {
			return err
		}
		if s.runtime == 0 && exports {
			return errOld
		}
		if s.runtime == 0 {
			return nil
		}
		runtime = img.bias + s.runtime
		if s.version != 0 {
			version = img.bias + s.version
		}
		if s.secret != 0 {
			secret = img.bias + s.secret
		}
	}
	p.Runtime, p.Secret, p.File, p.Version = runtime, secret, x.path, versionIn(path.Base(x.path))
	if version != 0 {
		_ = try(func() { p.Version = m.u32(version) >> 16 })
	}
	return nil
}

// findAsyncio looks for the section .AsyncioDebug. Where it can't be read, tasks
// are found in asyncio's own sets alone.
func (p *place) findAsyncio(x mapping, open opener, m *memory) {
	_ = try(func() {
		if img := openImage(m, x.lo); img != nil {
			if s, err := img.file(x, open); err == nil && s.asyncio != 0 {
				p.Asyncio = img.bias + s.asyncio
			}
		}
	})
}

// file is what the file of an image tells. Errors: that of opening it, and of one
// that begins otherwise: it was replaced under its name.
func (img *image) file(x mapping, open opener) (symbols, error) {
	file, err := open(x)
	if err != nil {
		return symbols{}, err
	}
	defer file.Close()
	head := make([]byte, len(img.head))
	if _, err := file.ReadAt(head, 0); err != nil {
		return symbols{}, err
	}
	if !bytes.Equal(head, img.head) {
		return symbols{}, fmt.Errorf("%s is not the file any more that was mapped", x.path)
	}
	return symbolsOf(file)
}

// askVersion reads the head of _Py_DebugOffsets, with which _PyRuntime begins
// from 3.13 on: a cookie, the version, and whether the build is free-threaded.
func (p *place) askVersion(m *memory) error {
	threaded := uint64(0)
	err := guard(func() {
		if head := m.read(p.Runtime, 24); string(head[:8]) == "xdebugpy" {
			p.Version = uint32(binary.LittleEndian.Uint64(head[8:])) >> 16
			threaded = binary.LittleEndian.Uint64(head[16:])
		}
	})
	switch {
	case err != nil:
		return err
	case threaded != 0:
		return fmt.Errorf("a free-threaded build of %v is %w", p, ErrUnsupported)
	case p.Version != 0 && tables[p.Version] == nil:
		return fmt.Errorf("CPython %v is %w: its layout is not in our table, which goes from 3.8 to 3.15", p, ErrUnsupported)
	}
	return nil
}

var versionInName = lazyregexp.New(`python3\.(\d+)`)

// versionIn is the version that the name of a file tells; 0 none.
func versionIn(name string) uint32 {
	named := versionInName().FindStringSubmatch(name)
	if named == nil {
		return 0
	}
	minor, _ := strconv.Atoi(named[1])
	return 0x300 | uint32(minor)&0xff
}
