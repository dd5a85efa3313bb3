// Package probe is plain Go that looks at a machine, and acts on it.
//
// It knows no Starlark and no engine. Everything enters through a Host: a
// live one, a snapshot, or a recorder around either.
//
//	parse (bytes → facts, pure)  ←  read (path → bytes, through Host)  ←  builtins
//
// A file is named after the thing of the kernel that it reads.
package probe
