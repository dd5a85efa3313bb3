package builtins

import (
	"context"
	"fmt"

	"go.starlark.net/starlark"

	"runbook/builtins/probe"
	"runbook/engine"
)

func (w *world) wchan() engine.Builtin {
	return engine.Builtin{
		Name: "wchan",
		Doc: "The kernel function in which the main thread of a process sleeps.\n\n" +
			"The same as `cat /proc/PID/wchan`, without the suffixes that compilers add. Names differ between kernels: " +
			"compare `threads(p)[0].family` where you can.",
		Params:  oneProcessParam,
		Returns: `string; "" when it runs; None when the kernel hides it`,
		Errors:  "the process has ended; its threads may not be read",
		Example: `wchan(p) == "do_epoll_wait"`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return w.ofProcess(call, args, kwargs, func(ctx context.Context, h probe.Host, p *process) (starlark.Value, error) {
				found, err := probe.Threads(ctx, h, p.it.PID, nil)
				if err != nil {
					return nil, err
				}
				for i := range found {
					if found[i].TID == p.it.PID {
						return wchanOf(&found[i]), nil
					}
				}
				return nil, fmt.Errorf("%s: no main thread among its %d threads", subjectOf(p.it).Label(), len(found))
			})
		},
	}
}
