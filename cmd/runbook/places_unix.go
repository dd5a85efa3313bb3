//go:build unix

package main

import (
	"os"
	"syscall"
)

// owner is the uid of the file.
func owner(info os.FileInfo) (int, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
