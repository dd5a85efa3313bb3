package pystack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
)

const (
	pageSize = 4096
	maxBytes = 1 << 28 // read of one process in one try
	maxReads = 1 << 24 // of the cache: damaged memory can lead in circles
	maxAddr  = 1 << 48
)

// A source gives the bytes of a process: size of them at each address, as
// probe.Memory does.
type source interface {
	read(at []uint64, size int, buf []byte) (int, error)
}

// memory reads a process through a cache of pages, so that a walk costs about
// one call for each page that it touches.
//
// A read that fails panics with a fault, which guard turns into an error:
// a walk through pointers would be half error handling else.
type memory struct {
	from     source
	pages    map[uint64][]byte // nil: not readable
	borrowed []*[pageSize]byte // of buffers
	bytes    int
	reads    int
	watched  []word
	read8    map[uint64]*touched // which words of a page were looked at; nil: nobody asks
	stop     *atomic.Bool        // nobody waits any more
}

// touched has a bit for each 8 bytes of a page.
type touched [pageSize / 8 / 64]uint64

type word struct{ addr, value uint64 }

type fault struct {
	addr uint64
	err  error
}

func (f fault) Error() string { return fmt.Sprintf("read %#x: %v", f.addr, f.err) }
func (f fault) Unwrap() error { return f.err }

var (
	errNotMapped = errors.New("not mapped")
	errTooMuch   = errors.New("gave up: more than any healthy process has")
	errStopped   = errors.New("gave up")
)

// guard runs f and turns a read that failed in it into an error.
func guard(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(fault)
			if !ok {
				panic(r)
			}
			err = f
		}
	}()
	f()
	return nil
}

// fail is for what was read and cannot be.
func fail(addr uint64, format string, args ...any) {
	panic(fault{addr, fmt.Errorf(format, args...)})
}

// final reports whether a failed read means that no other will succeed.
func final(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errTooMuch) || errors.Is(err, errStopped)
}

// try is guard for a part that others do without; what is final is passed on.
func try(f func()) error {
	err := guard(f)
	if err != nil && final(err) {
		panic(err.(fault))
	}
	return err
}

func (m *memory) page(base uint64) []byte {
	if m.reads++; m.reads > maxReads {
		panic(fault{base, errTooMuch})
	}
	if p, ok := m.pages[base]; ok {
		if p == nil {
			panic(fault{base, errNotMapped})
		}
		return p
	}
	buffer := buffers.Get().(*[pageSize]byte)
	m.borrowed = append(m.borrowed, buffer)
	b := buffer[:]
	n, err := m.fetch([]uint64{base}, pageSize, b)
	if err == nil && n < pageSize {
		err = errNotMapped
	}
	if err != nil {
		m.pages[base] = nil
		panic(fault{base, err})
	}
	m.pages[base] = b
	return b
}

// buffers are those of pages, to be used again.
var buffers = sync.Pool{New: func() any { return new([pageSize]byte) }}

// release gives the buffers back: nothing may be read through m any more, nor be
// kept of what was.
func (m *memory) release() {
	for _, b := range m.borrowed {
		buffers.Put(b)
	}
	m.pages, m.borrowed = nil, nil
}

func (m *memory) fetch(at []uint64, size int, buf []byte) (int, error) {
	if m.stop.Load() {
		return 0, errStopped
	}
	if m.bytes > maxBytes {
		return 0, errTooMuch
	}
	n, err := m.from.read(at, size, buf)
	m.bytes += n
	return n, err
}

// read returns n bytes; they are the cache's.
func (m *memory) read(addr uint64, n int) []byte {
	if addr < pageSize || addr > maxAddr || n < 0 || n > 1<<24 {
		fail(addr, "no address, or no length: %d", n)
	}
	base, off := addr&^(pageSize-1), int(addr&(pageSize-1))
	p := m.page(base)
	if m.read8 != nil {
		m.touch(addr, n)
	}
	if off+n <= pageSize {
		return p[off : off+n]
	}
	b := append(make([]byte, 0, n), p[off:]...)
	for len(b) < n {
		base += pageSize
		p := m.page(base)
		b = append(b, p[:min(pageSize, n-len(b))]...)
	}
	return b
}

// touch notes that n bytes at addr were looked at.
func (m *memory) touch(addr uint64, n int) {
	for a := addr &^ 7; a < addr+uint64(n); a += 8 {
		page := a &^ (pageSize - 1)
		t := m.read8[page]
		if t == nil {
			t = &touched{}
			m.read8[page] = t
		}
		word := a % pageSize / 8
		t[word/64] |= 1 << (word % 64)
	}
}

// looked returns the pages that were looked at, with nothing in them but what
// was.
func (m *memory) looked() map[uint64][]byte {
	out := map[uint64][]byte{}
	for addr, t := range m.read8 {
		page := m.pages[addr]
		if page == nil {
			continue
		}
		kept := make([]byte, pageSize)
		for word := range uint64(pageSize / 8) {
			if t[word/64]&(1<<(word%64)) != 0 {
				copy(kept[word*8:], page[word*8:word*8+8])
			}
		}
		out[addr] = kept
	}
	return out
}

// prefetch brings the pages of all these addresses in with few calls. One that
// cannot be read is left for read to stumble on.
func (m *memory) prefetch(addrs []uint64) {
	const most = 512
	var want []uint64
	seen := map[uint64]bool{}
	for _, a := range addrs {
		b := a &^ (pageSize - 1)
		if _, ok := m.pages[b]; !ok && !seen[b] && a >= pageSize && a < maxAddr {
			seen[b] = true
			want = append(want, b)
		}
	}
	for len(want) > 1 {
		k := min(most, len(want))
		buf := make([]byte, k*pageSize)
		n, err := m.fetch(want[:k], pageSize, buf)
		if err != nil {
			if final(err) {
				panic(fault{want[0], err})
			}
			n = 0
		}
		got := n / pageSize
		for i := range got {
			m.pages[want[i]] = buf[i*pageSize : (i+1)*pageSize]
		}
		if got < k {
			got++ // past the one that is not mapped
		}
		want = want[got:]
	}
}

func (m *memory) u64(a uint64) uint64 { return binary.LittleEndian.Uint64(m.read(a, 8)) }
func (m *memory) u32(a uint64) uint32 { return binary.LittleEndian.Uint32(m.read(a, 4)) }
func (m *memory) i32(a uint64) int32  { return int32(m.u32(a)) }
func (m *memory) u8(a uint64) byte    { return m.read(a, 1)[0] }
func (m *memory) i8(a uint64) int8    { return int8(m.u8(a)) }

// words reads n words, one behind the other; where there are none, a need not be
// an address.
func (m *memory) words(a uint64, n int) []uint64 {
	if n == 0 {
		return nil
	}
	b := m.read(a, 8*n)
	out := make([]uint64, n)
	for i := range out {
		out[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return out
}

// link reads a word that the walk goes along, and remembers it for moved.
func (m *memory) link(a uint64) uint64 {
	v := m.u64(a)
	m.watched = append(m.watched, word{a, v})
	return v
}

// text reads a C string, up to 256 bytes of it.
func (m *memory) text(a uint64) string {
	const most = 256
	var b []byte
	for len(b) < most {
		n := min(most-len(b), pageSize-int(a&(pageSize-1))) // to the end of the page: the next one may not be there
		part := m.read(a, n)
		if end := bytes.IndexByte(part, 0); end >= 0 {
			return string(append(b, part[:end]...))
		}
		b, a = append(b, part...), a+uint64(n)
	}
	return string(b)
}

// moved reads every remembered word again, past the cache, and tells for each
// whether it has another value now.
func (m *memory) moved() []bool {
	const most = 1024
	out := make([]bool, len(m.watched))
	buf := make([]byte, most*8)
	at := make([]uint64, 0, most)
	for i := 0; i < len(m.watched); {
		at = at[:0]
		for _, w := range m.watched[i:min(i+most, len(m.watched))] {
			at = append(at, w.addr)
		}
		n, err := m.fetch(at, 8, buf[:len(at)*8])
		if err != nil || n < 8 {
			out[i] = true // its page is gone
			i++
			continue
		}
		for j := range n / 8 {
			out[i+j] = binary.LittleEndian.Uint64(buf[j*8:]) != m.watched[i+j].value
		}
		i += n / 8
	}
	return out
}
