package probe

import (
	"errors"
	"io"
	"os"
)

// Memory is the half of a live host that reads the memory of other processes.
// It needs what PTRACE_MODE_ATTACH needs, stops nobody and writes nothing.
//
// A pid here may be that of any thread of a process: where its main thread has
// ended, only the others lead to its memory and files.
type Memory interface {
	// ReadMemory reads size bytes at each of the addresses into buf, one after
	// the other, and returns how many bytes it got: it ends before the first
	// address that is not mapped. Errors: fs.ErrPermission, fs.ErrNotExist for
	// a process that is gone, ErrUnsupported where pids of this host are not
	// ours, an error of the kernel when nothing at all could be read there.
	ReadMemory(pid int, at []uint64, size int, buf []byte) (int, error)
	// Program returns which program a process executes. Errors as those of
	// ReadMemory.
	Program(pid int) (Program, error)
	// OpenImage opens the file that is mapped at lo-hi in a process, by the
	// path that maps shows, as the process itself would find it; a deleted one
	// through the mapping, which needs CAP_SYS_ADMIN.
	OpenImage(pid int, path string, lo, hi uint64) (Image, error)
	// AsProcess calls f, which opens files by what the process calls them, with
	// the rights of the process: for paths that its memory tells. Errors:
	// fs.ErrPermission where we cannot take these rights.
	AsProcess(pid int, f func(open SourceOpener)) error
}

// SourceOpener opens a regular file. Errors: ErrNoFile for anything else that has
// the name, those of open(2).
type SourceOpener func(name string) (*os.File, error)

// ErrNoFile is that of a path at which something lies that is no regular file.
var ErrNoFile = errors.New("not a regular file")

// Image is an executable or a library that a process has mapped.
type Image interface {
	io.ReaderAt
	io.Closer
	// Key is the same for the same content: device, inode, size and time.
	Key() string
}

// Program is an executable, and where a process has it.
type Program struct {
	Key     FileKey
	Headers uint64 // address of its program headers: AT_PHDR of proc_pid_auxv(5)
	Count   int    // of them: AT_PHNUM
}

// FileKey is the same for the same content of a file: its device, inode, size in
// bytes, and time of change in nanoseconds since 1970.
type FileKey struct {
	Major, Minor uint32
	Inode, Size  uint64
	Modified     int64
}

// MemoryOf is the memory half of a host; nil when it has none.
func MemoryOf(h Host) Memory {
	if h, ok := h.(interface{ Memory() Memory }); ok {
		return h.Memory()
	}
	return nil
}

// Memory is that of the processes of this machine; nil when the proc that is
// read is not our own: its pids are not ours.
func (l *Live) Memory() Memory {
	if !l.self {
		return nil
	}
	return liveMemory{l}
}

// Memory is that of the host that is recorded. What is read of it is not kept:
// memory holds secrets.
func (r *Recorder) Memory() Memory { return MemoryOf(r.host) }

type liveMemory struct{ live *Live }
