package main

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const haveLinux = true

func closeOnExec(fd int) { unix.CloseOnExec(fd) }

func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

func hostname() string {
	name, _ := os.Hostname()
	return printable(name)
}
