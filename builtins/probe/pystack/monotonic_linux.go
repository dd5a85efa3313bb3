package pystack

import "golang.org/x/sys/unix"

// monotonic is CLOCK_MONOTONIC in seconds, by which Python's perf_counter counts; 0
// unknown.
func monotonic() float64 {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0
	}
	return float64(now.Sec) + float64(now.Nsec)/1e9
}
