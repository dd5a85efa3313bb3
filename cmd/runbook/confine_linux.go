package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// limitMemory lets this process grow by n bytes of address space and no more.
//
// The limit counts from where we stand: the Starlark library reserves 4 GB of
// addresses that cost nothing, and a limit set before start takes them away.
// RLIMIT_DATA and GOMEMLIMIT were tried instead; both let a big slice through.
// Only the soft limit: programs that we start get the old one back (see
// freely).
//
// A program that links libc (which CGO_ENABLED=1 does, where there is a C
// compiler) gets its threads from there, each with a stack of some megabytes
// that is reserved and hardly used: room for these comes on top.
func limitMemory(n uint64) error {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	pages, err := strconv.ParseUint(string(bytes.Fields(statm)[0]), 10, 64)
	if err != nil {
		return fmt.Errorf("limit memory: read /proc/self/statm: %w", err)
	}
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &l); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	unlimited = l
	l.Cur = min(l.Max, pages*uint64(os.Getpagesize())+n+roomForThreads())
	if err := unix.Setrlimit(unix.RLIMIT_AS, &l); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	limited = &l
	return nil
}

// roomForThreads is what the stacks of the threads that we may yet start
// reserve. Go's own come out of its heap.
func roomForThreads() uint64 {
	if !linksC {
		return 0
	}
	const threads = 48 // reads that are stuck keep one each; a sweep of all processes has a dozen
	var stack unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &stack); err != nil || stack.Cur > 64<<20 {
		stack.Cur = 8 << 20 // pthread_create(3): with no limit a default of a few megabytes
	}
	return threads * stack.Cur
}

// confinedAgain calls fn with the limit, from within freely.
func confinedAgain(fn func()) {
	if limited == nil {
		fn()
		return
	}
	_ = unix.Setrlimit(unix.RLIMIT_AS, limited)
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_AS, &unlimited) }()
	fn()
}

var (
	unlimited unix.Rlimit
	limited   *unix.Rlimit
)

// freely calls fn without the limit: a program that we start inherits what
// holds at that moment. The recipe's own thread waits meanwhile, so it cannot
// grow behind the open door.
func freely(fn func()) {
	if limited == nil {
		fn()
		return
	}
	_ = unix.Setrlimit(unix.RLIMIT_AS, &unlimited)
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_AS, limited) }()
	fn()
}
