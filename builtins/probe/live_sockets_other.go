//go:build !linux

package probe

import (
	"context"
	"fmt"
)

// Sockets needs Linux.
func (l *Live) Sockets(_ context.Context, pid int, _ []FD) ([]Socket, error) {
	return nil, fmt.Errorf("ss %d: %w", pid, ErrUnsupported)
}

// Pipe needs Linux.
func (l *Live) Pipe(_ context.Context, pid int, fd FD) (PipeFill, error) {
	return PipeFill{}, fmt.Errorf("pipe %d of %d: %w", fd.Num, pid, ErrUnsupported)
}
