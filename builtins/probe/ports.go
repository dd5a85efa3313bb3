package probe

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
)

// FreePort returns a TCP port of the loopback address at which nobody listens,
// on any address of this host, and that is none of avoid.
//
// The kernel chooses it, among its ephemeral ports. It is free now and not
// reserved: whoever binds it must still expect to be too late.
// Errors: ErrUnsupported on a snapshot; the sockets may not be read.
func FreePort(ctx context.Context, h Host, avoid []int) (int, error) {
	if !h.Clock().Live || h.Clock().PID == 0 {
		return 0, fmt.Errorf("free port: %w", ErrUnsupported)
	}
	const tries = 20
	for range tries {
		// Bound at all addresses, so that a listener at any of them is in the way.
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", ":0")
		if err != nil {
			return 0, fmt.Errorf("free port: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if slices.Contains(avoid, port) {
			continue
		}
		held, err := Listeners(ctx, h, []string{strconv.Itoa(port)})
		if err != nil {
			return 0, fmt.Errorf("free port: %w", err)
		}
		if len(held) == 0 {
			return port, nil
		}
	}
	return 0, fmt.Errorf("free port: none of %d that the kernel offered", tries)
}
