package probe

import (
	"net"
	"path"
	"strconv"
	"strings"
)

// titlePrefix begins the title that an actor writes over its argv, and so its
// comm.
const titlePrefix = "_subactor["

// ParseIdentity returns who a process says it is, by its argv and comm; both
// clean. The zero Identity when it says nothing.
//
// A fork server and the actors that it forks have the same argv: these come
// out as "helper" (ReadProcess looks at the parent, and tells them apart).
func ParseIdentity(args []string, comm string) Identity {
	if len(args) == 0 {
		if name, ok := strings.CutPrefix(comm, titlePrefix); ok {
			return Identity{Population: "comm", Name: titleName(name)}
		}
		return Identity{}
	}
	if rest, ok := strings.CutPrefix(args[0], titlePrefix); ok {
		return Identity{Population: "title", Name: titleName(strings.TrimRight(rest, " "))}
	}
	option, value, rest := pythonTarget(args)
	switch {
	case option == "-m" && value == "tractor._child":
		return childIdentity(rest)
	case option == "-c":
		return codeIdentity(value, rest)
	case option == "" && strings.HasSuffix(value, "/tractor/_child.py"):
		return childIdentity(rest)
	}
	if strings.HasPrefix(comm, titlePrefix) {
		return Identity{Population: "comm", Name: titleName(comm[len(titlePrefix):])}
	}
	return Identity{}
}

// titleName takes the name out of "name@pid]", or of what is left of that. The
// name itself may hold @ and ].
func titleName(s string) string {
	s = strings.TrimSuffix(s, "]")
	if at := strings.LastIndexByte(s, '@'); at >= 0 && strings.Trim(s[at+1:], "0123456789") == "" {
		s = s[:at]
	}
	return s
}

// pythonTarget finds what an interpreter runs: -m module, -c code, or a file
// (option ""). Only options may stand before it: `timeout 5 python -m x` and
// `sh -c 'python -m x'` are not that module.
func pythonTarget(args []string) (option, value string, rest []string) {
	for i := 1; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-m" || a == "-c":
			if i+1 < len(args) {
				return a, args[i+1], args[i+2:]
			}
			return "", "", nil
		case a == "-X" || a == "-W":
			i++
		case strings.HasPrefix(a, "-") && len(a) > 1:
		default:
			return "", a, args[i+1:]
		}
	}
	return "", "", nil
}

// childIdentity reads the flags after `-m tractor._child`.
func childIdentity(flags []string) Identity {
	id := Identity{Population: "argv"}
	for i := 0; i < len(flags); i++ {
		name, value, ok := strings.Cut(flags[i], "=")
		if !ok && (name == "--uid" || name == "--parent_addr") && i+1 < len(flags) {
			i++
			value = flags[i]
		}
		switch name {
		case "--uid":
			id.Name, id.UUID = uid(value)
		case "--parent_addr":
			id.ParentAddr = address(value)
		}
	}
	return id
}

// uid reads "('name', 'uuid')".
func uid(s string) (name, uuid string) {
	v, ok := parseLiteral(s)
	if !ok {
		if strings.HasPrefix(s, "(") {
			return "", "" // cut, or not what we know: no name rather than half of one
		}
		return s, ""
	}
	if v.items == nil {
		return v.text, ""
	}
	if len(v.items) > 1 {
		uuid = v.items[1].text
	}
	return v.items[0].text, uuid
}

// address reads ('127.0.0.1', 1616), ('dir', 'name.sock'), either of them
// behind its protocol ('tcp', (…)), or a bare string.
func address(s string) string {
	v, ok := parseLiteral(s)
	switch {
	case !ok && !strings.HasPrefix(s, "("):
		return s
	case !ok:
		return ""
	case v.items == nil:
		return v.text
	case len(v.items) > 1 && v.items[1].items != nil:
		v = v.items[1]
	}
	if len(v.items) == 1 {
		return v.items[0].text
	}
	host, port := v.items[0].text, v.items[1].text
	if _, err := strconv.ParseUint(port, 10, 16); err == nil && !v.items[1].quoted {
		return net.JoinHostPort(host, port)
	}
	return path.Join(host, port)
}

// codeIdentity recognises the children of Python's multiprocessing, which have
// no name.
func codeIdentity(code string, rest []string) Identity {
	for _, a := range rest {
		if a == "--multiprocessing-fork" {
			return Identity{Population: "mp"}
		}
	}
	module, ok := strings.CutPrefix(strings.TrimSpace(code), "from ")
	if !ok {
		return Identity{}
	}
	module, _, _ = strings.Cut(module, " ")
	switch module {
	case "multiprocessing.spawn":
		return Identity{Population: "mp"}
	case "multiprocessing.resource_tracker", "multiprocessing.semaphore_tracker",
		"multiprocessing.forkserver", "tractor.spawn._forkserver_override", "tractor._forkserver_override":
		return Identity{Population: "helper"}
	}
	return Identity{}
}

// forks reports whether argv is that of a fork server, or of what it forked.
func forks(args []string) bool {
	option, code, _ := pythonTarget(args)
	return option == "-c" && (strings.HasPrefix(code, "from multiprocessing.forkserver ") ||
		strings.Contains(code, "._forkserver_override import"))
}
