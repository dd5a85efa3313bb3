package builtins

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"runbook/engine"
)

func tomlDecode() engine.Builtin {
	return engine.Builtin{
		Name:    "toml.decode",
		Doc:     "The value of a text in TOML, as `json.decode` is for JSON.",
		Params:  []engine.Arg{{Name: "text", Type: "string", Doc: "The whole of it."}},
		Returns: "dict",
		Errors:  "it is no TOML; the error says where",
		Example: `toml.decode(read(path))["check"]`,
		Pure:    true,
		Func: func(call *engine.Call, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var source string
			if err := starlark.UnpackArgs(call.Name, args, kwargs, "text", &source); err != nil {
				return nil, err
			}
			v, err := decodeTOML(source)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", call.Name, err)
			}
			return v, nil
		},
	}
}

// decodeTOML returns the value of a text; an error begins with the place.
func decodeTOML(source string) (starlark.Value, error) {
	var table map[string]any
	err := toml.Unmarshal([]byte(source), &table)
	var at *toml.DecodeError
	if errors.As(err, &at) {
		line, column := at.Position()
		return nil, fmt.Errorf("line %d, column %d: %s", line, column, strings.TrimPrefix(at.Error(), "toml: "))
	}
	if err != nil {
		return nil, err
	}
	return tomlValue(table), nil
}

// tomlValue is a value of TOML in Starlark. Of a table the order is lost.
func tomlValue(v any) starlark.Value {
	switch v := v.(type) {
	case map[string]any:
		d := starlark.NewDict(len(v))
		var keys []string
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			_ = d.SetKey(starlark.String(key), tomlValue(v[key])) // neither frozen nor iterated
		}
		return d
	case []any:
		return listOf(v, tomlValue)
	case string:
		return text(v)
	case bool:
		return truth(v)
	case int64:
		return integer(v)
	case float64:
		return starlark.Float(v)
	case time.Time:
		return startime.Time(v)
	}
	return text(fmt.Sprint(v)) // a date or time of day without a zone
}
