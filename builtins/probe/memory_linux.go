package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxVectors is IOV_MAX of include/uapi/linux/uio.h.
const maxVectors = 1024

func (m liveMemory) ReadMemory(pid int, at []uint64, size int, buf []byte) (int, error) {
	if m.live.refuseAttach {
		return 0, fmt.Errorf("process_vm_readv %d: %w", pid, unix.EPERM)
	}
	total := 0
	for len(at) > 0 {
		k := min(maxVectors, len(at))
		n, err := readVectors(pid, at[:k], size, buf[total:total+k*size])
		total += n
		if err != nil && total == 0 {
			return 0, err
		}
		if n < k*size {
			break
		}
		at = at[k:]
	}
	return total, nil
}

// readVectors is process_vm_readv(2). Where a filter forbids it (seccomp), mem
// of proc_pid_mem(5) needs the same right and no system call of its own.
func readVectors(pid int, at []uint64, size int, buf []byte) (int, error) {
	remote := make([]unix.RemoteIovec, len(at))
	for i, a := range at {
		remote[i] = unix.RemoteIovec{Base: uintptr(a), Len: size}
	}
	local := []unix.Iovec{{Base: &buf[0]}}
	local[0].SetLen(len(buf))
	n, err := unix.ProcessVMReadv(pid, local, remote, 0)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		if n, memErr := readMem(pid, at, size, buf); memErr == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("process_vm_readv %d: %w", pid, gone(err))
}

func readMem(pid int, at []uint64, size int, buf []byte) (int, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	total := 0
	for _, a := range at {
		n, err := f.ReadAt(buf[total:total+size], int64(a))
		if total += n; n < size {
			if total > 0 {
				err = nil
			}
			return total, err
		}
	}
	return total, nil
}

func (m liveMemory) Program(pid int) (Program, error) {
	if m.live.refuseAttach {
		return Program{}, fmt.Errorf("read auxv of %d: %w", pid, unix.EPERM)
	}
	var st unix.Statx_t // which does not ask the server of a file system that lies elsewhere
	err := unix.Statx(unix.AT_FDCWD, fmt.Sprintf("/proc/%d/exe", pid), unix.AT_STATX_DONT_SYNC, unix.STATX_INO|unix.STATX_SIZE|unix.STATX_MTIME, &st)
	if err != nil {
		return Program{}, fmt.Errorf("stat exe of %d: %w", pid, gone(err))
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid))
	if err != nil {
		return Program{}, fmt.Errorf("read auxv of %d: %w", pid, gone(unwrapPath(err)))
	}
	out := Program{Key: FileKey{st.Dev_major, st.Dev_minor, st.Ino, st.Size, st.Mtime.Sec*1e9 + int64(st.Mtime.Nsec)}}
	for ; len(b) >= 16; b = b[16:] { // Elf64_auxv_t: type 8, value 8
		value := binary.NativeEndian.Uint64(b[8:])
		switch binary.NativeEndian.Uint64(b) {
		case 3: // AT_PHDR
			out.Headers = value
		case 5: // AT_PHNUM
			out.Count = int(min(value, 1<<16))
		}
	}
	return out, nil
}

func (m liveMemory) OpenImage(pid int, path string, lo, hi uint64) (Image, error) {
	if m.live.refuseAttach {
		return nil, fmt.Errorf("open %s of %d: %w", path, pid, unix.EPERM)
	}
	f, err := openIn(pid, strings.TrimSuffix(path, " (deleted)"))
	if err != nil || strings.HasSuffix(path, " (deleted)") {
		// Whatever has that name now is not what the process runs.
		if f != nil {
			f.Close()
		}
		name := fmt.Sprintf("/proc/%d/map_files/%x-%x", pid, lo, hi)
		if f, err = os.Open(name); err != nil {
			return nil, err
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.Close()
		return nil, fmt.Errorf("open %s of %d: not a regular file", path, pid)
	}
	return liveImage{f, fmt.Sprint(st.Dev, st.Ino, st.Size, st.Mtim)}, nil
}

// openIn opens a path as process pid sees it. Links of a container lead to
// files of that container, not of ours: openat2(2) with RESOLVE_IN_ROOT. A FIFO
// that has the name does not hold us up.
func openIn(pid int, path string) (*os.File, error) {
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, path, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return nil, &os.PathError{Op: "openat2", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

type liveImage struct {
	*os.File
	key string
}

func (i liveImage) Key() string { return i.key }

var _ io.ReaderAt = liveImage{}
