//go:build !linux

package pystack

func monotonic() float64 { return 0 }
