package probe

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileOf names the file behind info, whatever it is called.
func fileOf(info fs.FileInfo) devInode {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return devInode{uint64(stat.Dev), stat.Ino}
	}
	return devInode{}
}

// ownerOf is the uid that owns the file; -1 unknown.
func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

func mkdev(major, minor uint32) uint64 { return unix.Mkdev(major, minor) }
