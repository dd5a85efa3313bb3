package engine

// growStack gives the goroutine that calls it a stack of 64 KiB, as long as it
// has next to nothing on it. A script would get there by doublings, and at each
// all frames of the interpreter are copied: 3 % of a whole short run.
//
//go:noinline
func growStack(at int) byte {
	var room [32 << 10]byte
	room[at] = 1 // what is neither written nor read would be left out
	return room[at/2]
}
