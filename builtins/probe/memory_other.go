//go:build !linux

package probe

func (liveMemory) ReadMemory(int, []uint64, int, []byte) (int, error) { return 0, ErrUnsupported }

func (liveMemory) Program(int) (Program, error) { return Program{}, ErrUnsupported }

func (liveMemory) OpenImage(int, string, uint64, uint64) (Image, error) { return nil, ErrUnsupported }

func (liveMemory) AsProcess(int, func(SourceOpener)) error { return ErrUnsupported }
