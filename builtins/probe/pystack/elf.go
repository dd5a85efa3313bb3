package pystack

import (
	"debug/elf"
	"fmt"
	"sync"

	"runbook/builtins/probe"
)

// symbols is where an ELF file keeps what we look for: addresses as linked, 0
// where it has none.
type symbols struct {
	runtime uint64 // _PyRuntime
	version uint64 // Py_Version, 3.11+
	secret  uint64 // _Py_HashSecret
	asyncio uint64 // the section .AsyncioDebug of _asyncio.so, 3.14+
}

// known keeps the symbols of images by their key: reading a symbol table costs
// more than reading a process.
var known sync.Map

func symbolsOf(image probe.Image) (s symbols, err error) {
	if s, ok := known.Load(image.Key()); ok {
		return s.(symbols), nil
	}
	// debug/elf has been made to panic by broken files.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read ELF: %v", r)
		}
	}()
	f, err := elf.NewFile(image)
	if err != nil {
		return symbols{}, err
	}
	if section := f.Section(".AsyncioDebug"); section != nil {
		s.asyncio = section.Addr
	}
	for _, table := range []func() ([]elf.Symbol, error){f.DynamicSymbols, f.Symbols} {
		all, _ := table() // none is no error here
		for _, symbol := range all {
			switch symbol.Name {
			case "_PyRuntime":
				s.runtime = symbol.Value
			case "Py_Version":
				s.version = symbol.Value
			case "_Py_HashSecret":
				s.secret = symbol.Value
			}
		}
		if s.runtime != 0 {
			break
		}
	}
	if section := f.Section(".PyRuntime"); section != nil && s.runtime == 0 { // 3.10+, stripped
		s.runtime = section.Addr
	}
	known.Store(image.Key(), s)
	return s, nil
}
