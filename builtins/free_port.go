package builtins

import (
	"context"
	"fmt"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) freePort() engine.Builtin {
	return engine.Builtin{
		Name: "free_port",
		Doc: "A TCP port at which nobody listens, on any address of this machine; the kernel chooses it.\n\n" +
			"It is free now, and not reserved: look again at who listens there once something of yours should.",
		Params: []engine.Arg{
			{Name: "avoid", Type: "list of int", Default: "[]", Doc: "Ports that it must not be, also when they are free."},
		},
		Returns: "int",
		Errors:  "the machine is a snapshot; its sockets may not be read",
		Example: `free_port(avoid = [1616, 6116])`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var list *starlark.List
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "avoid?", &list); err != nil {
				return nil, err
			}
			var avoid []int
			if list != nil {
				for v := range starlark.Elements(list) {
					n, err := starlark.AsInt32(v)
					if err != nil {
						return nil, fmt.Errorf("%s: for parameter \"avoid\": got %s in the list, want int", call.Name, v.Type())
					}
					avoid = append(avoid, n)
				}
			}
			return w.look(call, func(ctx context.Context, h probe.Host) (starlark.Value, error) {
				port, err := probe.FreePort(ctx, h, avoid)
				return integer(port), err
			})
		},
	}
}
