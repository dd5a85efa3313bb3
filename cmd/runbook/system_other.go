//go:build !linux

package main

import (
	"errors"
	"os"
	"syscall"
)

const haveLinux = false

func thisBinary() (string, error) { return os.Executable() }

func closeOnExec(fd int) { syscall.CloseOnExec(fd) }

func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

func hostname() string {
	name, _ := os.Hostname()
	return printable(name)
}
