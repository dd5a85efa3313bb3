package main

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const haveLinux = true

// thisBinary is also right when the file was replaced since: an upgrade must
// not pair two versions.
func thisBinary() (string, error) { return "/proc/self/exe", nil }

func closeOnExec(fd int) { unix.CloseOnExec(fd) }

func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

func hostname() string {
	name, _ := os.Hostname()
	return printable(name)
}
