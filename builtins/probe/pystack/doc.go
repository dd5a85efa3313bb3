// Package pystack reads the threads of a live CPython 3.8 to 3.15, and its trio
// and asyncio tasks, from outside: out of its memory, by process_vm_readv(2).
// Nothing is installed in the program that is read, no code runs in it, no
// signal is sent, it is not stopped.
//
//	maps → ELF with _PyRuntime → interpreters → threads → frames → code → lines
//	                                          ↘ trio's runner → nurseries → tasks → await chains
//	                                          ↘ asyncio's lists → tasks → await chains
//
// The layout of CPython's structs is a table, one row a minor version, made
// from its headers (gen); from 3.13 on the program's own _Py_DebugOffsets win
// where they speak. A version without a row is refused by name, and a row that
// does not fit what is found is refused by the self-check: what is read is
// either right or said to be missing.
//
// Attributes of Python objects are found by name through their types, so no
// layout of trio or asyncio is written down.
//
// A program that runs while it is read may be seen in two states at once. Proof
// says whether that is ruled out.
package pystack
