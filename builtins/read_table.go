package builtins

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"

	"runbook/engine"
)

func readTable() engine.Builtin {
	return engine.Builtin{
		Name: "read_table",
		Doc: "The value of a file in TOML or JSON that the user named in a parameter: TOML where its name ends in `.toml`.\n\n" +
			"It is read as `read` does; what is wrong in it is said with its name and the place.",
		Params:  []engine.Arg{{Name: "path", Type: "string", Doc: "As the user gave it, in a parameter of kind path, list or rest; \"-\" is standard input."}},
		Returns: "dict, or whatever the JSON is",
		Errors:  "those of `read`; it is no TOML, or no JSON",
		Example: `read_table(path)["check"]`,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var path string
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "path", &path); err != nil {
				return nil, err
			}
			source, err := readNamed(call, path)
			if err != nil {
				return nil, err
			}
			kind, decode := "JSON", decodeJSON
			if strings.HasSuffix(path, ".toml") {
				kind, decode = "TOML", decodeTOML
			}
			v, err := decode(source)
			if err != nil {
				return nil, &blind{probe: "read", err: fmt.Errorf("%s is no %s: %w", path, kind, err)}
			}
			return v, nil
		},
	}
}

// decodeJSON is `json.decode` of Starlark; an error begins with the place.
func decodeJSON(source string) (starlark.Value, error) {
	v, err := starlark.Call(new(starlark.Thread), json.Module.Members["decode"], starlark.Tuple{starlark.String(source)}, nil)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json.decode: "))
	}
	return v, nil
}
