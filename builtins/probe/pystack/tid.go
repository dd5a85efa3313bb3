package pystack

// kernelThreads are the threads that the kernel has of a process, by what the
// process itself calls them: in a pid namespace of its own that is another number.
// nil: not known, as of a recording of before.
type kernelThreads map[int]int

// identify tells which threads of the kernel these are, those of the main
// interpreter first; 0 where that is not known.
//
// Before 3.11 a thread knows its number once threading was imported, and a child
// may yet have that of its parent. Up to 3.12 the first thread of a subinterpreter
// has the number of whoever made it, whichever runs it.
func identify(threads []*thread, kernel kernelThreads, minor int) {
	main := 0
	for _, t := range threads {
		if !t.Sub {
			main++
		}
	}
	known := map[int]*thread{} // of the main interpreter
	for _, t := range threads {
		if kernel != nil {
			t.TID = kernel[t.TID]
		}
		if len(kernel) == 1 && main == 1 && !t.Sub {
			for _, t.TID = range kernel { // a process of one thread
			}
		}
		same := known[t.TID]
		switch {
		case t.TID == 0:
		case !t.Sub:
			known[t.TID] = t
		case same != nil && minor <= 12:
			t.TID = 0
		case same != nil && t.Name == "":
			t.Name = same.Name
		}
	}
}
