package builtins

import (
	"context"
	"fmt"
	"os"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) udsFiles() engine.Builtin {
	return engine.Builtin{
		Name: "uds_files",
		Doc: "The socket files of a directory, and whether anybody listens at them.\n\n" +
			"The kernel says who listens; the pid in a file's name does not. In `registry@1616.sock` it is no pid at all.",
		Params:  []engine.Arg{{Name: "dir", Type: "string", Default: `""`, Doc: `Such as "/run/user/1000/tractor". One that does not exist has no files. "" is where our user's actors put theirs: $XDG_RUNTIME_DIR/tractor.`}},
		Returns: "list of uds_file",
		Errors:  "the directory may not be read; the machine is a snapshot, which holds no such directories",
		Example: `[f.path for f in uds_files(dir) if not f.listening]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var dir string
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "dir?", &dir); err != nil {
				return nil, err
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				dirs := []string{dir}
				if dir == "" {
					dirs = probe.Bindspaces(os.Getenv, h.Clock().UID)
				}
				var found []probe.UDSFile
				for _, dir := range dirs {
					files, err := probe.UDSFiles(ctx, h, dir)
					if err != nil {
						return nil, err
					}
					found = append(found, files...)
				}
				return listOf(found, func(f probe.UDSFile) starlark.Value { return newRecord(udsFileKind, f, "procfs", h.Now()) }), nil
			})
		},
	}
}

var udsFileKind = &kind[probe.UDSFile]{
	name: "uds_file",
	doc:  "A socket file.",
	text: func(f probe.UDSFile) string { return fmt.Sprintf("%s listening %t", f.Path, f.Listening) },
	fields: []field[probe.UDSFile]{
		{name: "path", typ: "string", get: func(f probe.UDSFile) starlark.Value { return text(f.Path) }},
		{name: "owner", typ: "string or None", doc: "the actor's name, as the file's name says", get: func(f probe.UDSFile) starlark.Value { return orNone(f.Owner) }},
		{name: "pid", typ: "int or None", doc: "as the file's name says", get: func(f probe.UDSFile) starlark.Value { return unless(0, f.PID) }},
		{name: "pid_alive", typ: "bool", doc: "a process with that pid exists; perhaps another one by now", get: func(f probe.UDSFile) starlark.Value { return truth(f.PIDAlive) }},
		{name: "listening", typ: "bool", doc: "somebody accepts connections at it; if nobody does, the next bind fails", get: func(f probe.UDSFile) starlark.Value { return truth(f.Listening) }},
		{name: "holder_pid", typ: "int or None", doc: "who listens; None nobody, or unknown", get: func(f probe.UDSFile) starlark.Value { return unless(0, f.HolderPID) }},
		{name: "age", typ: "duration", get: func(f probe.UDSFile) starlark.Value { return span(f.Age) }},
	},
}
