package builtins

import (
	"context"
	"fmt"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) shm() engine.Builtin {
	return engine.Builtin{
		Name:    "shm",
		Doc:     "Our files of shared memory, and who maps them.\n\nWhat nobody maps was left behind: nothing removes it but us. Reads the maps of every process, about 50 µs each, when there are such files and it is asked who uses them.",
		Params:  []engine.Arg{{Name: "users", Type: "bool", Default: "True", Doc: "whether to look who maps them; False names the files, and none of them is `certain`"}},
		Returns: "list of segment",
		Errors:  "/dev/shm may not be read; the machine is a snapshot",
		Example: `[s.path for s in shm() if s.certain and not s.mapped_by]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			users := true
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "users?", &users); err != nil {
				return nil, err
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				found, err := probe.SharedMemory(ctx, h, users)
				return listOf(found, func(s probe.Segment) starlark.Value { return newRecord(segmentKind, s, "procfs", h.Now()) }), err
			})
		},
	}
}

var segmentKind = &kind[probe.Segment]{
	name: "segment",
	doc:  "A file of shared memory.",
	text: func(s probe.Segment) string { return fmt.Sprintf("%s %d bytes", s.Path, s.Size) },
	fields: []field[probe.Segment]{
		{name: "path", typ: "string", get: func(s probe.Segment) starlark.Value { return text(s.Path) }},
		{name: "size", typ: "int", doc: "bytes", get: func(s probe.Segment) starlark.Value { return integer(s.Size) }},
		{name: "uid", typ: "int", get: func(s probe.Segment) starlark.Value { return integer(s.UID) }},
		{name: "age", typ: "duration", doc: "since it was last written to as a file", get: func(s probe.Segment) starlark.Value { return span(s.Age) }},
		{name: "mapped_by", typ: "list of int", doc: "pids that map it or have it open", get: func(s probe.Segment) starlark.Value { return listOf(s.MappedBy, integer[int]) }},
		{name: "certain", typ: "bool", doc: "all processes of this user were read; else another may map it", get: func(s probe.Segment) starlark.Value { return truth(s.Certain) }},
	},
}
