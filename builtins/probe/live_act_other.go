//go:build !linux

package probe

// Act is nil: only Linux has the pidfd that makes a signal safe to send.
func (l *Live) Act() Actor { return nil }

// EndAll has nothing to end: nothing was started.
func EndAll() {}

// BeGuard does nothing: there is nothing to guard.
func BeGuard() {}
