package pystack

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Recording is what was read of a process: Read gives the same from it, on any
// machine. It holds pages of the process's memory, with nothing in them but what
// was looked at, the rest zero. That is names, files and structures of the
// interpreter, for the most part; values of variables lie among them all the
// same, and so may secrets.
type Recording struct {
	head  recordingHead
	pages map[uint64][]byte
}

type recordingHead struct {
	PID   int
	Place place
	Proof Proof
	Ran   map[uint64]int64 `json:",omitempty"` // by the address of a trio task
	TIDs  kernelThreads    `json:",omitempty"`
}

// FileName is what a capture keeps a recording under, beside stat and status of
// the process.
const FileName = "pystack"

const recordingMagic = "runbook pystack 1\n"

// Bytes is the recording as it is kept: a line that names the form, one of
// JSON, then each page behind its address.
func (r *Recording) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(recordingMagic)
	head, err := json.Marshal(r.head)
	if err != nil {
		panic(err) // it holds numbers and texts
	}
	b.Write(head)
	b.WriteByte('\n')
	for _, addr := range slices.Sorted(maps.Keys(r.pages)) {
		if page := r.pages[addr]; page != nil {
			b.Write(binary.LittleEndian.AppendUint64(nil, addr))
			b.Write(page)
		}
	}
	return b.Bytes()
}

// ParseRecording reads what Bytes gave. It keeps slices of b.
func ParseRecording(b []byte) (*Recording, error) {
	rest, ok := bytes.CutPrefix(b, []byte(recordingMagic))
	head, pages, found := bytes.Cut(rest, []byte("\n"))
	if !ok || !found {
		return nil, errors.New("no recording of Python's memory")
	}
	r := &Recording{pages: map[uint64][]byte{}}
	if err := json.Unmarshal(head, &r.head); err != nil {
		return nil, fmt.Errorf("recording of Python's memory: %w", err)
	}
	const each = 8 + pageSize
	if len(pages)%each != 0 {
		return nil, errors.New("recording of Python's memory: it is cut")
	}
	for ; len(pages) > 0; pages = pages[each:] {
		addr := binary.LittleEndian.Uint64(pages)
		if addr%pageSize != 0 {
			return nil, fmt.Errorf("recording of Python's memory: a page at %#x", addr)
		}
		r.pages[addr] = pages[8:each:each]
	}
	return r, nil
}

// read is a source: what was not recorded is not mapped.
func (r *Recording) read(at []uint64, size int, buf []byte) (int, error) {
	total := 0
	for _, a := range at {
		off := int(a % pageSize)
		page := r.pages[a-uint64(off)]
		if page == nil || off+size > pageSize {
			break
		}
		total += copy(buf[total:total+size], page[off:])
	}
	if total == 0 {
		return 0, errNotMapped
	}
	return total, nil
}
